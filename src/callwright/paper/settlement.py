"""Delivery of inverse options at expiry: payoff and fee, in coin. Pure.

European, automatic, cash settled at 08:00 UTC on the delivery price (30-minute TWAP of the index;
interpolated when a recorded market has only snapshots around it).
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from callwright.domain.instrument import OptionInstrument
from callwright.paper.records import coin
from callwright.paper.schedule import CURRENT, Schedule

_FRIDAY = 4


class Delivery(NamedTuple):
    """What a delivered position pays: ``payoff`` is not negative, a short pays it; all in coin."""

    payoff: Decimal
    fee: Decimal
    cash: Decimal


def payoff_per_coin(option: OptionInstrument, delivery_price_usd: Decimal) -> Decimal:
    """Return the payoff of one coin: call ``max(0, 1 - K/S)``, put ``max(0, K/S - 1)``.

    Source: Deribit, inverse options, read 2026-08. A call pays less than one coin at any price.
    """
    moneyness = coin(option.strike_usd / delivery_price_usd)
    return max(Decimal(0), 1 - moneyness if option.is_call else moneyness - 1)


def deliver(
    option: OptionInstrument,
    *,
    position: Decimal,
    delivery_price_usd: Decimal,
    schedule: Schedule = CURRENT,
) -> Delivery:
    """Return what delivery does to the balance of someone who holds ``position`` (signed, coin)."""
    per_coin = payoff_per_coin(option, delivery_price_usd)
    amount = abs(position)
    payoff = per_coin * amount
    fee = Decimal(0)
    if not is_daily(option):
        cap = schedule.delivery_fee_cap_frac * per_coin
        fee = coin(min(schedule.delivery_fee_frac, cap) * amount)
    return Delivery(payoff, fee, (payoff if position > 0 else -payoff) - fee)


def is_daily(option: OptionInstrument) -> bool:
    """Return whether the option is a daily: weeklies, monthlies and quarterlies end on Fridays."""
    return option.expiry.weekday() != _FRIDAY
