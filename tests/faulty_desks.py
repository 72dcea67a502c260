"""Desks whose venue fails on command, on the exchange in process and on one behind HTTP."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import stamina

from callwright.audit import audit
from callwright.bootstrap import open_desk
from callwright.config import Settings
from callwright.connect import PAPER_FILE
from callwright.cycle import Desk
from callwright.domain.decision import (
    DoNothing,
    OpenCoveredCall,
    OpenParams,
    Proposal,
    RollCoveredCall,
    RollParams,
)
from callwright.domain.desk import DESK_FILE
from callwright.domain.instrument import parse_option_name
from callwright.domain.orders import Intent
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.loop import LoopResult, run_loop
from callwright.memory.database import read_desk_database
from callwright.memory.intents import SqliteIntentStore
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan
from callwright.paper.orders import Ticket
from callwright.paper.records import Order, Trade
from callwright.paper.synthetic.market import SyntheticSource
from callwright.ports import Brain, BrainAnswer, Clock
from callwright.status import read_status
from callwright.venues.deribit.client import READ_ATTEMPTS
from desks import desk_settings
from paper_servers import serving
from proposals import Choose, close_nth, hold

T = TypeVar("T")
Way = Literal["embedded", "http"]
WAYS: tuple[Way, ...] = ("embedded", "http")
Act = Callable[[], object]

FOREVER = 10_000
"""More calls than any test makes."""
SILENCE_S = 0.05
"""How long a server keeps a caller waiting before it hangs up."""


def open_passing(underlying: str = "BTC") -> Choose:
    """Propose the first candidate that passes its prechecks."""

    def choose(snapshot: Snapshot, scan: Scan) -> Proposal:
        for candidate in scan.candidates:
            if candidate.passes and candidate.underlying == underlying:
                params = OpenParams(underlying=underlying, symbol=candidate.symbol)
                return OpenCoveredCall(params=params)
        return DoNothing(reasoning="nothing passes")

    return choose


def roll_later(snapshot: Snapshot, scan: Scan) -> Proposal:
    """Propose rolling the first short call into the candidate of its coin that expires last."""
    shorts = [short for book in scan.books.values() for short in book.short_calls]
    targets = [c for c in scan.candidates if shorts and c.underlying == shorts[0].underlying]
    if not targets:
        return DoNothing(reasoning="nothing to roll")
    target = max(targets, key=lambda c: parse_option_name(c.symbol).expiry)
    params = RollParams(
        underlying=target.underlying, from_symbol=shorts[0].symbol, symbol=target.symbol
    )
    return RollCoveredCall(params=params)


def after(act: Act, choose: Choose) -> Choose:
    """Propose as ``choose`` does; ``act`` happens between what was seen and the proposal."""

    def chosen(snapshot: Snapshot, scan: Scan) -> Proposal:
        act()
        return choose(snapshot, scan)

    return chosen


OPEN, CLOSE = open_passing(), close_nth(0)


def statuses(records: list[CycleRecord]) -> list[str]:
    return [record.execution.status for record in records]


def failures(records: list[CycleRecord]) -> list[str | None]:
    return [record.failure for record in records]


def codes(record: CycleRecord) -> list[str]:
    return [reason.code for v in (record.guardrail, record.risk_check) for reason in v.reasons]


def kinds(record: CycleRecord) -> list[str]:
    return [update.kind for update in record.order_updates]


class ScriptByCycle:
    """Answers the n-th cycle with the n-th choice, whether or not the others came to ask."""

    source: DecisionSource = "rule_based"

    def __init__(self, choices: Sequence[Choose], cycle: Callable[[], int]) -> None:
        self._choices = choices
        self._cycle = cycle

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        cycle = self._cycle()
        choose = self._choices[cycle] if cycle < len(self._choices) else hold
        return BrainAnswer(proposal=choose(snapshot, scan), source="rule_based")


class OwnClock:
    """The desk's clock, which can be set wrong."""

    def __init__(self, true: Clock) -> None:
        self._true = true
        self.off = timedelta(0)

    def now(self) -> datetime:
        return self._true.now() + self.off

    async def sleep(self, seconds: float) -> None:
        await self._true.sleep(seconds)


