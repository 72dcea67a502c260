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
from callwright.memory.decision_index import UNREADABLE, moved_cells, pruned_before
from callwright.memory.facets import CASH_COLUMNS, FACET_COLUMNS, cash_of, denial_codes, facets_of
from callwright.memory.importing import lines_of
from callwright.memory.rollups import ROLLUPS, SUMS
from callwright.memory.words import words_agree

Kind = Literal[
    "MISSING_ROW", "MISSING_LINE", "LINE_DIFFERS", "LINE_TWICE", "BAD_LINE", "BAD_ROW",
    "INDEX_DIFFERS", "TOTALS_DIFFER", "WORDS_DIFFER",
]  # fmt: skip

Moved = dict[int, tuple[int, ...]]
"""What the orders of a decision moved, by its number, as ``Cash.amounts``."""

_BATCH = 500
_NO_CASH = (0,) * len(CASH_COLUMNS)


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
        pruned: Lines of records that retention deleted.
    """

    rows: int = 0
    lines: int = 0
    archived: int = 0
    pruned: int = 0


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
    moved: Moved = {}
    yield from _rows(database, told, oldest, seen, moved)
    yield from _cash(database, moved)
    yield from _totals(database)
    if not words_agree(database):
        yield Difference("WORDS_DIFFER", "full text", "its words are not those of the records")


def _lines(
    database: DeskDatabase, path: Path, told: set[str], seen: Verified
) -> Iterator[Difference]:
    before = pruned_before(database.connection)
    for number, raw in enumerate(lines_of(path), 1):
        seen.lines += 1
        where = f"{path.name}:{number}"
        try:
            line = raw.decode()
            record = CycleRecord.from_line(line)
        except (ValidationError, UnicodeDecodeError):
            yield Difference("BAD_LINE", where, "torn, or no record")
            continue
        cycle_id = record.cycle_id
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
        if not found and record.state.as_of < before:
            seen.pruned += 1
        elif not found:
            yield Difference("MISSING_ROW", cycle_id, f"stands at {where} only")
        elif found[0][0] != line:
            yield Difference("LINE_DIFFERS", cycle_id, f"{where} says something else than the row")


def _rows(
    database: DeskDatabase, told: set[str], oldest: str, seen: Verified, moved: Moved
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
            yield from _indexed(database, seq, record, moved)
            if cycle_id not in told:
                if log_timestamp[:10].replace("-", "") < oldest:
                    seen.archived += 1
                else:
                    yield Difference("MISSING_LINE", cycle_id, "stands in the memory only")
    for (seq,) in database.rows(
        "SELECT seq FROM decisions WHERE seq NOT IN (SELECT seq FROM cycles)"
    ):
        yield Difference("INDEX_DIFFERS", f"decision {seq}", "indexed, but there is no record")


def _indexed(
    database: DeskDatabase, seq: int, record: CycleRecord, moved: Moved
) -> Iterator[Difference]:
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
        "SELECT coalesce(u.cycle_id, c.cycle_id), u.kind, u.symbol,"
        f" {', '.join(f'u.{name}' for name in CASH_COLUMNS)}, u.sent_by"
        " FROM decision_updates u LEFT JOIN cycles c ON c.seq = u.sent_by"
        " WHERE u.told_by = ? ORDER BY u.place",
        (seq,),
    )
    if [row[:-1] for row in updates] != [
        (u.cycle_id, u.kind, u.symbol, *moved_cells(u)) for u in record.order_updates
    ]:
        yield Difference("INDEX_DIFFERS", where, "later events")
        return
    for (*_, sent_by), update in zip(updates, record.order_updates, strict=True):
        cash = cash_of(update)
        if sent_by is not None and cash is not None:
            before = moved.get(sent_by, _NO_CASH)
            moved[sent_by] = tuple(a + b for a, b in zip(before, cash.amounts(), strict=True))


def _cash(database: DeskDatabase, moved: Moved) -> Iterator[Difference]:
    columns = ", ".join(CASH_COLUMNS)
    for seq, *stored in database.rows(f"SELECT seq, {columns} FROM decisions WHERE fills NOTNULL"):
        if tuple(stored) != moved.pop(seq, _NO_CASH):
            yield Difference("INDEX_DIFFERS", f"decision {seq}", "cash of its orders")
    for seq in moved:
        yield Difference("INDEX_DIFFERS", f"decision {seq}", "cash of its orders")


def _totals(database: DeskDatabase) -> Iterator[Difference]:
    before = pruned_before(database.connection)
    wrong: set[str] = set()
    for rollup in ROLLUPS:
        names = ", ".join((*rollup.keys, *SUMS, "first_seq", "last_seq"))
        edge = before if rollup.period == "day" else before[:7]
        # What was pruned has left its sums only.
        stored = f"SELECT {names} FROM {rollup.table} WHERE {rollup.period} >= '{edge}'"
        summed = rollup.summed(before)
        wrong |= _unequal(database, rollup.period, stored, summed)
    wrong |= _unequal(
        database,
        "day",
        f"SELECT day, first_seq, last_seq FROM decision_days WHERE day >= '{before}'",
        f"SELECT day, min(seq), max(seq) FROM decisions WHERE day >= '{before}' GROUP BY day",
    )
    for period in sorted(wrong):
        yield Difference("TOTALS_DIFFER", period, "totals are not the sum of their decisions")


def _unequal(database: DeskDatabase, name: str, one: str, other: str) -> set[str]:
    """Return this column of the rows that only one of the two queries gives."""
    return {
        str(row[0])
        for left, right in ((one, other), (other, one))
        for row in database.rows(
            f"SELECT {name} FROM (SELECT * FROM ({left}) EXCEPT SELECT * FROM ({right}))"
        )
    }
