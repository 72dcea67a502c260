"""A whole live cycle over loopback HTTP without a model, and the venue's share of it by call.

Wall time here, since a live cycle waits for its venue. On a busy machine the percentiles say more
of the machine than of the desk, so the CPU time of the desk's own process stands beside them. A
paper server writes the rows of a step when they are first asked for; a venue has them ready. So
every other cycle finds them written, by a request that is not timed, and both kinds are shown.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.report import Report
from callwright.bootstrap import open_desk
from callwright.config import load_settings
from callwright.cycle import Desk, run_cycle
from callwright.loop import run_loop

WARM_CYCLES = 20
CYCLES = 150
"""Of each kind."""

_VENUE_CALLS = (
    "account", "market", "with_tickers", "specs", "venue_time", "initial_margin_per_coin", "place",
    "fills", "settlements", "orders_by_label",
)  # fmt: skip


@dataclass
class _Times:
    """What the cycles of one kind took, in milliseconds, and how often each part was called."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    parts_ms: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def reports() -> Iterator[Report]:
    """Run a desk against a paper server in a process of its own; return what its cycles took."""
    with tempfile.TemporaryDirectory(prefix="callwright-bench-") as folder:
        kinds = _measured(Path(folder))
    for kind, times in kinds.items():
        wall_ms = sorted(times.wall_ms)
        yield Report(
            f"live: cycle over loopback HTTP with fsync, {kind}",
            {
                "wall p50 ms": statistics.median(wall_ms),
                "wall p95 ms": wall_ms[int(0.95 * CYCLES)],
                "desk's CPU p50 ms": statistics.median(times.cpu_ms),
            },
        )
    for name, total in sorted(times.parts_ms.items(), key=lambda item: -item[1]):
        yield Report(
            f"live: of the latter, {name}",
            {"mean wall ms a cycle": total / CYCLES, "calls a cycle": times.calls[name] / CYCLES},
        )


def _measured(folder: Path) -> dict[str, _Times]:
    command = [
        *(sys.executable, "-m", "callwright", "paper", "serve", "--json", "--port", "0"),
        *("--home", str(folder / "exchange"), "--market", "synthetic:7", "--step", "60s"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = json.loads(server.stdout.readline())["url"]
            settings = load_settings(
                paper_url=url,
                dry_run=False,
                callwright_home=folder / "desk",
                log_dir=folder / "desk" / "logs",
            )
            with open_desk(settings) as home_desk:
                return asyncio.run(_cycles(home_desk.desk, url))
        finally:
            server.terminate()
            server.wait()


async def _cycles(desk: Desk, url: str) -> dict[str, _Times]:
    """Run cycles on a warm desk, each on a market step of its own, which is not timed."""
    kinds = {"rows of the step to be written": _Times(), "rows written": _Times()}
    await run_loop(desk, cycles=WARM_CYCLES, interval_s=0.0, on_record=lambda record: None)
    venue = desk.venue
    untimed = {name: getattr(venue, name) for name in _VENUE_CALLS}
    assert desk.stepped is not None
    for number in range(CYCLES * len(kinds)):
        await desk.stepped.advance()
        times = tuple(kinds.values())[number % len(kinds)]
        for name, call in untimed.items():
            setattr(venue, name, _timed(name, call, times))
        if times is kinds["rows written"]:
            _have_rows_written(url, desk.underlyings)
        wall, cpu = time.perf_counter(), time.process_time()
        await run_cycle(desk)
        times.wall_ms.append((time.perf_counter() - wall) * 1e3)
        times.cpu_ms.append((time.process_time() - cpu) * 1e3)
    await venue.aclose()
    for times in kinds.values():
        times.parts_ms["the desk itself"] = sum(times.wall_ms) - sum(times.parts_ms.values())
        times.calls["the desk itself"] = CYCLES
    return kinds


def _have_rows_written(url: str, underlyings: tuple[str, ...]) -> None:
    with httpx.Client(base_url=f"{url}/api/v2", trust_env=False) as http:
        for coin in underlyings:
            params = {"currency": coin, "kind": "option"}
            http.get("/public/get_book_summary_by_currency", params=params).raise_for_status()


def _timed(name: str, call: Callable[..., Any], times: _Times) -> Callable[..., Any]:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return await call(*args, **kwargs)
        finally:
            times.parts_ms[name] += (time.perf_counter() - began) * 1e3
            times.calls[name] += 1

    return timed
