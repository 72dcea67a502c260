"""Risk: no order is priced far from the mark."""

from __future__ import annotations

from callwright.domain.market import decimal_of
from callwright.domain.verdict import Verdict
from callwright.guardrails.rule_input import RuleInput

CLOSE_COLLAR_MULTIPLE = 5
"""How much wider the collar of a close is.

A close that cover, margin or expiry forces must not wait for a tight market; but it is still
bounded, so that one absurd offer in an empty book cannot take the balance.
"""


def price_within_collar(x: RuleInput) -> Verdict:
    """Each leg's price is within a fraction, or some ticks, of the mark, whichever is wider."""
    limits = x.limits
    for leg in x.legs:
        mark_coin = width_coin = None
        if leg.quote is not None and leg.price_coin is not None:
            mark_coin = leg.quote.mark_coin
            width_coin = max(
                decimal_of(limits.price_collar_frac) * mark_coin,
                limits.price_collar_ticks * x.spec.tick_at(mark_coin),
            )
            if x.is_close:
                width_coin *= CLOSE_COLLAR_MULTIPLE
            if abs(leg.price_coin - mark_coin) <= width_coin:
                continue
        return Verdict.deny(
            "PRICE_OUTSIDE_COLLAR",
            symbol=leg.symbol,
            side=leg.side,
            price_coin=leg.price_coin,
            mark_coin=mark_coin,
            collar_coin=width_coin,
        )
    return Verdict.allow()
