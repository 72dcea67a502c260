"""Do memory and flight recorder agree, and does the index say what the records say?

Reads only. A difference has a kind, a place and words; no difference is hidden behind another.
Day files older than the oldest that is there count as archived, as the recorder itself holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from callwright.domain.record import CycleRecord
from callwright.errors import StorageError
from callwright.memory.database import DeskDatabase
from callwright.memory.decision_index import ROLLUP_KEYS, ROLLUP_SUMS, UNREADABLE
from callwright.memory.facets import FACET_COLUMNS, denial_codes, facets_of
from callwright.memory.importing import lines_of

Kind = Literal[
    "MISSING_ROW", "MISSING_LINE", "LINE_DIFFERS", "LINE_TWICE", "BAD_LINE", "BAD_ROW",
    "INDEX_DIFFERS", "TOTALS_DIFFER", "WORDS_MISSING",
]  # fmt: skip

_BATCH = 500


@dataclass(frozen=True)
class Difference:
    """One thing that does not agree; ``where`` is a ``cycle_id``, a file and line, or a day."""

    kind: Kind
    where: str
    what: str


@dataclass
class Verified:
    """How much was compared.

    Attributes:
        archived: Records whose day file is older than every file that is there.
    """

    rows: int = 0
    lines: int = 0
    archived: int = 0


def differences(database: DeskDatabase, log_dir: Path, seen: Verified) -> Iterator[Difference]:
    """Yield everything that does not agree; ``seen`` counts along.

    Raises:
        StorageError: A file cannot be read at all.
    """
    paths = sorted(log_dir.glob("agent_decisions_*.jsonl"))
    told: set[str] = set()
    for path in paths:
        yield from _lines(database, path, told, seen)
    oldest = paths[0].stem[-8:] if paths else ""
    yield from _rows(database, told, oldest, seen)
    yield from _totals(database)
    yield from _words(database)


def _lines(
    database: DeskDatabase, path: Path, told: set[str], seen: Verified
) -> Iterator[Difference]:
    for number, raw in enumerate(lines_of(path), 1):
        seen.lines += 1
        where = f"{path.name}:{number}"
        try:
            line = raw.decode()
            cycle_id = CycleRecord.from_line(line).cycle_id
        except (ValidationError, UnicodeDecodeError):
            yield Difference("BAD_LINE", where, "torn, or no record")
            continue
        if cycle_id in told:
            yield Difference("LINE_TWICE", cycle_id, f"again at {where}")
            continue
        told.add(cycle_id)
        try:
            found = database.rows(
                "SELECT record_line(record) FROM cycles WHERE cycle_id = ?", (cycle_id,)
            )
        except StorageError:
            # The row itself is damaged; it is told when the rows are read.
            continue
        if not found:
            yield Difference("MISSING_ROW", cycle_id, f"stands at {where} only")
        elif found[0][0] != line:
            yield Difference("LINE_DIFFERS", cycle_id, f"{where} says something else than the row")


def _rows(
    database: DeskDatabase, told: set[str], oldest: str, seen: Verified
) -> Iterator[Difference]:
    last = 0
    while rows := database.rows(
        "SELECT seq, cycle_id, log_timestamp, record FROM cycles WHERE seq > ?"
        " ORDER BY seq LIMIT ?",
        (last, _BATCH),
    ):
        for seq, cycle_id, log_timestamp, stored in rows:
            last = seq
            seen.rows += 1
            try:
                record = CycleRecord.from_line(database.packer.line(stored) or "")
            except UNREADABLE as exc:
                yield Difference("BAD_ROW", cycle_id, f"cannot be read: {type(exc).__name__}")
                continue
            if record.cycle_id != cycle_id:
                yield Difference("BAD_ROW", cycle_id, f"holds the record of {record.cycle_id}")
            yield from _indexed(database, seq, record)
            if cycle_id not in told:
                if log_timestamp[:10].replace("-", "") < oldest:
                    seen.archived += 1
                else:
                    yield Difference("MISSING_LINE", cycle_id, "stands in the memory only")
    for (seq,) in database.rows(
        "SELECT seq FROM decisions WHERE seq NOT IN (SELECT seq FROM cycles)"
    ):
        yield Difference("INDEX_DIFFERS", f"decision {seq}", "indexed, but there is no record")


def _indexed(database: DeskDatabase, seq: int, record: CycleRecord) -> Iterator[Difference]:
    where = record.cycle_id
    found = database.rows(f"SELECT {', '.join(FACET_COLUMNS)} FROM decisions WHERE seq = ?", (seq,))
    wanted = facets_of(record).cells()
    if not found:
        yield Difference("INDEX_DIFFERS", where, "not in the index")
        return
    wrong = [
        name
        for name, is_, should in zip(FACET_COLUMNS, found[0], wanted, strict=True)
        if is_ != should
    ]
    if wrong:
        yield Difference("INDEX_DIFFERS", where, f"columns {', '.join(wrong)}")
    codes = {
        row[0] for row in database.rows("SELECT code FROM decision_codes WHERE seq = ?", (seq,))
    }
    if codes != set(denial_codes(record)):
        yield Difference("INDEX_DIFFERS", where, "codes")
    updates = database.rows(
        "SELECT cycle_id, kind, symbol FROM decision_updates WHERE told_by = ? ORDER BY place",
        (seq,),
    )
    if updates != [(u.cycle_id, u.kind, u.symbol) for u in record.order_updates]:
        yield Difference("INDEX_DIFFERS", where, "later events")


def _totals(database: DeskDatabase) -> Iterator[Difference]:
    keys = ", ".join(
        name if name == "day" else f"coalesce({name}, '') AS {name}" for name in ROLLUP_KEYS
    )
    names = ", ".join(ROLLUP_KEYS)
    stored = (
        f"SELECT {names}, count, model_decisions, input_tokens, output_tokens, cost_known,"
        " cost_nano_usd, cost_unknown, first_seq, last_seq FROM day_stats"
    )
    summed = (
        f"SELECT {keys}, {', '.join(ROLLUP_SUMS)} FROM decisions"
        f" GROUP BY {', '.join(str(n + 1) for n in range(len(ROLLUP_KEYS)))}"
    )
    days = "SELECT day, min(seq), max(seq) FROM decisions GROUP BY day"
    kept = "SELECT day, first_seq, last_seq FROM decision_days"
    wrong: set[str] = set()
    for one, other in ((stored, summed), (summed, stored), (days, kept), (kept, days)):
        wrong |= {row[0] for row in database.rows(f"SELECT day FROM ({one} EXCEPT {other})")}
    for day in sorted(wrong):
        yield Difference("TOTALS_DIFFER", day, "totals of the day are not the sum of its decisions")


def _words(database: DeskDatabase) -> Iterator[Difference]:
    for (seq,) in database.rows(
        "SELECT seq FROM decisions WHERE seq NOT IN (SELECT id FROM decisions_fts_docsize)"
        " UNION ALL SELECT id FROM decisions_fts_docsize"
        " WHERE id NOT IN (SELECT seq FROM decisions)"
    ):
        yield Difference("WORDS_MISSING", f"decision {seq}", "full-text index and decisions differ")
