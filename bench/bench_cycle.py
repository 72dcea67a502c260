"""What a cycle costs, whole and by part, on chains of about 1,000 options a coin."""

from __future__ import annotations

import asyncio
import atexit
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from callwright import gates
from callwright.bootstrap import HomeDesk, open_desk
from callwright.config import Settings, load_settings
from callwright.cycle import observe, run_cycle, scan_live
from callwright.domain.record import CycleRecord
from callwright.domain.snapshot_codec import encode_snapshot
from callwright.journal import Judged, Observed, build_record
from callwright.loop import run_loop
from callwright.paper.markets import open_source
from callwright.paper.recording import read_snapshot, write_snapshot

_STACK = ExitStack()
atexit.register(_STACK.close)

YEAR_CYCLES = 4 * 365
RECORDED_SNAPSHOTS = 60


def _folder() -> Path:
    return Path(_STACK.enter_context(tempfile.TemporaryDirectory(prefix="callwright-bench-")))


def _settings(home: Path, **changes: Any) -> Settings:
    base: dict[str, Any] = {"market": "synthetic:7", "step": "6h", "dry_run": False}
    return load_settings(callwright_home=home, log_dir=home / "logs", **(base | changes))


def _warm_desk() -> HomeDesk:
    """Return a desk in the middle of a run, with positions of its own."""
    home_desk = _STACK.enter_context(open_desk(_settings(_folder()), durable=False))
    _run(home_desk, 60)
    return home_desk


def _run(home_desk: HomeDesk, cycles: int) -> list[CycleRecord]:
    records: list[CycleRecord] = []
    asyncio.run(run_loop(home_desk.desk, cycles=cycles, interval_s=0.0, on_record=records.append))
    return records


def _whole_run(market: str, step: str, cycles: int) -> Callable[[], object]:
    def run() -> object:
        with tempfile.TemporaryDirectory(prefix="callwright-bench-") as folder:
            settings = _settings(Path(folder), market=market, step=step)
            with open_desk(settings, durable=False) as home_desk:
                return len(_run(home_desk, cycles))

    return run


def _recording() -> Path:
    """Return a folder of snapshots that our own synthetic market made."""
    folder = _folder()
    source = open_source("synthetic:7", step=_settings(folder, step="1d").step_length())
    at = source.start()
    for _ in range(RECORDED_SNAPSHOTS):
        write_snapshot(source.view(at), folder)
        at = source.next_after(at)
    return folder


def benchmarks() -> list[tuple[str, Callable[[], object], int]]:
    """Return (name, call, inner operations) of every benchmark of this module."""
    home_desk = _warm_desk()
    desk, exchange = home_desk.desk, home_desk.exchange
    loop = asyncio.new_event_loop()
    _STACK.callback(loop.close)

    def wait(awaitable: Any) -> Any:
        return loop.run_until_complete(awaitable)

    account = wait(desk.venue.account())
    snapshot = wait(observe(desk, account))
    snapshot, scan = wait(scan_live(desk, snapshot))
    answer = wait(desk.brain.decide(snapshot, scan))
    sizing, approval = gates.judge(answer.proposal, snapshot, scan, desk.policy, desk.limits)
    record = build_record(
        cycle_id="bench",
        log_time=snapshot.as_of,
        observed=Observed(snapshot.as_of, snapshot, scan),
        judged=Judged(answer, sizing, approval.guardrail, approval.risk, approved=False),
        baseline=None,
        intents=(),
        dry_run=False,
        message="",
        config_snapshot=desk.config_snapshot,
    )
    source = open_source("synthetic:7", step=_settings(_folder()).step_length())
    times = [source.start()]
    for _ in range(50):
        times.append(source.next_after(times[-1]))
    recording = _recording()
    first = sorted(recording.iterdir())[0]
    options = sum(len(m.chain) for m in snapshot.market.underlyings.values())

    def step_and_cycle() -> object:
        exchange.advance()
        return wait(run_cycle(desk))

    def views() -> None:
        for at in times:
            source.view(at)

    return [
        (f"synthetic market view, {options} options", views, len(times)),
        ("parse a chain file", lambda: read_snapshot(first), 1),
        ("part: observe", lambda: wait(observe(desk, account)), 1),
        ("part: scan with prechecks", lambda: wait(scan_live(desk, snapshot)), 1),
        ("part: decide by rules", lambda: wait(desk.brain.decide(snapshot, scan)), 1),
        (
            "part: size, guardrail, risk",
            lambda: gates.judge(answer.proposal, snapshot, scan, desk.policy, desk.limits),
            1,
        ),
        ("part: snapshot to its bytes", lambda: encode_snapshot(snapshot), 1),
        ("part: record to its line", record.to_line, 1),
        ("one whole cycle with its market step, no fsync", step_and_cycle, 1),
        (
            "cycles over recorded chains, parsing included",
            _whole_run(f"recorded:{recording}", "1d", RECORDED_SNAPSHOTS),
            RECORDED_SNAPSHOTS,
        ),
        ("cycles over a synthetic year", _whole_run("synthetic:7", "6h", YEAR_CYCLES), YEAR_CYCLES),
    ]
