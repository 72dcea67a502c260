"""A whole live cycle over loopback HTTP without a model, and what a model's decision is made of.

Wall time here, since a live cycle waits for its venue: on a busy machine the percentiles say more of
the machine than of the desk, so the CPU time of the desk's own process stands beside them.
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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from callwright.bootstrap import open_desk
from callwright.config import load_settings
from callwright.cycle import Desk, run_cycle
from callwright.loop import run_loop

WARM_CYCLES = 20
CYCLES = 100

_VENUE_CALLS = (
    "account", "market", "with_tickers", "specs", "venue_time", "initial_margin_per_coin", "place",
    "fills", "settlements", "orders_by_label",
)  # fmt: skip


def reports() -> Iterator[str]:
    """Yield lines of text."""
    with tempfile.TemporaryDirectory(prefix="callwright-bench-") as folder:
        yield from _live_cycle(Path(folder))


def _live_cycle(folder: Path) -> Iterator[str]:
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
                wall_ms, cpu_ms, parts_ms, calls = asyncio.run(_cycles(home_desk.desk))
        finally:
            server.terminate()
            server.wait()
    yield (
        f"live cycle over loopback HTTP, fsync on, {CYCLES} cycles: wall p50 "
        f"{statistics.median(wall_ms):.1f} ms, p95 {sorted(wall_ms)[int(0.95 * CYCLES)]:.1f} ms; "
        f"CPU of the desk p50 {statistics.median(cpu_ms):.1f} ms"
    )
    for name, total in sorted(parts_ms.items(), key=lambda item: -item[1]):
        yield f"    {name:<26} {total / CYCLES:>7.2f} ms a cycle, {calls[name] / CYCLES:.2f} calls"


async def _cycles(
    desk: Desk,
) -> tuple[list[float], list[float], dict[str, float], dict[str, int]]:
    """Run cycles on a warm desk; return their wall and CPU times, and the venue's share by call."""
    await run_loop(desk, cycles=WARM_CYCLES, interval_s=0.0, on_record=lambda record: None)
    parts_ms: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    for name in _VENUE_CALLS:
        _time(desk.venue, name, parts_ms, calls)
    wall_ms, cpu_ms = [], []
    assert desk.stepped is not None
    for _ in range(CYCLES):
        await desk.stepped.advance()
        wall, cpu = time.perf_counter(), time.process_time()
        await run_cycle(desk)
        wall_ms.append((time.perf_counter() - wall) * 1e3)
        cpu_ms.append((time.process_time() - cpu) * 1e3)
    await desk.venue.aclose()
    parts_ms["everything else"] = sum(wall_ms) - sum(parts_ms.values())
    calls["everything else"] = CYCLES
    return wall_ms, cpu_ms, parts_ms, calls


def _time(venue: Any, name: str, parts_ms: dict[str, float], calls: dict[str, int]) -> None:
    original = getattr(venue, name)

    async def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return await original(*args, **kwargs)
        finally:
            parts_ms[name] += (time.perf_counter() - began) * 1e3
            calls[name] += 1

    setattr(venue, name, timed)
