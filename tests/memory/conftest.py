"""A desk home in a temporary folder, a record that defaults everything, a clock set by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOW
from callwright.domain.base import iso_utc
from callwright.domain.record import (
    ActionRecord,
    CycleRecord,
    ExecutionRecord,
    StateRecord,
    VerdictRecord,
)
from callwright.memory.database import DeskDatabase, open_desk_database
from callwright.memory.decision_log import SqliteDecisionLog
from callwright.memory.desk_state import SqliteDeskStateStore
from callwright.memory.flight_recorder import FlightRecorder
from callwright.memory.intents import SqliteIntentStore
from callwright.memory.ledger import SqliteLedger
from usage_books import HandClock


@dataclass
class Home:
    """One opened home; ``reopen`` is a restart."""

    path: Path
    db: DeskDatabase
    durable: bool = False

    def __post_init__(self) -> None:
        self.recorder = FlightRecorder(self.path / "logs", durable=self.durable)
        self.intents = SqliteIntentStore(self.db)
        self.log = SqliteDecisionLog(self.db, self.recorder)
        self.ledger = SqliteLedger(self.db)
        self.desk = SqliteDeskStateStore(self.db)

    def reopen(self) -> Home:
        self.close()
        return a_home(self.path)

    def close(self) -> None:
        self.recorder.close()
        self.db.close()

    def cycle(self, record: CycleRecord) -> None:
        self.log.begin(record.cycle_id, NOW)
        self.log.finish(record)

    def lines(self) -> list[str]:
        files = sorted((self.path / "logs").glob("*.jsonl"))
        return [line for file in files for line in file.read_text().splitlines()]


def a_home(path: Path) -> Home:
    return Home(path, open_desk_database(path / "desk.db", durable=False))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = a_home(tmp_path)
    yield opened
    opened.close()


def _a_record(number: int = 0, *, at: datetime | None = None, **changes: Any) -> CycleRecord:
    stamp = iso_utc(at or NOW + timedelta(minutes=number))
    nothing = ActionRecord(action="DO_NOTHING", params={}, reasoning="quiet")
    fields: dict[str, Any] = {
        "log_timestamp": stamp,
        "cycle_id": f"test-{stamp}",
        "state": StateRecord(
            as_of=stamp,
            spot={"BTC": 100_000.0},
            portfolio=None,
            vol={},
            candidates_count=0,
            candidates=(),
            funnel={},
        ),
        "proposed_action": nothing,
        "baseline_action": None,
        "guardrail": VerdictRecord(allowed=True),
        "risk_check": VerdictRecord(allowed=None),
        "clamps": (),
        "final_action": nothing,
        "execution": ExecutionRecord(status="skipped", dry_run=False),
        "order_updates": (),
        "config_snapshot": {"mode": "research"},
        "decision_source": "rule_based",
        "failure": None,
    }
    return CycleRecord(schema=1, **(fields | changes))


@pytest.fixture
def a_record() -> Callable[..., CycleRecord]:
    return _a_record


@pytest.fixture
def db(tmp_path: Path) -> Iterator[DeskDatabase]:
    with open_desk_database(tmp_path / "desk.db", durable=False) as opened:
        yield opened


@pytest.fixture
def clock() -> HandClock:
    return HandClock()
