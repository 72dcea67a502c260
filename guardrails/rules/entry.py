"""Risk: what is sold is a weekly-like, out-of-the-money call that pays for itself."""

from __future__ import annotations

from decimal import Decimal

from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def delta_in_window(x: RuleInput) -> Verdict:
    """N(d1) of what is sold is inside the opening window."""
    if x.sold is None:
        return Verdict.allow()
    delta, low, high = x.sold.delta, x.limits.delta_open_min, x.limits.delta_open_max
    if delta is not None and low <= delta <= high:
        return Verdict.allow()
    return Verdict.deny(
        "DELTA_OUTSIDE_WINDOW", symbol=x.sold.symbol, delta=delta, delta_min=low, delta_max=high
    )


def dte_in_window(x: RuleInput) -> Verdict:
    """Days to expiry of what is sold are inside the opening window."""
    if x.sold is None:
        return Verdict.allow()
    dte_days = x.days_to_expiry(x.sold.option)
    low, high = x.limits.dte_open_min_days, x.limits.dte_open_max_days
    if low <= dte_days <= high:
        return Verdict.allow()
    return Verdict.deny(
        "DTE_OUTSIDE_WINDOW",
        symbol=x.sold.symbol,
        dte_days=dte_days,
        dte_min_days=low,
        dte_max_days=high,
    )


def premium_reaches_minimum(x: RuleInput) -> Verdict:
    """(Bid − taker fee) per coin of what is sold reaches the minimum."""
    if x.sold is None:
        return Verdict.allow()
    bid_coin, minimum_coin = x.sold.price_coin, x.limits.premium_min_coin
    net_coin = None
    if bid_coin is not None:
        net_coin = bid_coin - x.spec.taker_fee_coin(bid_coin, Decimal(1))
        if net_coin >= minimum_coin:
            return Verdict.allow()
    return Verdict.deny(
        "PREMIUM_BELOW_MINIMUM",
        symbol=x.sold.symbol,
        premium_net_coin=net_coin,
        premium_min_coin=minimum_coin,
    )
