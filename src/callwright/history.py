"""The decision memory of a home: ask it, rebuild it from the flight recorder, compare the two.

What the command line uses, and later the explainer and the web page. Asking opens read-only; only
import and repair write, and then this process must be the account's only one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from callwright.config import Settings
from callwright.domain.desk import DESK_FILE
from callwright.errors import StorageError
from callwright.lock import sole_writer
from callwright.memory.database import open_desk_database, read_desk_database
from callwright.memory.decision_detail import get_decision
from callwright.memory.decision_index import rebuild_index
from callwright.memory.decision_stats import decision_stats
from callwright.memory.exporting import export_file, exported_lines
from callwright.memory.flight_recorder import FlightRecorder
from callwright.memory.importing import ImportReport, import_files
from callwright.memory.pruning import PrunePlan, finish_pruning, plan_pruning, prune
from callwright.memory.reader import DecisionReader, open_reader
from callwright.memory.search import search_decisions
from callwright.memory.verifying import Difference, Verified, differences

__all__ = [
    "decision_stats", "export_file", "exported_lines", "get_decision", "import_lines",
    "open_memory", "plan_prune", "prune_memory", "repair_memory", "search_decisions",
    "verify_memory",
]  # fmt: skip

DIFFERENCES_KEPT = 1_000


@dataclass(frozen=True)
class Verification:
    """What a comparison found; ``count`` counts all differences, some are kept."""

    compared: Verified
    count: int
    differences: tuple[Difference, ...]

    def to_jsonable(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "agree": self.count == 0,
            **asdict(self.compared),
            "difference_count": self.count,
            "differences": [asdict(each) for each in self.differences],
        }


def open_memory(settings: Settings) -> DecisionReader:
    """Open the home's decision memory to ask it.

    Raises:
        StorageError: There is none, or it cannot be read.
    """
    return open_reader(settings.callwright_home / DESK_FILE)


def import_lines(
    settings: Settings, paths: Sequence[Path], *, on_bytes: Callable[[int], None]
) -> ImportReport:
    """Take the lines of flight recorder files into the home's memory; a new home gets one.

    Raises:
        StorageError: A file is missing or unreadable, or another process runs this account.
    """
    home = settings.callwright_home
    for path in paths:
        if not path.is_file():
            raise StorageError(f"{path}: there is no such file", remedy="check the path")
    with (
        sole_writer(home, settings.account_name),
        open_desk_database(home / DESK_FILE) as database,
    ):
        return import_files(database, paths, on_bytes=on_bytes)


def verify_memory(settings: Settings) -> Verification:
    """Compare the home's memory with ``LOG_DIR``, and its index with its records.

    Raises:
        StorageError: One of them cannot be read.
    """
    compared = Verified()
    kept: list[Difference] = []
    count = 0
    with read_desk_database(settings.callwright_home / DESK_FILE) as database:
        # One view of the file, also while the desk goes on writing.
        database.rows("BEGIN")
        for found in differences(database, settings.log_dir, compared):
            count += 1
            if len(kept) < DIFFERENCES_KEPT:
                kept.append(found)
    return Verification(compared, count, tuple(kept))


def repair_memory(settings: Settings) -> Verification:
    """Mend what follows from what is there, and return what then still differs.

    Rows that only the files have are imported, lines that only the memory has are appended, the
    index is made again. A line and a row that contradict each other are left for a person.

    Raises:
        StorageError: A file cannot be used, or another process runs this account.
    """
    home = settings.callwright_home
    paths = sorted(settings.log_dir.glob("agent_decisions_*.jsonl"))
    with (
        sole_writer(home, settings.account_name),
        open_desk_database(home / DESK_FILE) as database,
    ):
        finish_pruning(database)
        with database.transaction():
            for _ in rebuild_index(database.connection):
                pass
        import_files(database, paths, on_bytes=lambda _: None)
        missing = [
            found.where
            for found in differences(database, settings.log_dir, Verified())
            if found.kind == "MISSING_LINE"
        ]
        recorder = FlightRecorder(settings.log_dir)
        try:
            for cycle_id in missing:
                log_timestamp, line = database.rows(
                    "SELECT log_timestamp, record_line(record) FROM cycles WHERE cycle_id = ?",
                    (cycle_id,),
                )[0]
                recorder.append(log_timestamp, line)
        finally:
            recorder.close()
    return verify_memory(settings)


def plan_prune(settings: Settings, before: date) -> PrunePlan:
    """Return what deleting the records before the first day of a month would delete.

    Raises:
        StorageError: There is no memory, or it cannot be read.
    """
    with read_desk_database(settings.callwright_home / DESK_FILE) as database:
        return plan_pruning(database, before)


def prune_memory(
    settings: Settings, before: date, *, on_batch: Callable[[int], None] = lambda n: None
) -> int:
    """Delete the records before the first day of a month; return how many. Their sums stay.

    Args:
        on_batch: Told how many records each transaction deleted.

    Raises:
        StorageError: Something still needs one of them, or another process runs this account.
    """
    home = settings.callwright_home
    with (
        sole_writer(home, settings.account_name),
        open_desk_database(home / DESK_FILE) as database,
    ):
        return prune(database, plan_pruning(database, before), on_batch=on_batch)
