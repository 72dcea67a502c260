"""The paper exchange as a venue: its records become the domain's, its errors the desk's.

Also the clock of a simulated run: sleeping lets simulated seconds pass, and nothing waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from callwright.domain.account import Account, CoinAccount, Position, RestingOrder
from callwright.domain.base import from_ms, to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.market import MarketView
from callwright.domain.orders import Fill, OrderRequest, SettlementEvent, VenueOrder
from callwright.errors import (
    DataInvalid,
    OrderRejected,
    OrderStateUnknown,
    VenueError,
    VenueUnavailable,
)
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import ConnectionFailed, TransportFault
from callwright.paper.orders import Ticket
from callwright.paper.records import Order, PositionReport
from callwright.paper.refusals import TOO_MANY_REQUESTS, ExchangeError
from callwright.paper.schedule import CURRENT
from callwright.venues.deribit.errors import UNDECIDED_CODES

T = TypeVar("T")


class PaperVenue:
    """Implements the ports ``Venue``, ``SteppedMarket`` and ``Clock`` on a paper exchange.

    Args:
        exchange: The exchange; the caller keeps it and closes it.
        account_id: Stable name of the account.
    """

    def __init__(self, exchange: PaperExchange, account_id: str) -> None:
        self._exchange = exchange
        self._account_id = account_id
        self._shown: dict[str, tuple[PositionReport, Position]] = {}

    # Clock and SteppedMarket.

    def now(self) -> datetime:
        """Return the market time."""
        return self._exchange.now

    async def sleep(self, seconds: float) -> None:
        """Let simulated seconds pass; at most until the market's next step."""
        self._exchange.pass_time(seconds)

    def step_time(self) -> datetime:
        """Return the market time of the present step."""
        return self._exchange.step_time

    async def advance(self) -> datetime:
        """Move to the market's next step; see ``PaperExchange.advance``."""
        return self._exchange.advance()

    # MarketReader.

    async def venue_time(self) -> datetime:
        """Return the exchange's clock."""
        with _reading("time"):
            return self._exchange.time()

    async def market(self, underlyings: Sequence[str]) -> MarketView:
        """Return the market of these underlyings; ``DataInvalid`` if one is not traded here."""
        with _reading("market"):
            view = self._exchange.market()
        if tuple(view.underlyings) == tuple(underlyings):
            return view
        return replace(view, underlyings=_chosen(view.underlyings, underlyings))

    async def with_tickers(self, market: MarketView, symbols: Sequence[str]) -> MarketView:
        """Return ``market``: the exchange's own chains show sizes and quote ages already."""
        return market

    async def specs(self, underlyings: Sequence[str]) -> Mapping[str, ContractSpec]:
        """Return the terms of the exchange's dated schedule."""
        return _chosen(CURRENT.specs, underlyings)

    # AccountReader.

    async def account(self) -> Account:
        """Return balances, positions and resting orders at one moment."""
        with _reading("account"):
            summaries = self._exchange.account()
            positions = self._exchange.positions()
            orders = self._exchange.open_orders()
        return Account(
            account_id=self._account_id,
            as_of=self._exchange.now,
            coins={
                currency: CoinAccount(
                    currency=currency,
                    balance_coin=funds.balance,
                    reserved_coin=Decimal(0),
                    margin_balance_coin=funds.margin_balance,
                    options_value_coin=funds.options_value,
                    equity_coin=funds.equity,
                    initial_margin_coin=funds.initial_margin,
                    maintenance_margin_coin=funds.maintenance_margin,
                )
                for currency, funds in summaries.items()
            },
            positions=self._as_positions(positions),
            resting_orders=tuple(
                RestingOrder(
                    order_id=order.order_id,
                    label=order.label,
                    instrument_name=order.instrument_name,
                    side=order.direction,
                    amount_coin=order.amount,
                    filled_coin=order.filled_amount,
                    # Only limit orders rest, and those have a price.
                    price_coin=order.price or Decimal(0),
                    reduce_only=order.reduce_only,
                )
                for order in orders
            ),
        )

    def _as_positions(self, reports: Sequence[PositionReport]) -> tuple[Position, ...]:
        # The exchange gives the same report again while its position and mark are the same.
        before, self._shown = self._shown, {}
        for report in reports:
            known = before.get(report.instrument_name)
            if known is None or known[0] is not report:
                known = (report, _position(report))
            self._shown[report.instrument_name] = known
        return tuple(position for _, position in self._shown.values())

    async def orders_by_label(self, underlying: str, label: str) -> tuple[VenueOrder, ...]:
        """Return every order with this label, open or closed, oldest first."""
        with _reading("orders_by_label"):
            return tuple(map(_venue_order, self._exchange.orders_by_label(underlying, label)))

    async def fills(self, underlying: str, *, since: datetime) -> tuple[Fill, ...]:
        """Return the account's trades from ``since`` on, inclusive, oldest first."""
        with _reading("fills"):
            trades = self._exchange.trades(underlying, since_ms=to_ms(since))
        return tuple(
            Fill(
                trade_id=trade.trade_id,
                order_id=trade.order_id,
                label=trade.label,
                instrument_name=trade.instrument_name,
                side=trade.direction,
                amount_coin=trade.amount,
                price_coin=trade.price,
                fee_coin=trade.fee,
                index_usd=trade.index_price,
                executed_at=from_ms(trade.timestamp),
                is_liquidation=trade.is_liquidation,
            )
            for trade in trades
        )

    async def settlements(self, underlying: str, *, since: datetime) -> tuple[SettlementEvent, ...]:
        """Return deliveries from ``since`` on, inclusive, oldest first."""
        with _reading("settlements"):
            rows = self._exchange.settlements(underlying, since_ms=to_ms(since))
        return tuple(
            SettlementEvent(
                settlement_id=row.settlement_id,
                instrument_name=row.instrument_name,
                position_coin=row.position,
                delivery_price_usd=row.delivery_price,
                delivery_price_source=row.delivery_price_source,
                payoff_coin=row.payoff,
                fee_coin=row.fee,
                cash_coin=row.cash,
                settled_at=from_ms(row.timestamp),
            )
            for row in rows
        )

    async def initial_margin_per_coin(self, symbols: Sequence[str]) -> Mapping[str, Decimal]:
        """Return the initial margin of selling one coin of each option."""
        with _reading("margins"):
            return {
                name: self._exchange.margins(name, Decimal(1), Decimal(0)).sell for name in symbols
            }

    async def aclose(self) -> None:
        """Nothing to give back: the exchange belongs to the caller."""

    # OrderSender.

    async def ready(self) -> None:
        """The embedded exchange is always ready."""

    async def place(self, order: OrderRequest) -> VenueOrder:
        """Send one order, once; see ``ports.OrderSender`` for the errors."""
        ticket = Ticket(
            instrument_name=order.instrument_name,
            direction=order.side,
            amount=order.amount_coin,
            price=order.price_coin,
            label=order.label,
            time_in_force=order.time_in_force,
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            valid_until=to_ms(order.valid_until),
        )
        with _changing(f"order {order.label}"):
            placed, _ = self._exchange.place(ticket)
        return _venue_order(placed)

    async def cancel(self, order_id: str) -> VenueOrder:
        """Cancel a resting order and return its last state; the errors are those of ``place``."""
        with _changing(f"cancel of {order_id}"):
            return _venue_order(self._exchange.cancel(order_id))


