"""From an approved trade to the orders that carry it out. Pure: nothing is sent or stored here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from callwright.domain.contract import ContractSpec
from callwright.domain.decision import CloseCoveredCall, OpenCoveredCall
from callwright.domain.limits import ExecutionSettings, Limits
from callwright.domain.market import Quote
from callwright.domain.orders import Intent, IntentStatus, OrderRequest, Purpose, Side
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.domain.verdict import ApprovedTrade
from callwright.errors import DataInvalid
from callwright.execution.labels import order_label


@dataclass(frozen=True)
class Plan:
    """The orders of one trade, in the order in which they may be sent.

    Attributes:
        legs: One intent, or two for a roll: the buy-back, then the sale. All PENDING; a leg's
            amount is the most that may be sent.
        snapshot: What the trade was approved on.
        limits: What cover is measured against right before a sale.
    """

    legs: tuple[Intent, ...]
    snapshot: Snapshot
    limits: Limits

    @property
    def spec(self) -> ContractSpec:
        """The contract terms of the underlying that is traded."""
        return self.snapshot.specs[self.legs[0].underlying]


@dataclass(frozen=True)
class _Leg:
    purpose: Purpose
    side: Side
    symbol: str
    amount_coin: Decimal


def plan(
    trade: ApprovedTrade,
    *,
    snapshot: Snapshot,
    scan: Scan,
    limits: Limits,
    settings: ExecutionSettings,
    cycle_id: str,
    is_care: bool = False,
) -> Plan:
    """Return the orders for a trade: immediate-or-cancel limits at the price that trades now.

    A roll buys back first. Its sale is planned at the approved size and cut down by ``submit`` to
    what was really bought back and to the cover that is really free.

    Args:
        trade: Only the gates build one.
        cycle_id: Together with the account it makes the labels, so a cycle has one label a leg.
        is_care: The close was forced by limits.

    Raises:
        TypeError: ``trade`` did not come through the gates.
        DataInvalid: The snapshot lacks a price, a margin or contract terms for a leg, or its
            amount is not a whole number of lots.
    """
    if not isinstance(trade, ApprovedTrade):
        raise TypeError(f"only an ApprovedTrade is planned, not {type(trade).__name__}")
    underlying = trade.proposal.params.underlying
    spec = snapshot.specs.get(underlying)
    if spec is None:
        raise DataInvalid(f"the snapshot has no contract terms for {underlying}")
    legs = []
    for number, leg in enumerate(_legs(trade, is_care=is_care)):
        if not leg.amount_coin > 0 or spec.floor_to_lot(leg.amount_coin) != leg.amount_coin:
            raise DataInvalid(f"{leg.symbol}: {leg.amount_coin} is no whole number of lots")
        legs.append(
            Intent(
                label=order_label(snapshot.account.account_id, cycle_id, number),
                account_id=snapshot.account.account_id,
                cycle_id=cycle_id,
                leg=number,
                purpose=leg.purpose,
                underlying=underlying,
                instrument_name=leg.symbol,
                side=leg.side,
                amount_coin=leg.amount_coin,
                price_coin=_price(snapshot.market.quote(leg.symbol), leg, spec),
                reduce_only=leg.side == "buy",
                margin_initial_coin=_margin_per_coin(leg, scan) * leg.amount_coin,
                valid_until=snapshot.venue_time + timedelta(seconds=settings.order_valid_s),
                created_at=snapshot.venue_time,
                status=IntentStatus.PENDING,
            )
        )
    return Plan(legs=tuple(legs), snapshot=snapshot, limits=limits)


def to_request(intent: Intent) -> OrderRequest:
    """Return the order of an intent as it is sent."""
    return OrderRequest(
        label=intent.label,
        instrument_name=intent.instrument_name,
        side=intent.side,
        amount_coin=intent.amount_coin,
        price_coin=intent.price_coin,
        reduce_only=intent.reduce_only,
        valid_until=intent.valid_until,
    )


def _legs(trade: ApprovedTrade, *, is_care: bool) -> tuple[_Leg, ...]:
    proposal, sizing = trade.proposal, trade.sizing
    if isinstance(proposal, OpenCoveredCall):
        return (_Leg(Purpose.OPEN, "sell", proposal.params.symbol, sizing.sell_coin),)
    if isinstance(proposal, CloseCoveredCall):
        purpose = Purpose.CARE_CLOSE if is_care else Purpose.CLOSE
        return (_Leg(purpose, "buy", proposal.params.symbol, sizing.buy_coin),)
    return (
        _Leg(Purpose.ROLL_BUY, "buy", proposal.params.from_symbol, sizing.buy_coin),
        _Leg(
            Purpose.ROLL_SELL,
            "sell",
            proposal.params.symbol,
            min(sizing.sell_coin, sizing.buy_coin),
        ),
    )


def _price(quote: Quote | None, leg: _Leg, spec: ContractSpec) -> Decimal:
    price = None if quote is None else quote.taker_price(leg.side)
    if price is None:
        raise DataInvalid(f"{leg.symbol}: no price to {leg.side} at")
    # Towards the other side of the book: a price off the grid would be refused, not filled.
    on_grid = spec.floor_to_tick(price) if leg.side == "sell" else spec.ceil_to_tick(price)
    if not on_grid > 0:
        raise DataInvalid(f"{leg.symbol}: {price} is below the smallest tick")
    return on_grid


def _margin_per_coin(leg: _Leg, scan: Scan) -> Decimal:
    if leg.side == "buy":
        return Decimal(0)
    candidate = scan.candidate(leg.symbol)
    if candidate is None or candidate.margin_initial_coin is None:
        raise DataInvalid(f"{leg.symbol}: its initial margin is not known")
    return candidate.margin_initial_coin
