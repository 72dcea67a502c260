"""Fuzz the way from a model's output to orders: ``make fuzz``.

Prints how many outputs reached the risk engine; ends with 1 if an illegal order or a crash came of
any of them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from desks import desk_settings
from fuzzing import fuzz, situations


def main() -> int:
    """Run the fuzzer; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = []
        for market in ("synthetic:7", "synthetic:crash-1", "synthetic:3"):
            home = Path(folder) / market.replace(":", "-")
            found += situations(home, cycles=100, market=market)
        print(f"{len(found)} situations of a desk that trades; fuzzing ...", file=sys.stderr)
        settings = desk_settings(Path(folder))
        report = fuzz(found, settings, total=options.outputs, seed=options.seed)
    for line in (*report.illegal[:10], *report.crashes[:10], *report.lines()):
        print(line)
    print(f"seed {options.seed}, {time.perf_counter() - began:.0f} s")
    return 1 if report.illegal or report.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