@dataclass
class FaultyDesk:
    """A home and its exchange; ``run`` opens a desk on them, again and again if need be.

    Attributes:
        reads: How often a failing read is tried before the desk hears of it.
        clock: The one of the desk that runs, or ran last.
        start_errors: What start-up, or moving the market, failed with.
        posted: Label of every order that came as far as the exchange, also to be lost there.
    """

    way: Way
    settings: Settings
    faults: FaultPlan
    reads: int
    _ask_server: Callable[[Callable[[PaperExchange], Any]], Any] | None
    _server_home: Path
    clock: OwnClock | None = None
    venue: Any = None
    records: list[CycleRecord] = field(default_factory=list)
    start_errors: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    _watched: PaperExchange | None = None
    _exchange: PaperExchange | None = None

    def ask(self, question: Callable[[PaperExchange], T]) -> T:
        """Return what the exchange says, or let it do something, where it lives."""
        if self._ask_server is not None:
            answer: T = self._ask_server(question)
            return answer
        assert self._exchange is not None, "an embedded exchange lives as long as its desk"
        return question(self._exchange)

    def arm(self, kind: Any, *methods: Any, times: int = 1, **details: Any) -> None:
        """Arm a fault; what is to be silent is silent for a moment only."""
        self.faults.arm(kind, *methods, times=times, **({"seconds": SILENCE_S} | details))

    def run(
        self,
        *choices: Choose,
        cycles: int | None = None,
        before: Mapping[int, Act] | None = None,
        brain: Brain | None = None,
        change: Callable[[Desk], Desk] = lambda desk: desk,
    ) -> list[CycleRecord]:
        """Run one cycle a choice, or ``cycles``, and return their records.

        Args:
            before: What happens before the cycle of that number, counted from 0, reads anything.
            change: Replaces parts of the desk.
        """
        acts = dict(before or {})
        records: list[CycleRecord] = []

        def note(record: CycleRecord) -> None:
            records.append(record)
            acts.get(len(records), lambda: None)()

        script = brain or ScriptByCycle(choices, lambda: len(records))
        with open_desk(
            self.settings,
            durable=False,
            brain=script,
            faults=self.faults if self.way == "embedded" else None,
        ) as home_desk:
            self._exchange = home_desk.connection.exchange
            self.clock = OwnClock(home_desk.desk.clock)
            self.venue = home_desk.desk.venue
            self.ask(self._watch)
            acts.get(0, lambda: None)()
            result: LoopResult = asyncio.run(
                run_loop(
                    change(replace(home_desk.desk, clock=self.clock)),
                    cycles=len(choices) if cycles is None else cycles,
                    interval_s=0.0,
                    on_record=note,
                    on_start_failed=lambda error: self.start_errors.append(error.code),
                )
            )
        self._exchange = None
        assert result.ended_because == "cycles", result.error
        assert len(records) == (len(choices) if cycles is None else cycles)
        self.records += records
        return records

    def _watch(self, exchange: PaperExchange) -> None:
        if exchange is self._watched:
            return
        self._watched, place = exchange, exchange.place

        def noted(ticket: Ticket) -> tuple[Order, tuple[Trade, ...]]:
            self.posted.append(ticket.label)
            return place(ticket)

        exchange.place = noted  # type: ignore[method-assign]

    @property
    def trading_state(self) -> tuple[str, str]:
        """The state and its reason."""
        status = read_status(self.settings)
        return status["trading_state"], status["trading_state_reason"]

    def intents(self) -> list[Intent]:
        """Return every intent that the records tell of, as the ledger has it now."""
        labels = [order.label for record in self.records for order in record.execution.orders]
        with read_desk_database(self.settings.callwright_home / DESK_FILE) as database:
            store = SqliteIntentStore(database)
            return [intent for label in labels if (intent := store.get(label)) is not None]

    def violations(self) -> tuple[str, ...]:
        """Return every broken invariant of desk and exchange."""
        home = self.settings.callwright_home
        return audit(home / DESK_FILE, self._server_home / PAPER_FILE, self.settings.log_dir)

    def assert_sound(self, state: str = "ACTIVE") -> None:
        """One record a cycle, no order twice, desk and exchange agree, no doubt left."""
        ids = Counter(record.cycle_id for record in self.records)
        assert set(ids.values()) <= {1}
        status = read_status(self.settings)
        assert status["cycles"] == len(self.records)
        assert self.violations() == ()
        assert len(self.posted) == len(set(self.posted))
        assert status["unresolved_orders"] == []
        assert status["trading_state"] == state, status["trading_state_reason"]


@contextmanager
def a_faulty_desk(way: Way, home: Path, **changes: Any) -> Iterator[FaultyDesk]:
    """Yield a desk with room to trade in ``home``; the tries of a read do not wait."""
    loosened: dict[str, Any] = {
        "open_cooldown_sec": 0,
        "roll_dwell_sec": 0,
        "max_orders_per_day": 100,
        "default_order_size": "BTC=0.2,ETH=2",
        "max_expiry_exposure": "BTC=2,ETH=20",
        "max_net_delta_abs": "BTC=2,ETH=20",
        "max_margin_used_pct": 100,
        "roll_max_debit_coin": Decimal("0.5"),
        "roll_defend_delta": 0.0,
    } | changes
    if way == "embedded":
        yield FaultyDesk(way, desk_settings(home, **loosened), FaultPlan(), 1, None, home)
        return
    with (
        stamina.set_testing(True, attempts=READ_ATTEMPTS, cap=True),
        serving(home / "server") as server,
    ):
        settings = desk_settings(home / "desk", paper_url=server.url, **loosened)
        yield FaultyDesk(way, settings, server.faults, READ_ATTEMPTS, server.ask, home / "server")


@contextmanager
def a_throwaway_desk(way: Way, **changes: Any) -> Iterator[FaultyDesk]:
    with tempfile.TemporaryDirectory() as folder, a_faulty_desk(way, Path(folder), **changes) as d:
        yield d


def withdraw(coin: str, amount: Decimal) -> Callable[[PaperExchange], None]:
    """Return what takes coin out of the account, as if it had never been deposited."""

    def take(exchange: PaperExchange) -> None:
        with exchange._change() as ledger:
            row = ledger.coins[coin]
            row = replace(row, deposited=row.deposited - amount, balance=row.balance - amount)
            ledger.coins[coin] = row
            ledger._store.put(row)

    return take


class UntilJustBeforeExpiry(SyntheticSource):
    """The synthetic market; its first step ends seconds before the options of that day."""

    def next_after(self, at: datetime) -> datetime:
        if at == self.start():
            return at + timedelta(hours=7, minutes=59, seconds=57)
        return at.replace(hour=12, minute=0, second=0) if at.hour < 12 else at + timedelta(hours=6)
