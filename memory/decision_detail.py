"""One decision, whole: its record, the open behind a close, and what became of its orders."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from callwright.domain.history import DecisionDetail, LaterUpdate, LinkedDecision
from callwright.domain.record import CycleRecord
from callwright.errors import QueryInvalid, StorageError
from callwright.memory.conditions import pruned_before
from callwright.memory.reader import DecisionReader

_MAY_HAVE_TRADED = ("filled", "partially_filled", "submitted", "unknown")
_LATER_MAX = 200
# Homes of an earlier version have it in the row.
_RUN = (
    "coalesce(c.run_id, (SELECT r.run_id FROM decision_runs r WHERE r.first_seq <= c.seq"
    " ORDER BY r.first_seq DESC LIMIT 1))"
)


def get_decision(reader: DecisionReader, key: int | str) -> DecisionDetail:
    """Return the decision with this number or ``cycle_id``.

    Raises:
        QueryInvalid: There is none.
        QueryTooSlow, StorageError: It cannot be read.
    """
    column = "seq" if isinstance(key, int) or (key.isascii() and key.isdigit()) else "cycle_id"
    value = int(key) if column == "seq" else key
    if isinstance(value, int) and not 0 < value < 2**63:
        raise QueryInvalid(f"there is no decision {key}")
    with reader.one_view():
        return _detail(reader, key, column, value)


def _detail(
    reader: DecisionReader, key: int | str, column: str, value: int | str
) -> DecisionDetail:
    rows = reader.rows(
        f"SELECT seq, {_RUN}, record_line(record) FROM cycles c WHERE {column} = ?", (value,)
    )
    if not rows:
        pruned = pruned_before(reader)
        first = reader.rows("SELECT coalesce(min(seq), 0) FROM cycles")[0][0]
        if pruned and isinstance(value, int) and value < first:
            raise QueryInvalid(
                f"decision {key} was pruned with all before {pruned}",
                remedy="its sums are kept: callwright decisions stats --by day",
            )
        gone = f", or it was pruned with all before {pruned}" if pruned else ""
        raise QueryInvalid(
            f"there is no decision {key}{gone}",
            remedy="callwright decisions list shows their numbers",
        )
    seq, run_id, line = rows[0]
    record = _record(line)
    return DecisionDetail(
        id=seq,
        run_id=run_id,
        record=record,
        opened_by=_opened_by(reader, seq, record),
        closed_by=_closed_by(reader, seq, record),
        later=_later(reader, seq),
        config_changes=_config_changes(reader, seq, record),
    )


def _record(line: str) -> CycleRecord:
    try:
        return CycleRecord.from_line(line)
    except ValidationError as exc:
        raise StorageError(
            f"a stored record cannot be read: {exc.error_count()} wrong fields",
            remedy="callwright decisions verify says which",
        ) from exc


def _opened_by(reader: DecisionReader, seq: int, record: CycleRecord) -> LinkedDecision | None:
    proposed = record.proposed_action
    closed = proposed.params.get(
        "from_symbol" if proposed.action == "ROLL_COVERED_CALL" else "symbol"
    )
    if proposed.action not in ("ROLL_COVERED_CALL", "CLOSE_COVERED_CALL") or closed is None:
        return None
    return _linked(
        reader,
        "d.symbol = ? AND d.seq < ? AND d.action IN ('OPEN_COVERED_CALL', 'ROLL_COVERED_CALL')",
        (closed, seq),
        record,
        newest=True,
    )


def _closed_by(reader: DecisionReader, seq: int, record: CycleRecord) -> LinkedDecision | None:
    final = record.final_action
    if final.action not in ("OPEN_COVERED_CALL", "ROLL_COVERED_CALL"):
        return None
    sold = final.params.get("symbol")
    found = [
        _linked(reader, condition, (sold, seq), record, newest=False)
        for condition in (
            "d.symbol = ? AND d.seq > ? AND d.action = 'CLOSE_COVERED_CALL'",
            "d.from_symbol = ? AND d.seq > ? AND d.action = 'ROLL_COVERED_CALL'",
        )
    ]
    return min((link for link in found if link is not None), key=lambda x: x.id, default=None)


def _linked(
    reader: DecisionReader,
    condition: str,
    values: tuple[Any, ...],
    record: CycleRecord,
    *,
    newest: bool,
) -> LinkedDecision | None:
    # What a dry run simulated opened nothing that a live cycle could close, and the reverse.
    states = ("simulated",) if record.execution.dry_run else _MAY_HAVE_TRADED
    rows = reader.rows(
        "SELECT d.seq, c.cycle_id, d.as_of, d.action, d.symbol, d.status, d.reasoning"
        f" FROM decisions d CROSS JOIN cycles c ON c.seq = d.seq WHERE {condition}"
        f" AND d.status IN ({', '.join('?' * len(states))})"
        f" ORDER BY d.seq {'DESC' if newest else 'ASC'} LIMIT 1",
        (*values, *states),
    )
    if not rows:
        return None
    names = ("id", "cycle_id", "as_of", "action", "symbol", "status", "reasoning")
    return LinkedDecision(**dict(zip(names, rows[0], strict=True)))


def _later(reader: DecisionReader, seq: int) -> tuple[LaterUpdate, ...]:
    rows = reader.rows(
        "SELECT u.told_by, u.place, record_line(c.record) FROM decision_updates u"
        " CROSS JOIN cycles c ON c.seq = u.told_by WHERE u.sent_by = ?"
        " ORDER BY u.told_by, u.place LIMIT ?",
        (seq, _LATER_MAX),
    )
    return tuple(
        LaterUpdate(told_by_id=told_by, update=_record(line).order_updates[place])
        for told_by, place, line in rows
    )


def _config_changes(
    reader: DecisionReader, seq: int, record: CycleRecord
) -> dict[str, tuple[Any, Any]]:
    rows = reader.rows(
        "SELECT record_line(record) FROM cycles WHERE seq < ? ORDER BY seq DESC LIMIT 1", (seq,)
    )
    if not rows:
        return {}
    before, after = _record(rows[0][0]).config_snapshot, record.config_snapshot
    return {
        name: (before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }
