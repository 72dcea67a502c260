"""Kill the desk at every crash point, on many seeds, with both brains: ``make kill-test``.

Each case is three processes: the desk, ``paper serve`` and (with ``llm``) a scripted model. Ends
with 1 if any case broke an invariant, lost an order or sent one twice.
``--without-lookup`` makes recovery guess instead of asking the venue: then cases must fail.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from crashes import Brain, Case, Outcome, cases, run_case


def main() -> int:
    """Run the cases; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--brain", choices=("rules", "llm"), help="only this one")
    parser.add_argument("--point", action="append", help="only this place; may be repeated")
    parser.add_argument("--without-lookup", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    brains: tuple[Brain, ...] = ("rules", "llm")
    if options.brain:
        brains = (options.brain,)
    chosen = [
        Case(case.point, case.brain, case.seed, options.without_lookup)
        for case in cases(brains, range(1, options.seeds + 1))
        if not options.point or case.point in options.point
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = []
        for done, outcome in enumerate(pool.map(_run, chosen), 1):
            outcomes.append(outcome)
            if sys.stderr.isatty() or done % 50 == 0:
                print(f"\r{done} of {len(chosen)} cases ", end="", file=sys.stderr, flush=True)
    return _report(outcomes, time.perf_counter() - began)


def _run(case: Case) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="callwright-kill-") as folder:
        return run_case(case, Path(folder))


def _report(outcomes: list[Outcome], seconds: float) -> int:
    struck: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    for outcome in outcomes:
        key = (outcome.case.point, outcome.case.brain)
        total[key] += 1
        struck[key] += outcome.struck
    print("| place | brain | cases | killed there |\n| --- | --- | --- | --- |")
    for (point, brain), count in total.items():
        print(f"| {point} | {brain} | {count} | {struck[point, brain]} |")
    broken = [outcome for outcome in outcomes if outcome.problems]
    for outcome in broken[:20]:
        case = outcome.case
        print(f"{case.point} {case.brain} seed {case.seed}: {'; '.join(outcome.problems[:3])}")
    kinds = Counter(line.split()[0] for outcome in broken for line in outcome.problems)
    print(
        f"{len(outcomes)} cases, {sum(struck.values())} killed, "
        f"{sum(o.cycles for o in outcomes)} records, {sum(o.orders for o in outcomes)} intents; "
        f"{len(broken)} cases with a problem {dict(kinds) or ''}; {seconds:.0f} s"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
