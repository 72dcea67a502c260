"""``make bench``: what the desk costs, in CPU time, each figure the median of several runs.

CPU time (``time.process_time``) is what an idle core would need; wall time of a shared machine is
not a measure. After those come reports on what is no repeatable call: a live cycle over HTTP, a
model's decision. Nothing here asserts: figures are for reading and comparing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable

from bench import bench_analytics, bench_cycle, bench_live, bench_prompt, bench_wire

BenchmarkEntry = tuple[str, Callable[[], object], int]

REPORTING = {"live:": bench_live.reports, "prompt:": bench_prompt.reports}
"""By what the names of a module's reports begin with."""


def cpu_seconds(call: Callable[[], object], *, target_s: float, rounds: int) -> float:
    """Return the median CPU seconds of one call, over ``rounds`` rounds of about ``target_s``."""
    start = time.process_time()
    call()
    once = max(time.process_time() - start, 1e-6)
    repeats = max(1, int(target_s / once))
    figures = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(repeats):
            call()
        figures.append((time.process_time() - start) / repeats)
    return statistics.median(figures)


def main() -> None:
    """Run the benchmarks whose name contains the given text; all without one."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("only", nargs="?", default="", help="part of a benchmark's name")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    for module in (bench_analytics, bench_cycle, bench_wire):
        for name, call, operations in module.benchmarks():
            if arguments.only not in name:
                continue
            print(f"... {name}", end="\r", file=sys.stderr, flush=True)
            seconds = cpu_seconds(call, target_s=0.2, rounds=arguments.rounds)
            per_operation_us = seconds / operations * 1e6
            if arguments.json:
                print(json.dumps({"name": name, "cpu_s": seconds, "us_each": per_operation_us}))
            else:
                rate = operations / seconds
                print(
                    f"{name:<62} {seconds * 1e3:>10.3f} ms  {per_operation_us:>10.2f} us each"
                    f"  {rate:>12,.0f} /s"
                )
    for prefix, reports in REPORTING.items():
        # None of them is quick, so one that is not asked for is not run.
        if not (arguments.only in prefix or arguments.only.startswith(prefix)):
            continue
        for report in reports():
            if arguments.only not in report.name:
                continue
            if arguments.json:
                print(json.dumps({"name": report.name, **report.figures}))
            else:
                print(report.line())


if __name__ == "__main__":
    main()
