"""Standard margin (S:SM) of short inverse options and of resting orders; the only model here.

Portfolio margin is not modelled. Pure: numbers in, numbers out. Long options need no margin; their
premium has been paid.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from callwright.domain.instrument import OptionInstrument
from callwright.paper.records import coin
from callwright.paper.schedule import CURRENT, MarginTerms


class Margin(NamedTuple):
    """Initial and maintenance margin, in coin."""

    initial: Decimal
    maintenance: Decimal


def short_margin(
    option: OptionInstrument,
    *,
    mark_coin: Decimal,
    forward_usd: Decimal,
    terms: MarginTerms = CURRENT.margin,
) -> Margin:
    """Return the margin of a short position of one coin.

    Calls: initial ``max(0.15 - OTM/F, 0.10) + mark``, maintenance ``0.075 + mark``, OTM =
    ``max(0, K - F)``. Puts: OTM = ``max(0, F - K)``, maintenance ``max(0.075, 0.075 mark) + mark``,
    and the initial margin is never below it.

    Source: ``schedule.SOURCES``; the put's formula is recalled.
    """
    distance = option.strike_usd - forward_usd
    out_of_money_usd = max(Decimal(0), distance if option.is_call else -distance)
    initial_frac = max(
        terms.initial_frac - out_of_money_usd / forward_usd, terms.initial_floor_frac
    )
    initial = coin(initial_frac + mark_coin)
    if option.is_call:
        return Margin(initial, coin(terms.maintenance_frac + mark_coin))
    scaled = max(terms.maintenance_frac, terms.maintenance_frac * mark_coin)
    maintenance = coin(scaled + mark_coin)
    return Margin(max(initial, maintenance), maintenance)


def order_reserve(
    *,
    position: Decimal,
    sells: Decimal,
    buys: Iterable[tuple[Decimal, Decimal]],
    initial_per_coin: Decimal,
) -> Decimal:
    """Return what the resting orders of one instrument reserve, in coin.

    Sells reserve the initial margin of whatever they would be short of beyond a long position.
    Buys reserve their cost; where they buy back a short, less the initial margin that frees.

    Args:
        position: Signed position in the instrument.
        sells: Sum of the open amounts of its resting sells.
        buys: (price and fee per coin, open amount) of each resting buy.
        initial_per_coin: Initial margin of being short one coin of it.
    """
    reserve = max(Decimal(0), sells - max(Decimal(0), position)) * initial_per_coin
    short = max(Decimal(0), -position)
    # The dearest buy fills first, so it is the first to use the margin that a buy-back frees.
    for cost_per_coin, amount in sorted(buys, reverse=True):
        closing = min(short, amount)
        short -= closing
        reserve += max(Decimal(0), cost_per_coin * amount - closing * initial_per_coin)
    return coin(reserve)
