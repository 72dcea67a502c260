"""Fuzz searches of the decision memory: part of ``make fuzz``.

Ends with 1 if a text made anything but an answer or a clean error, or reached the index as more
than quoted words.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from callwright.memory.database import open_desk_database
from callwright.memory.reader import open_reader
from long_histories import long_history, write
from search_fuzzing import fuzz_search


def main() -> int:
    """Run the fuzzer; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "desk.db"
        with open_desk_database(path, durable=False) as database:
            write(database, long_history(options.decisions))
        with open_reader(path) as reader:
            report = fuzz_search(reader, total=options.texts, seed=options.seed)
    for line in (*report.crashes[:10], *report.queries[:10]):
        print(line)
    print(
        f"{report.total:,} texts searched in {options.decisions:,} decisions: "
        f"{report.answered:,} answered, {report.refused:,} refused cleanly, "
        f"{len(report.crashes)} crashes, {len(report.queries)} queries of more than words, "
        f"{len(report.statements)} different statements"
    )
    print(f"seed {options.seed}, {time.perf_counter() - began:.0f} s")
    return 1 if report.crashes or report.queries else 0


if __name__ == "__main__":
    sys.exit(main())
