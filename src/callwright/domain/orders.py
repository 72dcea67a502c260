"""Orders on their way out and what comes back: requests, venue orders, fills, settlements, intents.

An ``Intent`` is the durable promise to send one order once. Its label finds the order again; it
does not forbid a second one, so nobody ever sends an intent twice.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Literal

from pydantic import Field

from callwright.domain.base import Amount, Frozen, NonNegative, Positive, UtcTime

Side = Literal["buy", "sell"]
TimeInForce = Literal["good_til_cancelled", "immediate_or_cancel"]
OrderKind = Literal["limit", "market"]

LABEL_PREFIX = "cw-"
LABEL_LENGTH_MAX = 64


class Purpose(StrEnum):
    """Why an order exists; opening purposes can add risk, closing ones are reduce-only."""

    OPEN = "open"
    ROLL_SELL = "roll_sell"
    ROLL_BUY = "roll_buy"
    CLOSE = "close"
    CARE_CLOSE = "care_close"


class OrderRequest(Frozen):
    """One order as it is sent.

    Attributes:
        price_coin: Limit price on the tick grid.
        valid_until: The venue refuses the order if it arrives later; it bounds arrival, not life.
    """

    label: str = Field(min_length=1, max_length=LABEL_LENGTH_MAX)
    instrument_name: str
    side: Side
    amount_coin: Positive
    price_coin: Positive
    time_in_force: TimeInForce = "immediate_or_cancel"
    reduce_only: bool = False
    post_only: bool = False
    valid_until: UtcTime


VenueOrderState = Literal["open", "filled", "cancelled", "rejected"]


class VenueOrder(Frozen):
    """An order as the venue reports it; ``cancelled`` may have filled in part.

    Attributes:
        fee_coin: What its trades were charged; None where the venue's answer does not say.
    """

    order_id: str
    label: str
    instrument_name: str
    side: Side
    state: VenueOrderState
    amount_coin: Positive
    filled_coin: NonNegative
    average_price_coin: NonNegative | None
    price_coin: Positive | None
    reduce_only: bool
    created_at: UtcTime
    reason: str = ""
    fee_coin: Amount | None = None


class Fill(Frozen):
    """One trade of ours; ``trade_id`` is unique on the venue, so a fill is counted once."""

    trade_id: str
    order_id: str
    label: str
    instrument_name: str
    side: Side
    amount_coin: Positive
    price_coin: Positive
    fee_coin: Amount
    index_usd: float
    executed_at: UtcTime
    is_liquidation: bool = False

    @property
    def cash_coin(self) -> Decimal:
        """What the fill did to the balance, fee included; a sale is positive."""
        premium = self.price_coin * self.amount_coin
        return (premium if self.side == "sell" else -premium) - self.fee_coin


class SettlementEvent(Frozen):
    """An option's delivery at expiry.

    Attributes:
        position_coin: Signed position that was settled.
        delivery_price_usd: The index price of delivery.
        delivery_price_source: ``twap_30m`` or ``interpolated`` (between recorded snapshots).
        cash_coin: What it did to the balance, delivery fee included; an assigned call is negative.
    """

    settlement_id: str
    instrument_name: str
    position_coin: Amount
    delivery_price_usd: Positive
    delivery_price_source: str
    payoff_coin: NonNegative
    fee_coin: NonNegative
    cash_coin: Amount
    settled_at: UtcTime


class IntentStatus(StrEnum):
    """The life of an intent: PENDING and UNKNOWN are unresolved, the rest final."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    FILLED = "filled"
    PARTIALLY_FILLED = "partially_filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WORKING = "working"

    @property
    def is_unresolved(self) -> bool:
        """Whether the venue may hold, or still receive, an order that we cannot see."""
        return self in (IntentStatus.PENDING, IntentStatus.UNKNOWN)


class Intent(Frozen):
    """The durable intention to send one order, and what became of it.

    Attributes:
        label: The order's venue label; unique in the ledger.
        cycle_id: The cycle that decided it.
        leg: 0, or 1 for the second leg of a roll.
        underlying: The coin.
        margin_initial_coin: Initial margin that the order would need if it filled.
        fee_coin: What the venue charged; None while nobody has said.
        lookups_empty: Look-ups that found nothing, and when the first of them was made.
    """

    label: str
    account_id: str
    cycle_id: str
    leg: int
    purpose: Purpose
    underlying: str
    instrument_name: str
    side: Side
    amount_coin: Positive
    price_coin: Positive
    reduce_only: bool
    margin_initial_coin: NonNegative
    valid_until: UtcTime
    created_at: UtcTime
    status: IntentStatus
    order_id: str | None = None
    filled_coin: NonNegative = Decimal(0)
    average_price_coin: NonNegative | None = None
    fee_coin: Amount | None = None
    message: str = ""
    lookups_empty: int = 0
    first_empty_lookup_at: UtcTime | None = None
    resolved_at: UtcTime | None = None
