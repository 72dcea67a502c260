"""One record into the memory: its row, its run, and everything by which it is found."""

from __future__ import annotations

from callwright.domain.record import CycleRecord
from callwright.memory.database import DeskDatabase
from callwright.memory.decision_index import index_record

_INSERT = (
    "INSERT INTO cycles (seq, cycle_id, as_of, log_timestamp, action, decision_source, failure,"
    " status, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
# A run is noted where it begins, and stands for what follows.
_RUN = (
    "INSERT INTO decision_runs (first_seq, run_id) SELECT ?1, ?2 WHERE"
    " (SELECT run_id FROM decision_runs ORDER BY first_seq DESC LIMIT 1) IS NOT ?2"
)


def store_record(
    database: DeskDatabase, record: CycleRecord, line: str, *, run_id: str | None
) -> int:
    """Store a record and make it findable; return its number. The caller holds the transaction.

    Args:
        line: ``record.to_line()``, or the line that it was read from.
        run_id: The first cycle of the process that decided; None when nobody knows.

    Raises:
        StorageError: There is a record of this cycle, or the file cannot be written.
    """
    seq = int(database.rows("SELECT coalesce(max(seq), 0) + 1 FROM cycles")[0][0])
    database.write(
        "cycles",
        _INSERT,
        (
            seq,
            record.cycle_id,
            record.state.as_of,
            record.log_timestamp,
            record.final_action.action,
            record.decision_source,
            record.failure,
            record.execution.status,
            database.packer.pack(seq, line),
        ),
    )
    database.write("decision_runs", _RUN, (seq, run_id))
    index_record(database.connection, seq, record)
    return seq
