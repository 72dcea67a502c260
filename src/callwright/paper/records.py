"""What the exchange's books consist of: one frozen record a row, in Deribit's field names.

Amounts, prices and cash are Decimal, in coin; ``*_timestamp`` and ``*_ms`` are milliseconds since
1970 of market time. The store writes each record as a row of its own table.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Direction = Literal["buy", "sell"]
OrderType = Literal["limit", "market"]
OrderState = Literal["open", "filled", "cancelled"]
TimeInForce = Literal["good_til_cancelled", "immediate_or_cancel", "fill_or_kill"]

COIN_QUANTUM = Decimal("1e-8")
"""Every division is rounded to this, half to even; sums and products stay exact."""


def coin(value: Decimal) -> Decimal:
    """Return ``value`` rounded to the eighth decimal."""
    return value.quantize(COIN_QUANTUM)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the exchange stands: its market, its clock, and how many ids it has given out.

    Attributes:
        source: Name of the market; an account never changes its market.
        step_ms: Market time of the current step.
        elapsed_ms: Simulated time that passed within the step.
    """

    source: str
    step_ms: int
    elapsed_ms: int = 0
    orders: int = 0
    trades: int = 0
    settlements: int = 0

    @property
    def now_ms(self) -> int:
        return self.step_ms + self.elapsed_ms


@dataclass(frozen=True, slots=True)
class Coin:
    """One currency's cash: ``balance`` is ``deposited`` plus every trade's and delivery's cash."""

    currency: str
    deposited: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """An open position; ``size`` is signed and never zero."""

    instrument_name: str
    currency: str
    size: Decimal
    average_price: Decimal
    realized_profit_loss: Decimal


@dataclass(frozen=True, slots=True)
class Mark:
    """The last mark (coin per coin) and forward (USD) seen of an instrument in the books."""

    instrument_name: str
    mark_price: Decimal
    underlying_price: Decimal


@dataclass(frozen=True, slots=True)
class Taken:
    """Displayed liquidity that orders of ``direction`` have taken in the current step."""

    instrument_name: str
    direction: Direction
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """An order, open or done; ``price`` is None for a market order, ``fee`` is what its fills cost.

    ``cancel_reason`` is Deribit's: ``user_request``, ``settlement``, ``autoliquidation``, or
    ``risk_mitigation`` for a resting reduce-only order whose position is gone; empty when an
    immediate order simply found nothing more to take.
    """

    order_id: str
    currency: str
    instrument_name: str
    direction: Direction
    order_type: OrderType
    order_state: OrderState
    price: Decimal | None
    amount: Decimal
    filled_amount: Decimal
    average_price: Decimal | None
    label: str
    time_in_force: TimeInForce
    post_only: bool
    reduce_only: bool
    is_liquidation: bool
    cancel_reason: str
    creation_timestamp: int
    last_update_timestamp: int
    fee: Decimal = Decimal(0)

    @property
    def open_amount(self) -> Decimal:
        return self.amount - self.filled_amount


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill of one order.

    Attributes:
        liquidity: ``M`` maker, ``T`` taker.
        fee: In coin, for the whole amount.
        profit_loss: Realised against the average price, before fees; zero when opening.
    """

    trade_id: str
    order_id: str
    currency: str
    instrument_name: str
    direction: Direction
    price: Decimal
    amount: Decimal
    fee: Decimal
    liquidity: Literal["M", "T"]
    label: str
    is_liquidation: bool
    index_price: float
    mark_price: Decimal
    profit_loss: Decimal
    timestamp: int

    @property
    def cash(self) -> Decimal:
        """What the trade did to the balance, fee included."""
        premium = self.price * self.amount
        return (premium if self.direction == "sell" else -premium) - self.fee


@dataclass(frozen=True, slots=True)
class Settlement:
    """A delivery at expiry (Deribit's settlement history, type ``delivery``).

    Attributes:
        position: Signed position that was delivered.
        delivery_price: In USD, with where it came from.
        payoff: Of the whole position, in coin, not negative; a short pays it.
        cash: What it did to the balance, fee included.
    """

    settlement_id: str
    currency: str
    instrument_name: str
    position: Decimal
    delivery_price: Decimal
    delivery_price_source: str
    payoff: Decimal
    fee: Decimal
    cash: Decimal
    profit_loss: Decimal
    timestamp: int


@dataclass(frozen=True, slots=True)
class Summary:
    """One currency of the account, S:SM, in coin.

    Identities: ``margin_balance = balance`` (no futures), ``equity = margin_balance +
    options_value``, ``available_funds = margin_balance - initial_margin``.
    """

    currency: str
    balance: Decimal
    margin_balance: Decimal
    options_value: Decimal
    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available_funds: Decimal


@dataclass(frozen=True, slots=True)
class PositionReport:
    """A position as ``get_positions`` shows it; margins are of the whole position."""

    instrument_name: str
    size: Decimal
    average_price: Decimal
    mark_price: Decimal
    realized_profit_loss: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal


@dataclass(frozen=True, slots=True)
class MarginQuote:
    """What ``get_margins`` answers: initial margin of buying or selling, and the price band."""

    buy: Decimal
    sell: Decimal
    min_price: Decimal
    max_price: Decimal
