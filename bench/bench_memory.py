"""``python -m bench.bench_memory [DECISIONS]``: insert, search, statistics and size of the memory.

Decisions are made-up text in real records, written through the real index, 2,000 a transaction;
then some are inserted durably one by one, beside a bare append and fsync of the same line. CPU is
``time.process_time``; wall time on a shared machine is for comparing only.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from callwright.domain.base import iso_utc
from callwright.domain.decision import Action
from callwright.domain.history import DecisionFilter, DecisionSearch, StatsQuestion
from callwright.domain.record import (
    ActionRecord,
    CycleRecord,
    ExecutionRecord,
    StateRecord,
    VerdictRecord,
)
from callwright.domain.verdict import Reason
from callwright.memory.database import DeskDatabase, open_desk_database
from callwright.memory.decision_detail import get_decision
from callwright.memory.decision_index import index_record
from callwright.memory.decision_log import SqliteDecisionLog
from callwright.memory.decision_stats import decision_stats
from callwright.memory.flight_recorder import FlightRecorder
from callwright.memory.reader import open_reader
from callwright.memory.search import search_decisions

START = datetime(2026, 1, 5, tzinfo=UTC)
_VOCABULARY = """
quiet rich cheap delta premium skew expiry cover margin spread vol regime term index spot carry
trend earned defended dwell weekly nearest target bid ask fee yield collar
"""
_WORDS = _VOCABULARY.split()


def made_up_records(count: int, *, seed: int = 7) -> Iterator[CycleRecord]:
    """Yield records a minute apart: nine in ten hold, the rest open, roll, close or are denied."""
    chance = random.Random(seed)
    for number in range(count):
        at = iso_utc(START + timedelta(minutes=number))
        coin, base = ("BTC", 97_000) if chance.random() < 0.7 else ("ETH", 3_200)
        strike = base + chance.randrange(-8, 9) * (500 if coin == "BTC" else 25)
        symbol = f"{coin}-{chance.randrange(1, 29)}FEB26-{strike}-C"
        draw = chance.random()
        kind = (
            Action.DO_NOTHING if draw < 0.9 else Action.OPEN_COVERED_CALL if draw < 0.94
            else Action.ROLL_COVERED_CALL if draw < 0.97 else Action.CLOSE_COVERED_CALL
        )  # fmt: skip
        why = " ".join(chance.choices(_WORDS, k=45))
        params: dict[str, Any] = {} if kind is Action.DO_NOTHING else {
            "underlying": coin, "symbol": symbol, "size": 0.1,
        }  # fmt: skip
        if kind is Action.ROLL_COVERED_CALL:
            params["from_symbol"] = symbol.replace("FEB26", "JAN26")
        proposed = ActionRecord(action=kind, params=params, reasoning=f"{symbol}: {why}")
        denied = bool(params) and chance.random() < 0.16
        code = chance.choice(["ROLL_DWELL", "COOLDOWN", "NET_DELTA_ABOVE_MAXIMUM"])
        reasons = (Reason(code=code, facts={"symbol": symbol, "held_s": 64_800.0}),)
        final = ActionRecord(action="DO_NOTHING", params={}, reasoning=why) if denied else proposed
        candidates = tuple(
            {"symbol": symbol, "delta": chance.random(), "bid_coin": chance.random(),
             "premium_yield_annual": chance.random(), "passes": True, "codes": []}
            for _ in range(5)
        )  # fmt: skip
        yield CycleRecord(
            schema=1,
            log_timestamp=at,
            cycle_id=f"bench-{at}",
            state=StateRecord(
                as_of=at, spot={"BTC": 97_000.0 + chance.random(), "ETH": 3_200.0},
                portfolio={"equity_usd": 130_000.0 + chance.random(), "margin_used_pct": 8.4},
                vol={coin: {"iv_annual": chance.random(), "rv_annual": chance.random()}},
                candidates_count=5, candidates=candidates, funnel={},
            ),
            proposed_action=proposed,
            baseline_action=None,
            guardrail=VerdictRecord(allowed=True),
            risk_check=VerdictRecord(
                allowed=None if not params else not denied, reasons=reasons if denied else ()
            ),
            clamps=(),
            final_action=final,
            execution=ExecutionRecord(
                status="filled" if params and not denied else "skipped", dry_run=False
            ),
            order_updates=(),
            config_snapshot={"mode": "research", "max_margin_used_pct": 40.0},
            decision_source="llm",
            failure=None,
            llm={"model": "made-up", "input_tokens": 5_000, "output_tokens": 300,
                 "cost_usd": 0.0021, "prompt_version": "v1"},
        )  # fmt: skip


def fill(database: DeskDatabase, records: Iterator[CycleRecord], *, batch: int = 2_000) -> None:
    """Store records many a transaction; the flight recorder gets none."""
    is_over = False
    while not is_over:
        with database.transaction():
            for _ in range(batch):
                record = next(records, None)
                if record is None:
                    is_over = True
                    break
                _store(database, record)
            last = database.rows("SELECT coalesce(max(seq), 0) FROM cycles")[0][0]
            database.packer.pack_old(last, limit=2 * batch)


def _store(database: DeskDatabase, record: CycleRecord) -> None:
    database.write(
        "cycles",
        "INSERT INTO cycles (cycle_id, as_of, log_timestamp, action, decision_source, failure,"
        " status, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.cycle_id, record.state.as_of, record.log_timestamp, record.final_action.action,
            record.decision_source, record.failure, record.execution.status, record.to_line(),
        ),
    )  # fmt: skip
    seq = database.rows("SELECT last_insert_rowid()")[0][0]
    index_record(database.connection, seq, record)


def _timed(call: Callable[[], object], repeats: int) -> tuple[list[float], list[float]]:
    cpu, wall = [], []
    for _ in range(repeats):
        started, clock = time.process_time(), time.perf_counter()
        call()
        cpu.append((time.process_time() - started) * 1e3)
        wall.append((time.perf_counter() - clock) * 1e3)
    return cpu, wall


def _told(name: str, cpu: list[float], wall: list[float]) -> None:
    def spread(figures: list[float]) -> str:
        cuts = statistics.quantiles(figures, n=20)
        return f"p50 {statistics.median(figures):9.3f} p95 {cuts[-1]:9.3f}"

    print(f"{name:<44} CPU ms {spread(cpu)}   wall ms {spread(wall)}")


def _inserts(home: Path, database: DeskDatabase, records: Iterator[CycleRecord]) -> None:
    log = SqliteDecisionLog(database, FlightRecorder(home / "logs"))
    with (home / "bare.jsonl").open("ab", buffering=0) as bare:
        costs: dict[str, tuple[list[float], list[float]]] = {}
        for record in records:
            line = record.to_line().encode() + b"\n"

            def append(line: bytes = line) -> None:
                bare.write(line)
                os.fsync(bare.fileno())

            def index_only(record: CycleRecord, spent: list[float]) -> None:
                with database.transaction():
                    seq = database.rows("SELECT max(seq) FROM cycles")[0][0]
                    database.connection.execute("SAVEPOINT bench")
                    database.connection.execute("DELETE FROM decisions WHERE seq = ?", (seq,))
                    database.connection.execute("DELETE FROM decision_codes WHERE seq = ?", (seq,))
                    started = time.process_time()
                    index_record(database.connection, seq, record)
                    spent.append((time.process_time() - started) * 1e3)
                    database.connection.execute("ROLLBACK TO bench")
                    database.connection.execute("RELEASE bench")

            spent: list[float] = []
            log.begin(record.cycle_id, START)
            parts: list[tuple[str, Callable[[], object]]] = [
                ("bare append and fsync of a line", append),
                ("cycle's record: row, index, line (2 fsync)", lambda r=record: log.finish(r)),  # type: ignore[misc]
            ]
            for name, call in parts:
                cpu, wall = _timed(call, 1)
                known = costs.setdefault(name, ([], []))
                known[0].extend(cpu)
                known[1].extend(wall)
            index_only(record, spent)
            known = costs.setdefault("of it: the index", ([], []))
            known[0].extend(spent)
            known[1].extend(spent)
        for name, (cpu, wall) in costs.items():
            _told(name, cpu, wall)


def main() -> None:
    """Build a memory in a temporary folder, measure it, and remove it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / "desk.db"
        records = made_up_records(count + 300)
        with open_desk_database(path, durable=False) as database:
            started, cpu = time.perf_counter(), time.process_time()
            fill(database, (next(records) for _ in range(count)))
            took, used = time.perf_counter() - started, time.process_time() - cpu
            print(f"{count:,} decisions made and stored in {took:.1f} s, {used:.1f} s CPU")
        with open_desk_database(path) as database:
            _inserts(home, database, records)
            database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        size = path.stat().st_size
        lines = [record.to_line() for record in made_up_records(1_000)]
        each = statistics.mean(len(line) + 1 for line in lines)
        print(f"{size / 1e6:,.1f} MB, {size / count:,.0f} bytes a decision; JSONL {each:,.0f}")
        _questions(path, count)


