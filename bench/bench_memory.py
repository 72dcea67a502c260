"""``make bench-memory``: insert, questions and size of the decision memory, at several sizes.

``python -m bench.bench_memory [DECISIONS ...] [--keep DIR] [--no-scan]``. Histories are those of
``tests/long_histories.py``, written by the desk's own record writer, 2,000 a transaction; then some
are inserted durably one by one, as the loop does, beside a bare append and fsync of as many bytes.
CPU is ``time.process_time``: what an idle core would need. Wall time of a shared machine is for
comparing only.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from callwright.domain.record import CycleRecord
from callwright.memory.database import DeskDatabase, open_desk_database
from callwright.memory.decision_log import SqliteDecisionLog
from callwright.memory.flight_recorder import FlightRecorder
from callwright.memory.reader import open_reader

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from bench.memory_questions import Question, questions
from long_histories import START, STEP, long_history, write

INSERTS = 500
REPEATS = 15

Figures = tuple[list[float], list[float]]
"""CPU and wall milliseconds."""


class Measured:
    """What was measured at one size, for the slope to the next."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.bytes_each = 0.0
        self.cpu_ms: dict[str, float] = {}


def main() -> None:
    """Measure each size in a folder of its own, then print the slope."""
    parser = argparse.ArgumentParser(prog="python -m bench.bench_memory", description=__doc__)
    parser.add_argument("decisions", nargs="*", type=int, default=[100_000])
    parser.add_argument("--keep", type=Path, help="build in this folder, and leave it there")
    parser.add_argument("--no-scan", action="store_true", help="leave out the scans of the JSONL")
    options = parser.parse_args()
    sizes = []
    for count in options.decisions:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) if options.keep is None else options.keep / str(count)
            home.mkdir(parents=True, exist_ok=True)
            sizes.append(_measure(home, count, scan=not options.no_scan))
    if len(sizes) > 1:
        _slope(sizes[-2], sizes[-1], 10 * sizes[-1].count)


def _measure(home: Path, count: int, *, scan: bool) -> Measured:
    found = Measured(count)
    path, lines = home / "desk.db", home / "all.jsonl"
    print(f"\n== {count:,} decisions", flush=True)
    if not path.exists():
        _build(path, lines, long_history(count))
    with open_desk_database(path) as database:
        # After those that a kept memory has from the last time.
        known = database.rows("SELECT count(*) FROM cycles")[0][0]
        _inserts(home, database, long_history(INSERTS, seed=1, start=START + STEP * known))
        database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    found.bytes_each = _sizes(path, lines)
    asked = list(questions(START, count, STEP))
    with open_reader(path, deadline_s=60.0) as reader:
        for question in asked:
            cpu, wall = _timed(lambda q=question: q.ask(reader), REPEATS)  # type: ignore[misc]
            found.cpu_ms[question.name] = statistics.median(cpu)
            _tell(question.name, cpu, wall)
    if scan:
        _scans(lines, asked, found)
    return found


def _build(path: Path, lines: Path, history: Iterator[CycleRecord]) -> None:
    def taken() -> Iterator[CycleRecord]:
        for record in history:
            file.write(record.to_line().encode() + b"\n")
            yield record

    def told(done: int) -> None:
        if done % 20_000 == 0:
            rate = done / (time.perf_counter() - wall)
            print(f"   {done:,} stored, {rate:,.0f} /s", end="\r", file=sys.stderr, flush=True)

    wall, cpu = time.perf_counter(), time.process_time()
    with lines.open("wb") as file, open_desk_database(path, durable=False) as database:
        count = write(database, taken(), on_batch=told)
    took, used = time.perf_counter() - wall, time.process_time() - cpu
    print(f"made and stored in {took:.0f} s, {used:.0f} s CPU, {used / count * 1e3:.3f} ms each")


