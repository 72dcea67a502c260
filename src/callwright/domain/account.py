"""The account as the venue states it: coin balances, margin, positions, resting orders.

Unknown is never zero: every field is required, and an adapter that cannot fill one raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from callwright.domain.base import Amount, Frozen, NonNegative, Positive, UtcTime
from callwright.domain.orders import Side


class CoinAccount(Frozen):
    """One currency of the account, in that coin.

    Attributes:
        balance_coin: Cash: deposits, premiums, fees, settlements. What cover is made of.
        reserved_coin: Cash that is not ours to cover with (spot reserve, pending withdrawal).
        margin_balance_coin: Balance plus futures session profit and loss.
        options_value_coin: Signed mark value of option positions, short below zero.
        equity_coin: ``margin_balance_coin + options_value_coin``.
        initial_margin_coin: Of positions and resting orders.
        maintenance_margin_coin: Liquidation starts when it exceeds ``margin_balance_coin``.
    """

    currency: str
    balance_coin: Amount
    reserved_coin: NonNegative
    margin_balance_coin: Amount
    options_value_coin: Amount
    equity_coin: Amount
    initial_margin_coin: NonNegative
    maintenance_margin_coin: NonNegative


class Position(Frozen):
    """An open position.

    Attributes:
        instrument_name: Venue name; not always an option of ours.
        amount_coin: Signed, short below zero; never zero.
        average_price_coin: Average price of opening, in coin per coin.
        mark_price_coin: The venue's mark, in coin per coin.
        initial_margin_coin: Held for this position.
    """

    instrument_name: str
    amount_coin: Amount
    average_price_coin: NonNegative
    mark_price_coin: NonNegative
    initial_margin_coin: NonNegative


class RestingOrder(Frozen):
    """An order that is live in the venue's book."""

    order_id: str
    label: str
    instrument_name: str
    side: Side
    amount_coin: Positive
    filled_coin: NonNegative
    price_coin: Positive
    reduce_only: bool

    @property
    def open_coin(self) -> Decimal:
        """What may still fill, in coin."""
        return self.amount_coin - self.filled_coin


class Account(Frozen):
    """The whole account at ``as_of``.

    Attributes:
        account_id: Stable name of the account; part of cycle ids and order labels.
        coins: One entry a currency, by its name.
    """

    account_id: str
    as_of: UtcTime
    coins: Mapping[str, CoinAccount]
    positions: tuple[Position, ...]
    resting_orders: tuple[RestingOrder, ...]

    def position(self, instrument_name: str) -> Position | None:
        """Return the open position in an instrument, or None when flat."""
        return next((p for p in self.positions if p.instrument_name == instrument_name), None)