def _questions(path: Path, count: int) -> None:
    roll = (Action.ROLL_COVERED_CALL,)
    month = DecisionFilter(action=roll, since=START, until=START + timedelta(days=30))
    searches = {
        "newest 20": DecisionSearch(),
        "common word": DecisionSearch(text="premium"),
        "three common words": DecisionSearch(text="premium skew delta"),
        "no row has all words": DecisionSearch(text="premium zebra delta"),
        "strike as words": DecisionSearch(text="97k strike roll"),
        "rolls of a month": DecisionSearch(where=month),
        "rolls of a month with a word": DecisionSearch(where=month, text="premium"),
        "last denied": DecisionSearch(where=DecisionFilter(verdict="denied")),
        "one code": DecisionSearch(where=DecisionFilter(code="ROLL_DWELL")),
        "one strike": DecisionSearch(where=DecisionFilter(strike_usd=97_000.0)),
    }
    stats = {
        "by action, all time": StatsQuestion(),
        "by month and action, all time": StatsQuestion(group_by=("month", "action")),
        "by code, all time": StatsQuestion(group_by=("code",)),
        "by strike, opens": StatsQuestion(
            group_by=("strike",), where=DecisionFilter(action=(Action.OPEN_COVERED_CALL,))
        ),
        "by day and action, a month": StatsQuestion(group_by=("day", "action"), where=month),
    }
    with open_reader(path, deadline_s=60.0) as reader:
        for name, search in searches.items():
            _told(f"search: {name}", *_timed(lambda s=search: search_decisions(reader, s), 20))  # type: ignore[misc]
        for name, question in stats.items():
            _told(f"stats: {name}", *_timed(lambda q=question: decision_stats(reader, q), 20))  # type: ignore[misc]
        _told("get one decision", *_timed(lambda: get_decision(reader, count // 2), 20))


if __name__ == "__main__":
    main()
