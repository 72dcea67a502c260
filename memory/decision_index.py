"""What makes records findable: typed columns, codes, later events, rollups, full text.

Written in the transaction of the record, by the one writer. Everything here follows from the
records and can be made again from them, but for the sums of months that were pruned; nothing is
decided from it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

from pydantic import ValidationError

from callwright.domain.record import CycleRecord, OrderUpdate
from callwright.memory.facets import (
    CASH_COLUMNS,
    FACET_COLUMNS,
    cash_of,
    denial_codes,
    facets_of,
    search_texts,
)
from callwright.memory.packing import RecordPacker
from callwright.memory.rollups import ROLLUPS, Group, add_cash, add_decision, stored_group

UNREADABLE = (ValidationError, zlib.error, LookupError, UnicodeDecodeError)
"""What reading a damaged record raises."""

_INSERT = (
    f"INSERT INTO decisions (seq, {', '.join(FACET_COLUMNS)})"
    f" VALUES (?{', ?' * len(FACET_COLUMNS)})"
)
_DAY = (
    "INSERT INTO decision_days (day, first_seq, last_seq) VALUES (?, ?, ?)"
    " ON CONFLICT (day) DO UPDATE SET first_seq = min(first_seq, excluded.first_seq),"
    " last_seq = max(last_seq, excluded.last_seq)"
)
_TOLD = (
    "INSERT INTO decision_updates (told_by, place, sent_by, cycle_id, kind, symbol,"
    f" {', '.join(CASH_COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?{', ?' * len(CASH_COLUMNS)})"
)
_FTS = "decisions_fts (rowid, reasoning, verdict_text, facets)"


def index_record(connection: sqlite3.Connection, seq: int, record: CycleRecord) -> None:
    """Make a stored record findable; the caller holds the transaction."""
    row = facets_of(record)
    connection.execute(_INSERT, (seq, *row.cells()))
    connection.execute(f"INSERT INTO {_FTS} VALUES (?, ?, ?, ?)", (seq, *search_texts(record, row)))
    for code in denial_codes(record):
        connection.execute("INSERT INTO decision_codes (code, seq) VALUES (?, ?)", (code, seq))
    connection.execute(_DAY, (row.day, seq, seq))
    group = add_decision(connection, seq, row)
    _take_told_before(connection, seq, record.cycle_id, group)
    for place, update in enumerate(record.order_updates):
        _tell(connection, seq, place, update, record.cycle_id, group)


def forget_record(connection: sqlite3.Connection, seq: int, record: CycleRecord) -> None:
    """Take a record out of the index; its sums stay. The caller holds the transaction."""
    row = facets_of(record)
    connection.execute(
        "INSERT INTO decisions_fts (decisions_fts, rowid, reasoning, verdict_text, facets)"
        " VALUES ('delete', ?, ?, ?, ?)",
        (seq, *search_texts(record, row)),
    )
    # What later records tell of it names it again by its cycle.
    connection.execute(
        "UPDATE decision_updates SET sent_by = NULL, cycle_id = ? WHERE sent_by = ?",
        (record.cycle_id, seq),
    )
    connection.execute("DELETE FROM decision_updates WHERE told_by = ?", (seq,))
    connection.execute("DELETE FROM decision_codes WHERE seq = ?", (seq,))
    connection.execute("DELETE FROM decisions WHERE seq = ?", (seq,))


def clear_index(connection: sqlite3.Connection) -> None:
    """Empty the index, but for the sums of what was pruned; the caller holds the transaction."""
    connection.execute("INSERT INTO decisions_fts (decisions_fts) VALUES ('delete-all')")
    for table in ("decisions", "decision_codes", "decision_updates", "decision_days"):
        connection.execute(f"DELETE FROM {table}")
    kept_before = pruned_before(connection)
    for rollup in ROLLUPS:
        # '2026-02' sorts before '2026-02-01', and the first month kept must not.
        edge = kept_before if rollup.period == "day" else kept_before[:7]
        connection.execute(f"DELETE FROM {rollup.table} WHERE {rollup.period} >= ?", (edge,))


def index_from(connection: sqlite3.Connection, after: int, *, limit: int) -> int | None:
    """Index up to ``limit`` records after a number; return the last one, None when none is left.

    A record that cannot be read is passed over: only ``verify`` can tell of it, the others must
    stay findable.
    """
    packer = RecordPacker(connection)
    rows = connection.execute(
        "SELECT seq, record FROM cycles WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
    ).fetchall()
    for seq, stored in rows:
        try:
            record = CycleRecord.from_line(packer.line(stored) or "")
        except UNREADABLE:
            continue
        index_record(connection, seq, record)
    return rows[-1][0] if rows else None


def rebuild_index(connection: sqlite3.Connection) -> Iterator[int]:
    """Make the whole index again from the records; yields the number of the last one done.

    The caller holds the transaction, so readers see the old index or the new one.
    """
    clear_index(connection)
    last: int | None = 0
    while last is not None and (last := index_from(connection, last, limit=500)) is not None:
        yield last


def pruned_before(connection: sqlite3.Connection) -> str:
    """Return the first day whose records were not pruned, "" when none ever was."""
    found = connection.execute("SELECT before FROM pruned").fetchone()
    return str(found[0]) if found else ""


def _tell(
    connection: sqlite3.Connection, seq: int, place: int, update: OrderUpdate, cycle_id: str,
    group: Group,
) -> None:  # fmt: skip
    """Note an event, and count what it moved to the decision that sent the order."""
    sent_by, senders = (seq, group) if update.cycle_id == cycle_id else (None, None)
    if sent_by is None and update.cycle_id is not None:
        found = connection.execute(
            "SELECT seq FROM cycles WHERE cycle_id = ?", (update.cycle_id,)
        ).fetchone()
        senders = stored_group(connection, found[0]) if found else None
        sent_by = found[0] if senders is not None else None
    connection.execute(
        _TOLD,
        (
            seq, place, sent_by, None if sent_by is not None else update.cycle_id, update.kind,
            update.symbol, *moved_cells(update),
        ),
    )  # fmt: skip
    if sent_by is not None and senders is not None:
        _count(connection, sent_by, senders, update)


def _take_told_before(
    connection: sqlite3.Connection, seq: int, cycle_id: str, group: Group
) -> None:
    """Count what records that were stored before this one tell of its orders."""
    told = connection.execute(
        "SELECT u.told_by, u.place, c.record FROM decision_updates u"
        " CROSS JOIN cycles c ON c.seq = u.told_by WHERE u.cycle_id = ?",
        (cycle_id,),
    ).fetchall()
    packer = RecordPacker(connection) if told else None
    for told_by, place, stored in told:
        assert packer is not None
        record = CycleRecord.from_line(packer.line(stored) or "")
        connection.execute(
            "UPDATE decision_updates SET sent_by = ?, cycle_id = NULL"
            " WHERE told_by = ? AND place = ?",
            (seq, told_by, place),
        )
        _count(connection, seq, group, record.order_updates[place])


def _count(connection: sqlite3.Connection, seq: int, group: Group, update: OrderUpdate) -> None:
    cash = cash_of(update)
    if cash is not None:
        add_cash(connection, seq, group, cash, update.symbol)


def moved_cells(update: OrderUpdate) -> tuple[int | None, ...]:
    """Return what an event moved, as ``decision_updates`` has it: null for nothing."""
    cash = cash_of(update)
    return (None,) * len(CASH_COLUMNS) if cash is None else cash.amounts()
