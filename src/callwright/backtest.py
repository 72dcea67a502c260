"""Whole runs in throw-away homes without fsync, each audited; several at a time, a process each."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from callwright.audit import audit
from callwright.bootstrap import open_desk
from callwright.config import Settings
from callwright.connect import PAPER_FILE
from callwright.domain.desk import DESK_FILE
from callwright.loop import run_loop
from callwright.summary import RunSummary


@dataclass(frozen=True)
class BacktestRun:
    """One run of a back-test: its summary, and what the audit of the books found."""

    market: str
    ended_because: str
    summary: RunSummary
    violations: tuple[str, ...]

    def to_jsonable(self) -> dict[str, Any]:
        """Return the run as JSON values."""
        return {
            "market": self.market,
            "ended_because": self.ended_because,
            "violations": list(self.violations),
            "summary": self.summary.to_jsonable(),
        }


def backtest_run(settings: Settings, *, cycles: int | None) -> BacktestRun:
    """Run a desk in a throw-away home without fsync, then audit its books."""
    summary = RunSummary()
    with tempfile.TemporaryDirectory(prefix="callwright-backtest-") as folder:
        home = Path(folder)
        settings = settings.model_copy(
            update={
                "callwright_home": home,
                "log_dir": home / "logs",
                "dry_run": False,
                # A back-test reaches no account of anybody and costs nothing.
                "venue": "paper",
                "paper_url": None,
                "llm_enabled": False,
                # Nobody can ask a home that is thrown away.
                "snapshots_kept": 0,
            }
        )
        with open_desk(settings, durable=False) as home_desk:
            result = asyncio.run(
                run_loop(home_desk.desk, cycles=cycles, interval_s=0.0, on_record=summary.add)
            )
        broken = audit(home / DESK_FILE, home / PAPER_FILE, home / "logs")
    return BacktestRun(settings.market, result.ended_because, summary, broken)


def run_each(
    settings: Sequence[Settings], *, cycles: int | None, jobs: int | None = None
) -> Iterator[BacktestRun]:
    """Yield a run for each of the settings, in their order.

    Args:
        jobs: How many processes at a time; None: one for each core.
    """
    workers = min(jobs or os.cpu_count() or 1, len(settings))
    run = partial(backtest_run, cycles=cycles)
    if workers == 1:
        yield from map(run, settings)
        return
    # Spawned: a fork of a process with threads of its own may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, settings)
