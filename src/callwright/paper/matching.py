"""What an incoming order finds in the book: the declared depth model, taken level by level. Pure.

Level 1 is the quote's best price with its displayed size. Behind it stand the deeper levels of
``schedule.DepthTerms``, each some ticks worse and a multiple of the displayed size, because the
markets that we replay publish no depth. All sizes are whole lots.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from callwright.domain.contract import ContractSpec
from callwright.domain.market import Quote
from callwright.paper.records import Direction
from callwright.paper.schedule import CURRENT, DepthTerms


class Level(NamedTuple):
    """A price, in coin per coin, and how much trades there, in coin."""

    price: Decimal
    amount: Decimal


def book_levels(
    quote: Quote | None,
    direction: Direction,
    spec: ContractSpec,
    terms: DepthTerms = CURRENT.depth,
) -> tuple[Level, ...]:
    """Return what an incoming ``direction`` order may take, best first; empty without a quote."""
    price = quote.taker_price(direction) if quote else None
    if quote is None or price is None:
        return ()
    shown = spec.floor_to_lot(quote.taker_amount(direction))
    if not shown > 0:
        return ()
    tick = spec.tick_at(price)
    worse = tick if direction == "buy" else -tick
    deeper = (
        Level(
            (spec.ceil_to_tick if direction == "buy" else spec.floor_to_tick)(price + worse * n),
            shown * multiple,
        )
        for n, multiple in terms.deeper_levels
    )
    return (Level(price, shown), *(level for level in deeper if level.price > 0))


def take(
    levels: Sequence[Level],
    *,
    direction: Direction,
    taken: Decimal,
    amount: Decimal,
    limit: Decimal,
) -> tuple[Level, ...]:
    """Return the fills of an incoming order, best price first.

    Args:
        taken: What earlier orders of the same step took from these levels, best first.
        amount: What the order asks for.
        limit: It trades at this price or better.
    """
    fills = []
    for level in levels:
        within = level.price <= limit if direction == "buy" else level.price >= limit
        if not (within and amount > 0):
            break
        gone = min(taken, level.amount)
        taken -= gone
        filled = min(level.amount - gone, amount)
        if filled > 0:
            fills.append(Level(level.price, filled))
            amount -= filled
    return tuple(fills)


def price_band(
    mark: Decimal, spec: ContractSpec, terms: DepthTerms = CURRENT.depth
) -> tuple[Decimal, Decimal]:
    """Return the lowest and highest price of a market order, on the tick grid, one tick or more."""
    width = max(terms.band_frac * mark, terms.band_min_coin)
    lowest = max(spec.tick_base, spec.floor_to_tick(max(Decimal(0), mark - width)))
    return lowest, spec.ceil_to_tick(mark + width)


def post_only_price(
    price: Decimal, quote: Quote | None, direction: Direction, spec: ContractSpec
) -> Decimal:
    """Return where a post-only order rests: its price, or one tick short of crossing.

    Zero when there is no price left to rest at.
    """
    opposite = quote.taker_price(direction) if quote else None
    if opposite is None:
        return price
    if direction == "sell":
        return price if price > opposite else spec.ceil_to_tick(opposite + spec.tick_at(opposite))
    if price < opposite:
        return price
    # The grid below a step's bound is the finer one, so the tick is asked for just under it.
    return spec.floor_to_tick(opposite - _tick_below(opposite, spec))


def _tick_below(price: Decimal, spec: ContractSpec) -> Decimal:
    return spec.tick_at(price - spec.tick_base)
