"""Risk: initial margin after the trade, as the venue states it, stays within its limit."""

from __future__ import annotations

from decimal import Decimal

from callwright.domain.market import decimal_of
from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def margin_within_limit(x: RuleInput) -> Verdict:
    """(Account + unresolved sells + sold − released) over what the buy-back leaves is in limits.

    The account's figure holds resting orders already. The premium of the sale, more than its fee,
    is left out of the balance: it comes only if the order fills.
    """
    if x.sold is None:
        return Verdict.allow()
    candidate = x.scan.candidate(x.sold.symbol)
    if candidate is None or candidate.margin_initial_coin is None:
        return Verdict.deny("MARGIN_UNKNOWN", symbol=x.sold.symbol)
    initial_coin = (
        x.coin.initial_margin_coin
        + sum(
            intent.margin_initial_coin
            for intent in x.snapshot.unresolved
            if intent.side == "sell" and intent.underlying == x.underlying
        )
        + candidate.margin_initial_coin * x.sold.amount_coin
        - _released_coin(x)
    )
    balance_coin = x.coin.margin_balance_coin - x.buy_back_cost_coin
    limit_frac = decimal_of(x.limits.margin_used_frac_max)
    if balance_coin > 0 and initial_coin <= limit_frac * balance_coin:
        return Verdict.allow()
    return Verdict.deny(
        "MARGIN_ABOVE_MAXIMUM",
        margin_used_frac=initial_coin / balance_coin if balance_coin > 0 else None,
        margin_used_frac_max=limit_frac,
        initial_margin_coin=initial_coin,
        margin_balance_coin=balance_coin,
    )


def _released_coin(x: RuleInput) -> Decimal:
    position = x.bought_position
    if x.bought is None or position is None:
        return Decimal(0)
    return position.initial_margin_coin * x.bought.amount_coin / -position.amount_coin
