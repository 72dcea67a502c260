"""Contract terms that a venue publishes: ticks, lots, fees.

The desk reads them from the venue and never from a table of its own.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from pydantic import model_validator

from callwright.domain.base import Frozen, NonNegative, Positive


class TickStep(Frozen):
    """From ``above_price`` (inclusive) up, prices move in ``tick``."""

    above_price: NonNegative
    tick: Positive


class ContractSpec(Frozen):
    """Terms shared by all options of one underlying on one venue.

    Attributes:
        underlying: The coin.
        amount_min: Smallest order, in coin (Deribit: 0.1 BTC, 1 ETH).
        amount_step: Orders are whole multiples of this, in coin.
        tick_base: Tick of a price below the first step, in quote currency per coin.
        tick_steps: Larger ticks at higher prices, ascending.
        taker_fee_frac: Fee per coin of underlying, as a fraction of the coin.
        maker_fee_frac: The same for resting orders.
        fee_cap_frac: No fee exceeds this fraction of the option's price.
        schedule_date: The day on which the venue's table was read, ``2026-07-31``.
    """

    underlying: str
    amount_min: Positive
    amount_step: Positive
    tick_base: Positive
    tick_steps: tuple[TickStep, ...] = ()
    taker_fee_frac: NonNegative
    maker_fee_frac: NonNegative
    fee_cap_frac: NonNegative
    schedule_date: str

    @model_validator(mode="after")
    def _steps_ascend(self) -> ContractSpec:
        bounds = [step.above_price for step in self.tick_steps]
        if bounds != sorted(set(bounds)):
            raise ValueError("tick_steps must be in ascending order of above_price")
        return self

    def tick_at(self, price: Decimal) -> Decimal:
        """Return the tick that governs ``price``."""
        tick = self.tick_base
        for step in self.tick_steps:
            if price >= step.above_price:
                tick = step.tick
        return tick

    def is_on_tick(self, price: Decimal) -> bool:
        """Return whether ``price`` is positive and on the tick grid."""
        return price > 0 and price % self.tick_at(price) == 0

    def floor_to_tick(self, price: Decimal) -> Decimal:
        """Return the highest grid price at or below ``price``; zero if there is none."""
        tick = self.tick_at(price)
        return (price / tick).to_integral_value(ROUND_FLOOR) * tick

    def ceil_to_tick(self, price: Decimal) -> Decimal:
        """Return the lowest grid price at or above ``price``."""
        tick = self.tick_at(price)
        up = (price / tick).to_integral_value(ROUND_CEILING) * tick
        # Rounding up may cross into the coarser grid, whose bounds are multiples of both ticks.
        coarse = self.tick_at(up)
        return (up / coarse).to_integral_value(ROUND_CEILING) * coarse

    def floor_to_lot(self, amount_coin: Decimal) -> Decimal:
        """Return the most whole lots within ``amount_coin``; zero below the minimum."""
        lots = (amount_coin / self.amount_step).to_integral_value(ROUND_FLOOR) * self.amount_step
        return lots if lots >= self.amount_min else Decimal(0)

    def taker_fee_coin(self, price: Decimal, amount_coin: Decimal) -> Decimal:
        """Return the fee of taking ``amount_coin`` at ``price``: the rate, or the cap if lower."""
        return min(self.taker_fee_frac, self.fee_cap_frac * price) * amount_coin
