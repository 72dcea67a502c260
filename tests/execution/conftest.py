"""A small exchange in memory, which accepts duplicate labels and can lose replies; a real home."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from builders import NOW, a_coin_account, a_position, an_account, dec, execution_settings, limits
from callwright.domain.account import Account, RestingOrder
from callwright.domain.orders import Fill, OrderRequest, SettlementEvent, VenueOrder
from callwright.errors import OrderRejected, OrderStateUnknown, VenueUnavailable
from callwright.execution.startup import Reconciler
from callwright.execution.submit import submit
from callwright.memory.database import open_desk_database
from callwright.memory.desk_state import SqliteDeskStateStore
from callwright.memory.intents import SqliteIntentStore
from callwright.memory.ledger import SqliteLedger


class FakeVenue:
    """Fills every order whole at its limit, or ``fill_frac`` of it; also the clock.

    Attributes:
        faults: For the next calls of ``place``, one each: ``lose_reply``, ``timeout_before``,
            ``rate_limit``, ``reject``, or "" for none.
        failing: Reading methods that raise VenueUnavailable.
        hidden_until: Orders and trades do not show in look-ups before this time.
        posts: Every order that was sent here, accepted or not.
    """

    def __init__(self) -> None:
        self.now_at = NOW
        self.faults: list[str] = []
        self.failing: set[str] = set()
        self.hidden_until = NOW
        self.fill_frac = Decimal(1)
        self.posts: list[OrderRequest] = []
        self.orders: list[VenueOrder] = []
        self.trades: list[Fill] = []
        self.deliveries: list[SettlementEvent] = []
        self.held: dict[str, Decimal] = {}
        self.balance = {"BTC": Decimal(1), "ETH": Decimal(10)}
        self.resting: list[RestingOrder] = []
        self.calls: list[str] = []

    def now(self) -> datetime:
        return self.now_at

    async def sleep(self, seconds: float) -> None:
        self.now_at += timedelta(seconds=seconds)

    async def ready(self) -> None:
        return

    async def place(self, order: OrderRequest) -> VenueOrder:
        self.posts.append(order)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "reject":
            raise OrderRejected("not enough funds", venue_code=10009)
        if fault == "rate_limit":
            raise VenueUnavailable("too many requests", venue_code=10028)
        if fault == "timeout_before":
            raise OrderStateUnknown("timed out")
        placed = self.fill(order.label, order.instrument_name, order.side, order.amount_coin)
        if fault == "lose_reply":
            raise OrderStateUnknown("the reply was lost")
        return placed

    def fill(self, label: str, name: str, side: str, amount: Decimal, **changes: Any) -> VenueOrder:
        filled = amount * self.fill_frac
        number = len(self.orders) + 1
        price = dec("0.005")
        order = VenueOrder(
            order_id=f"BTC-{number}",
            label=label,
            instrument_name=name,
            side=side,
            state="filled" if filled == amount else "cancelled",
            amount_coin=amount,
            filled_coin=filled,
            average_price_coin=price if filled else None,
            price_coin=price,
            reduce_only=side == "buy",
            created_at=self.now_at,
        )
        self.orders.append(order)
        if filled:
            trade = {
                "trade_id": f"BTC-T-{number}",
                "order_id": order.order_id,
                "label": label,
                "instrument_name": name,
                "side": side,
                "amount_coin": filled,
                "price_coin": price,
                "fee_coin": dec("0.0003") * filled,
                "index_usd": 100_000.0,
                "executed_at": self.now_at,
            }
            self.trades.append(Fill(**(trade | changes)))
            self._move(name, filled if side == "buy" else -filled)
            self.balance["BTC"] += self.trades[-1].cash_coin
        return order

    def deliver(self, name: str) -> None:
        position = self.held[name]
        self.deliveries.append(
            SettlementEvent(
                settlement_id=f"S-{len(self.deliveries)}",
                instrument_name=name,
                position_coin=position,
                delivery_price_usd=dec(100_000),
                delivery_price_source="twap_30m",
                payoff_coin=dec(0),
                fee_coin=dec(0),
                cash_coin=dec(0),
                settled_at=self.now_at,
            )
        )
        self._move(name, -position)

    def _move(self, name: str, amount: Decimal) -> None:
        self.held[name] = self.held.get(name, Decimal(0)) + amount
        if not self.held[name]:
            del self.held[name]

    def _read(self, method: str) -> None:
        self.calls.append(method)
        if method in self.failing:
            raise VenueUnavailable(f"{method} failed")

    async def account(self) -> Account:
        self._read("account")
        return self.account_now()

    def account_now(self) -> Account:
        return an_account(
            btc=a_coin_account("BTC", self.balance["BTC"]),
            eth=a_coin_account("ETH", self.balance["ETH"]),
            positions=[a_position(name, amount) for name, amount in self.held.items()],
            resting_orders=self.resting,
            at=self.now_at,
        )

    async def orders_by_label(self, underlying: str, label: str) -> tuple[VenueOrder, ...]:
        self._read("orders_by_label")
        if self.now_at < self.hidden_until:
            return ()
        return tuple(o for o in self.orders if o.label == label)

    async def fills(self, underlying: str, *, since: datetime) -> tuple[Fill, ...]:
        self._read("fills")
        if self.now_at < self.hidden_until:
            return ()
        return tuple(
            t
            for t in self.trades
            if t.instrument_name.startswith(underlying) and t.executed_at >= since
        )

    async def settlements(self, underlying: str, *, since: datetime) -> tuple[SettlementEvent, ...]:
        self._read("settlements")
        return tuple(
            d
            for d in self.deliveries
            if d.instrument_name.startswith(underlying) and d.settled_at >= since
        )

    async def initial_margin_per_coin(self, symbols: Any) -> Any:
        return {symbol: dec("0.1") for symbol in symbols}


class Desk:
    """The venue, a home on disk, and what acts between them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.venue = FakeVenue()
        self.settings = execution_settings()
        self.limits = limits()
        self.open()

    def open(self) -> None:
        self.db = open_desk_database(self.path / "desk.db", durable=False)
        self.intents = SqliteIntentStore(self.db)
        self.ledger = SqliteLedger(self.db)
        self.state = SqliteDeskStateStore(self.db)
        self.reconciler = Reconciler(
            reader=self.venue,
            intents=self.intents,
            ledger=self.ledger,
            desk=self.state,
            clock=self.venue,
            settings=self.settings,
            underlyings=("BTC", "ETH"),
        )

    def restart(self) -> None:
        self.db.close()
        self.open()

    def lose_database(self) -> None:
        self.db.close()
        for file in self.path.glob("desk.db*"):
            file.unlink()
        self.open()

    async def submit(self, plan: Any) -> Any:
        return await submit(
            plan,
            sender=self.venue,  # type: ignore[arg-type]
            reader=self.venue,
            intents=self.intents,
            desk=self.state,
            clock=self.venue,
            settings=self.settings,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.db.close()