def _inserts(home: Path, database: DeskDatabase, records: Iterator[CycleRecord]) -> None:
    class NoRecorder(FlightRecorder):
        """Its line is written, and timed, apart."""

        def append(self, log_timestamp: str, line: str) -> None:
            pass

        def is_empty(self) -> bool:
            return False

    recorder = FlightRecorder(home / "logs")
    log = SqliteDecisionLog(database, NoRecorder(home / "logs"))
    wal = Path(f"{database.path}-wal")
    costs: dict[str, Figures] = {}
    written = []

    def timed(name: str, call: Callable[[], object]) -> None:
        cpu, wall = _timed(call, 1)
        costs.setdefault(name, ([], []))[0].extend(cpu)
        costs[name][1].extend(wall)

    execute = database._execute

    def watched(sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        # The commit alone is what waits for the disk.
        if sql != "COMMIT":
            return execute(sql, parameters)
        found: list[sqlite3.Cursor] = []
        timed("of finish: its commit", lambda: found.append(execute(sql, parameters)))
        return found[0]

    database._execute = watched  # type: ignore[method-assign]
    with (home / "bare.bin").open("ab", buffering=0) as bare:

        def append(data: bytes) -> None:
            bare.write(data)
            os.fsync(bare.fileno())

        for record in records:
            line = record.to_line()
            timed("bare append and fsync of the line", lambda d=line: append(d.encode()))  # type: ignore[misc]
            timed("begin: one row (1 fsync)", lambda r=record: log.begin(r.cycle_id, START))  # type: ignore[misc]
            before = wal.stat().st_size
            timed("finish: record, index, sums (1 fsync)", lambda r=record: log.finish(r))  # type: ignore[misc]
            grown = wal.stat().st_size - before
            if grown > 0:
                written.append(grown)
                data = os.urandom(grown)
                timed(
                    "bare append and fsync of what the commit wrote",
                    lambda d=data: append(d),  # type: ignore[misc]
                )
            timed(
                "flight recorder: its line (1 fsync)",
                lambda r=record, x=line: recorder.append(r.log_timestamp, x),  # type: ignore[misc]
            )
    recorder.close()
    database._execute = execute  # type: ignore[method-assign]
    for name in sorted(costs):
        _tell(name, *costs[name])
    if written:
        print(f"a commit writes {statistics.median(written):,.0f} bytes to the WAL")
    (home / "bare.bin").unlink()


def _sizes(path: Path, lines: Path) -> float:
    connection = sqlite3.connect(path)
    count = int(connection.execute("SELECT count(*) FROM cycles").fetchone()[0])
    tables = connection.execute(
        "SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 8"
    ).fetchall()
    connection.close()
    size = path.stat().st_size
    named = ", ".join(f"{name} {part / count:.0f}" for name, part in tables)
    print(f"{size / 1e6:,.1f} MB, {size / count:,.0f} bytes a decision ({named})")
    print(f"JSONL {lines.stat().st_size / 1e6:,.1f} MB, {lines.stat().st_size / count:,.0f} a line")
    return size / count


def _scans(lines: Path, asked: list[Question], found: Measured) -> None:
    import orjson

    def records() -> Iterator[Any]:
        with lines.open("rb") as file:
            for raw in file:
                yield orjson.loads(raw)

    for question in asked:
        if question.scan is not None:
            cpu, wall = _timed(lambda q=question: q.scan(records()), 1)  # type: ignore[misc]
            ratio = cpu[0] / found.cpu_ms[question.name]
            print(
                f"{'orjson scan: ' + question.name:<52} CPU ms {cpu[0]:>10,.0f}"
                f"   wall ms {wall[0]:>10,.0f}   {ratio:,.0f} times the memory's"
            )


def _slope(small: Measured, large: Measured, count: int) -> None:
    print(f"\n== {count:,} decisions, by the slope from {small.count:,} to {large.count:,}")
    more = (count - large.count) / (large.count - small.count)
    print(f"{large.bytes_each * count / 1e9:,.1f} GB at {large.bytes_each:,.0f} bytes a decision")
    for name, at_large in large.cpu_ms.items():
        at_small = small.cpu_ms[name]
        then = max(at_large, at_large + (at_large - at_small) * more)
        print(f"{name:<52} CPU ms {at_small:>9.2f} {at_large:>9.2f} {then:>9.1f}")


def _timed(call: Callable[[], object], repeats: int) -> Figures:
    cpu, wall = [], []
    for _ in range(repeats):
        started, clock = time.process_time(), time.perf_counter()
        call()
        cpu.append((time.process_time() - started) * 1e3)
        wall.append((time.perf_counter() - clock) * 1e3)
    return cpu, wall


def _tell(name: str, cpu: list[float], wall: list[float]) -> None:
    def spread(figures: list[float]) -> str:
        cuts = statistics.quantiles(figures, n=20)
        return f"p50 {statistics.median(figures):8.3f} p95 {cuts[-1]:8.3f}"

    print(f"{name:<52} CPU ms {spread(cpu)}   wall ms {spread(wall)}", flush=True)


if __name__ == "__main__":
    main()
