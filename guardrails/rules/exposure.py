"""Risk: how much of a move, and how much of one expiry, the projected book carries."""

from __future__ import annotations

from decimal import Decimal

from callwright.analytics.cover import calls_to_cover, pending_sells
from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput


def net_delta_within_limit(x: RuleInput) -> Verdict:
    """|net delta| stays within its limit whichever of the pending sells fill.

    A pending sale of a put, or any sale in a book that is long, would bring the sum nearer to
    zero; it may also never fill, so only what makes things worse is counted, on either side.
    """
    if x.sold is None:
        return Verdict.allow()
    limit = x.limits.net_delta_abs_max.get(x.underlying)
    if limit is None:
        return _limit_missing("net_delta_abs_max", x.underlying)
    book = x.scan.books.get(x.underlying)
    if book is None or book.net_delta is None:
        unvalued = "" if book is None else " ".join(book.unvalued)
        return Verdict.deny("NET_DELTA_UNKNOWN", unvalued=unvalued)
    lowest = highest = book.net_delta
    for leg in x.legs:
        if leg.delta is None:
            return Verdict.deny("NET_DELTA_UNKNOWN", unvalued=leg.symbol)
        change = float(leg.amount_coin) * leg.delta * (1 if leg.side == "buy" else -1)
        lowest, highest = lowest + change, highest + change
    for name, amount_coin in pending_sells(x.snapshot, x.underlying):
        delta = x.delta(name)
        if delta is None:
            return Verdict.deny("NET_DELTA_UNKNOWN", unvalued=name)
        change = -float(amount_coin) * delta
        # Not min() and max(): those may drop a NaN, which has to reach the comparison.
        if change > 0:
            highest += change
        else:
            lowest += change
    if -float(limit) <= lowest and highest <= float(limit):
        return Verdict.allow()
    return Verdict.deny(
        "NET_DELTA_ABOVE_MAXIMUM",
        net_delta_lowest=lowest,
        net_delta_highest=highest,
        net_delta_abs_max=limit,
    )


def expiry_exposure_within_limit(x: RuleInput) -> Verdict:
    """Short calls of the sold expiry, pending ones included, stay within their limit."""
    if x.sold is None:
        return Verdict.allow()
    limit_coin = x.limits.expiry_exposure_max_coin.get(x.underlying)
    if limit_coin is None:
        return _limit_missing("expiry_exposure_max_coin", x.underlying)
    expiry = x.sold.option.expiry
    before_coin = sum(
        (
            amount_coin
            for option, amount_coin in calls_to_cover(x.snapshot, x.underlying)
            if option.expiry == expiry
        ),
        Decimal(0),
    )
    exposure_coin = before_coin + x.sold.amount_coin
    if x.bought is not None and x.bought.option.expiry == expiry:
        exposure_coin -= x.bought.amount_coin
    if exposure_coin <= limit_coin:
        return Verdict.allow()
    return Verdict.deny(
        "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
        expiry=expiry.date().isoformat(),
        exposure_coin=exposure_coin,
        exposure_max_coin=limit_coin,
    )


def _limit_missing(limit: str, underlying: str) -> Verdict:
    return Verdict.deny("LIMIT_MISSING", limit=limit, underlying=underlying)