def _position(report: PositionReport) -> Position:
    return Position(
        instrument_name=report.instrument_name,
        amount_coin=report.size,
        average_price_coin=report.average_price,
        mark_price_coin=report.mark_price,
        initial_margin_coin=report.initial_margin,
    )


def _venue_order(order: Order) -> VenueOrder:
    return VenueOrder(
        order_id=order.order_id,
        label=order.label,
        instrument_name=order.instrument_name,
        side=order.direction,
        state=order.order_state,
        amount_coin=order.amount,
        filled_coin=order.filled_amount,
        average_price_coin=order.average_price,
        price_coin=order.price,
        reduce_only=order.reduce_only,
        created_at=from_ms(order.creation_timestamp),
        reason=order.cancel_reason,
        fee_coin=order.fee,
    )


def _chosen(found: Mapping[str, T], underlyings: Sequence[str]) -> Mapping[str, T]:
    missing = [name for name in underlyings if name not in found]
    if missing:
        raise DataInvalid(
            f"the paper exchange has no options on {', '.join(missing)}",
            remedy=f"trade {', '.join(found)}",
        )
    return {name: found[name] for name in underlyings}


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except ExchangeError as exc:
        raise VenueUnavailable(f"paper {what}: {exc}", venue_code=exc.code) from exc
    except TransportFault as exc:
        raise VenueUnavailable(f"paper {what}: {exc}") from exc


@contextmanager
def _changing(what: str) -> Iterator[None]:
    try:
        yield
    except ExchangeError as exc:
        error: type[VenueError] = OrderRejected
        if exc.code in UNDECIDED_CODES:
            error = OrderStateUnknown
        elif exc.code == TOO_MANY_REQUESTS:
            error = VenueUnavailable
        raise error(f"paper {what}: {exc}", venue_code=exc.code) from exc
    except ConnectionFailed as exc:
        raise VenueUnavailable(f"paper {what}: {exc}") from exc
    except TransportFault as exc:
        raise OrderStateUnknown(f"paper {what}: {exc}") from exc
