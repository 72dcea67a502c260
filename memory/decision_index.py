"""What makes records findable: typed columns, codes, later events, rollups by day, full text.

Written in the transaction of the record, by the one writer. Everything here follows from the
records and can be made again from them; nothing is decided from it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

from pydantic import ValidationError

from callwright.domain.record import CycleRecord
from callwright.memory.facets import FACET_COLUMNS, DecisionFacets, denial_codes, facets_of
from callwright.memory.packing import RecordPacker

UNREADABLE = (ValidationError, zlib.error, LookupError, UnicodeDecodeError)
"""What reading a damaged record raises."""

DERIVED_TABLES = (
    "decisions", "decision_codes", "decision_updates", "day_stats", "decision_days",
)  # fmt: skip

ROLLUP_KEYS = (
    "day", "underlying", "action", "proposed_action", "verdict", "status", "source", "failure",
    "model",
)  # fmt: skip
"""Dimensions of ``day_stats``; what is absent is the empty text there."""

ROLLUP_SUMS = (
    "count(*)",
    "count(model)",
    "coalesce(sum(input_tokens), 0)",
    "coalesce(sum(output_tokens), 0)",
    "count(cost_nano_usd)",
    "coalesce(sum(cost_nano_usd), 0)",
    "sum(is_cost_unknown)",
    "min(seq)",
    "max(seq)",
)
"""How ``decisions`` add up to the other columns of ``day_stats``, in their order."""

_INSERT = (
    f"INSERT INTO decisions (seq, {', '.join(FACET_COLUMNS)})"
    f" VALUES (?{', ?' * len(FACET_COLUMNS)})"
)
_ROLL_UP = (
    f"INSERT INTO day_stats ({', '.join(ROLLUP_KEYS)}, count, model_decisions, input_tokens,"
    " output_tokens, cost_known, cost_nano_usd, cost_unknown, first_seq, last_seq)"
    f" VALUES ({', '.join('?' * len(ROLLUP_KEYS))}, 1, ?, ?, ?, ?, ?, ?, ?, ?)"
    f" ON CONFLICT ({', '.join(ROLLUP_KEYS)}) DO UPDATE SET count = count + 1,"
    + ", ".join(
        f" {name} = {name} + excluded.{name}"
        for name in (
            "model_decisions", "input_tokens", "output_tokens", "cost_known", "cost_nano_usd",
            "cost_unknown",
        )
    )
    + ", first_seq = min(first_seq, excluded.first_seq),"
    " last_seq = max(last_seq, excluded.last_seq)"
)  # fmt: skip
_DAY = (
    "INSERT INTO decision_days (day, first_seq, last_seq) VALUES (?, ?, ?)"
    " ON CONFLICT (day) DO UPDATE SET first_seq = min(first_seq, excluded.first_seq),"
    " last_seq = max(last_seq, excluded.last_seq)"
)


def index_record(connection: sqlite3.Connection, seq: int, record: CycleRecord) -> None:
    """Make a stored record findable; the caller holds the transaction."""
    row = facets_of(record)
    connection.execute(_INSERT, (seq, *row.cells()))
    for code in denial_codes(record):
        connection.execute("INSERT INTO decision_codes (code, seq) VALUES (?, ?)", (code, seq))
    for place, update in enumerate(record.order_updates):
        connection.execute(
            "INSERT INTO decision_updates (told_by, place, cycle_id, kind, symbol)"
            " VALUES (?, ?, ?, ?, ?)",
            (seq, place, update.cycle_id, update.kind, update.symbol),
        )
    connection.execute(_ROLL_UP, (*rollup_keys(row), *_amounts(row), seq, seq))
    connection.execute(_DAY, (row.day, seq, seq))


def rollup_keys(row: DecisionFacets) -> tuple[str, ...]:
    """Return the row's group in ``day_stats``."""
    return tuple(getattr(row, name) or "" for name in ROLLUP_KEYS)


def rebuild_index(connection: sqlite3.Connection) -> Iterator[int]:
    """Make the whole index again from the records; yields each ``seq`` done.

    The caller holds the transaction, so readers see the old index or the new one.
    """
    connection.execute("INSERT INTO decisions_fts (decisions_fts) VALUES ('delete-all')")
    connection.execute("DROP TRIGGER decisions_forgotten")
    for table in DERIVED_TABLES:
        connection.execute(f"DELETE FROM {table}")
    connection.execute(FORGET_TRIGGER)
    packer = RecordPacker(connection)
    last = 0
    while rows := connection.execute(
        "SELECT seq, record FROM cycles WHERE seq > ? ORDER BY seq LIMIT 500", (last,)
    ).fetchall():
        for seq, stored in rows:
            last = seq
            try:
                record = CycleRecord.from_line(packer.line(stored) or "")
            except UNREADABLE:
                # Only ``verify`` can tell of it; the others must stay findable.
                continue
            index_record(connection, seq, record)
            yield seq


def _amounts(row: DecisionFacets) -> tuple[int, ...]:
    return (
        int(row.model is not None),
        row.input_tokens or 0,
        row.output_tokens or 0,
        int(row.cost_nano_usd is not None),
        row.cost_nano_usd or 0,
        row.is_cost_unknown,
    )


FORGET_TRIGGER = """
CREATE TRIGGER decisions_forgotten AFTER DELETE ON decisions BEGIN
  INSERT INTO decisions_fts (decisions_fts, rowid, reasoning, verdict_text, facets)
  VALUES ('delete', old.seq, old.reasoning, old.verdict_text, old.facets);
END"""
