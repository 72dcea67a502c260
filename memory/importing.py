"""From the flight recorder back to the memory: every line once, however often it is imported.

Batches are transactions, so an import that was killed goes on where it stopped. A line that
contradicts a stored record changes nothing; it is counted and told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from callwright.domain.record import CycleRecord
from callwright.errors import StorageError
from callwright.memory.database import DeskDatabase
from callwright.memory.decision_index import pruned_before
from callwright.memory.recording import store_record

BATCH = 500


@dataclass
class ImportReport:
    """What an import did.

    Attributes:
        added, known: Lines that became records, and lines whose record was there.
        contradicting: ``cycle_id`` of lines that say something else than the stored record.
        skipped: Lines that are torn or no records.
        out_of_order: Added records that are older than one before them; they are found, but stand
            after it.
        pruned: Lines older than what retention left; their sums are kept already.
    """

    lines: int = 0
    added: int = 0
    known: int = 0
    contradicting: list[str] = field(default_factory=list)
    skipped: int = 0
    out_of_order: int = 0
    pruned: int = 0


def import_files(
    database: DeskDatabase, paths: Sequence[Path], *, on_bytes: Callable[[int], None]
) -> ImportReport:
    """Take every line of the files into the memory, in the order given.

    Args:
        on_bytes: Told how many bytes of the files a batch took.

    Raises:
        StorageError: A file cannot be read, or the memory cannot be written.
    """
    report = ImportReport()
    newest = database.rows("SELECT coalesce(max(as_of), '') FROM decisions")[0][0]
    oldest = pruned_before(database.connection)
    for path in paths:
        for batch in _batches(path):
            with database.transaction():
                for line in batch:
                    newest = max(newest, _take(database, line, newest, oldest, report))
            on_bytes(sum(len(line) + 1 for line in batch))
    return report


def _take(
    database: DeskDatabase, raw: bytes, newest: str, oldest: str, report: ImportReport
) -> str:
    report.lines += 1
    try:
        line = raw.decode()
        record = CycleRecord.from_line(line)
    except (ValidationError, UnicodeDecodeError):
        report.skipped += 1
        return newest
    stored = database.rows(
        "SELECT record_line(record) FROM cycles WHERE cycle_id = ?", (record.cycle_id,)
    )
    if stored:
        if stored[0][0] == line or CycleRecord.from_line(stored[0][0]) == record:
            report.known += 1
        else:
            report.contradicting.append(record.cycle_id)
        return newest
    if record.state.as_of < oldest:
        report.pruned += 1
        return newest
    database.write(
        "cycles_begun", "DELETE FROM cycles_begun WHERE cycle_id = ?", (record.cycle_id,)
    )
    store_record(database, record, line, run_id=None)
    report.added += 1
    report.out_of_order += record.state.as_of < newest
    return record.state.as_of


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not empty, without their ends.

    Raises:
        StorageError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            for raw in file:
                if raw.strip():
                    yield raw.rstrip(b"\r\n")
    except OSError as exc:
        raise StorageError(f"{path}: {exc.strerror}", remedy="check the path") from exc


def _batches(path: Path) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in lines_of(path):
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
