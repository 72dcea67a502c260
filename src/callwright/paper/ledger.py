"""The account in memory, written through to the store: cash, positions, open orders, margin.

Every method that changes something must be called inside ``store.transaction()``; when that fails,
the engine builds a new ledger from the store. Nothing here reads prices: marks are given to it.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Literal

from callwright.domain.instrument import parse_option_name
from callwright.domain.market import MarketView, decimal_of
from callwright.paper.records import (
    Direction,
    HeldPosition,
    Mark,
    Order,
    PositionReport,
    Progress,
    Settlement,
    Taken,
    Trade,
    coin,
)
from callwright.paper.schedule import Schedule
from callwright.paper.settlement import deliver
from callwright.paper.store import PaperStore

ZERO = Decimal(0)


class Ledger:
    """What the account holds now.

    Attributes:
        progress: Clock and counters.
        schedule: What the exchange charges and demands.
        coins: Cash by currency.
        positions, marks: By instrument name.
        open_orders: By order id, oldest first.
        reports: What ``funds.position_report`` made of a position and a mark, by name.
    """

    def __init__(self, store: PaperStore, progress: Progress, schedule: Schedule) -> None:
        self._store = store
        self.schedule = schedule
        self.progress = progress
        self.coins = {row.currency: row for row in store.balances()}
        self.positions = {row.instrument_name: row for row in store.positions()}
        self.marks = {row.instrument_name: row for row in store.rows(Mark)}
        self.open_orders = {row.order_id: row for row in store.rows(Order, "order_state = 'open'")}
        self.reports: dict[str, tuple[HeldPosition, Mark, PositionReport]] = {}
        self._taken = {(row.instrument_name, row.direction): row for row in store.rows(Taken)}

    # Clock, counters and marks.

    def set_progress(self, progress: Progress) -> None:
        """Store a new clock or counter."""
        self.progress = progress
        self._store.put(progress)

    def set_mark(self, name: str, mark_coin: Decimal, forward_usd: float) -> None:
        """Remember the latest mark and forward seen of an instrument."""
        self.marks[name] = mark = Mark(name, mark_coin, decimal_of(forward_usd))
        self._store.put(mark)

    def refresh_marks(self, view: MarketView) -> None:
        """Mark what is in the books to a new view, and forget the marks of what is not.

        An instrument that the view does not show keeps its last mark.
        """
        used = self.instruments()
        for name in [name for name in self.marks if name not in used]:
            del self.marks[name]
            self.reports.pop(name, None)
            self._store.remove(Mark, name)
        for name in used:
            market = view.underlyings.get(parse_option_name(name).underlying)
            row = market.chain.listing.row(name) if market else None
            if market and row is not None:
                chain = market.chain
                mark_coin = decimal_of(float(chain.mark_coin[row]))
                self.set_mark(name, mark_coin, float(chain.forward_usd[row]))

    def instruments(self) -> dict[str, None]:
        """Return the names with a position or an open order, in a fixed order."""
        names = dict.fromkeys(self.positions)
        return names | dict.fromkeys(o.instrument_name for o in self.open_orders.values())

    def taken(self, name: str, direction: Direction) -> Decimal:
        """Return the displayed liquidity already taken in this step."""
        row = self._taken.get((name, direction))
        return row.amount if row else ZERO

    def add_taken(self, name: str, direction: Direction, amount: Decimal) -> None:
        """Count displayed liquidity as gone until the next step."""
        row = Taken(name, direction, self.taken(name, direction) + amount)
        self._taken[name, direction] = row
        self._store.put(row)

    def restore_liquidity(self) -> None:
        """A new step shows a new book."""
        for name in {name for name, _ in self._taken}:
            self._store.remove(Taken, name)
        self._taken.clear()

    # Orders, trades, deliveries.

    def new_order_id(self, currency: str) -> str:
        """Return the next order id, ``BTC-123``."""
        self.set_progress(replace(self.progress, orders=self.progress.orders + 1))
        return f"{currency}-{self.progress.orders}"

    def put_order(self, order: Order) -> Order:
        """Store an order; only open ones stay in memory."""
        if order.order_state == "open":
            self.open_orders[order.order_id] = order
        else:
            self.open_orders.pop(order.order_id, None)
        self._store.put(order)
        return order

    def close_order(self, order: Order, reason: str, at_ms: int) -> Order:
        """Cancel what is open of an order."""
        return self.put_order(
            replace(
                order,
                order_state="cancelled",
                cancel_reason=reason,
                last_update_timestamp=at_ms,
            )
        )

    def cancel_all(
        self, reason: str, at_ms: int, *, currency: str | None = None, instrument_name: str = ""
    ) -> None:
        """Cancel the open orders on one instrument, or of one currency."""
        for order in list(self.open_orders.values()):
            if order.instrument_name == instrument_name or order.currency == currency:
                self.close_order(order, reason, at_ms)

    def fill(
        self,
        order: Order,
        price: Decimal,
        amount: Decimal,
        *,
        fee: Decimal,
        liquidity: Literal["M", "T"],
        index_price: float,
    ) -> tuple[Order, Trade]:
        """Book one fill: cash, position, the order itself, and reduce-only orders it affects."""
        now_ms = self.progress.now_ms
        profit = self._change_position(
            order.instrument_name, amount if order.direction == "buy" else -amount, price
        )
        filled = order.filled_amount + amount
        average = price
        if order.average_price is not None:
            value = order.average_price * order.filled_amount + price * amount
            average = coin(value / filled)
        order = self.put_order(
            replace(
                order,
                filled_amount=filled,
                average_price=average,
                order_state="filled" if filled == order.amount else "open",
                last_update_timestamp=now_ms,
                fee=order.fee + fee,
            )
        )
        self.set_progress(replace(self.progress, trades=self.progress.trades + 1))
        trade = Trade(
            trade_id=f"{order.currency}-T-{self.progress.trades}",
            order_id=order.order_id,
            currency=order.currency,
            instrument_name=order.instrument_name,
            direction=order.direction,
            price=price,
            amount=amount,
            fee=fee,
            liquidity=liquidity,
            label=order.label,
            is_liquidation=order.is_liquidation,
            index_price=index_price,
            mark_price=self.marks[order.instrument_name].mark_price,
            profit_loss=profit,
            timestamp=now_ms,
        )
        self._store.put(trade)
        self._add_cash(order.currency, trade.cash)
        self._shrink_reduce_only(order.instrument_name, now_ms)
        return self.open_orders.get(order.order_id, order), trade

    def deliver(self, name: str, price_usd: Decimal, source: str, at_ms: int) -> None:
        """Pay and remove an expired position."""
        held = self.positions.pop(name)
        self._store.remove(HeldPosition, name)
        delivery = deliver(
            parse_option_name(name),
            position=held.size,
            delivery_price_usd=price_usd,
            schedule=self.schedule,
        )
        self.set_progress(replace(self.progress, settlements=self.progress.settlements + 1))
        signed_payoff = delivery.payoff if held.size > 0 else -delivery.payoff
        self._store.put(
            Settlement(
                settlement_id=f"{held.currency}-S-{self.progress.settlements}",
                currency=held.currency,
                instrument_name=name,
                position=held.size,
                delivery_price=price_usd,
                delivery_price_source=source,
                payoff=delivery.payoff,
                fee=delivery.fee,
                cash=delivery.cash,
                profit_loss=signed_payoff - held.average_price * held.size,
                timestamp=at_ms,
            )
        )
        self._add_cash(held.currency, delivery.cash)

    def _add_cash(self, currency: str, cash: Decimal) -> None:
        row = self.coins[currency]
        self.coins[currency] = row = replace(row, balance=row.balance + cash)
        self._store.put(row)

    def _change_position(self, name: str, change: Decimal, price: Decimal) -> Decimal:
        """Apply a signed amount at a price; return the profit it realises."""
        currency = parse_option_name(name).quote_currency
        held = self.positions.get(name) or HeldPosition(name, currency, ZERO, ZERO, ZERO)
        size, average = held.size + change, held.average_price
        profit = ZERO
        if held.size * change >= 0:
            value = average * abs(held.size) + price * abs(change)
            average = coin(value / abs(size))
        else:
            closed = min(abs(change), abs(held.size))
            profit = (price - average) * (closed if held.size > 0 else -closed)
            if size * held.size < 0:
                average = price
        if size == 0:
            del self.positions[name]
            self._store.remove(HeldPosition, name)
        else:
            held = HeldPosition(name, currency, size, average, held.realized_profit_loss + profit)
            self.positions[name] = held
            self._store.put(held)
        return profit

    def _shrink_reduce_only(self, name: str, at_ms: int) -> None:
        for order in list(self.open_orders.values()):
            if order.reduce_only and order.instrument_name == name:
                room = self.reducible(name, order.direction)
                if not room > 0:
                    self.close_order(order, "risk_mitigation", at_ms)
                elif order.open_amount > room:
                    self.put_order(replace(order, amount=order.filled_amount + room))

    def reducible(self, name: str, direction: Direction) -> Decimal:
        """Return how much an order of this direction could reduce the position by."""
        held = self.positions.get(name)
        size = held.size if held else ZERO
        return max(ZERO, size if direction == "sell" else -size)
