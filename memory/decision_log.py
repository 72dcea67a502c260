"""One record for every cycle: a row first, then its line in the flight recorder.

The row is the truth. A cycle that was killed stands in ``cycles_begun`` without a record. Lines
are written in the order of the rows, and a failed write stops the next one until the gap is filled,
so only the end of the files can lack lines.
"""

from __future__ import annotations

from datetime import datetime

from callwright.crashpoints import reach
from callwright.domain.failure import BUDGET_FAILURES
from callwright.domain.record import CycleRecord
from callwright.domain.snapshot import Snapshot
from callwright.errors import InsufficientData, StorageError
from callwright.memory.database import DeskDatabase
from callwright.memory.flight_recorder import FlightRecorder
from callwright.memory.recording import store_record
from callwright.memory.rows import time_text
from callwright.memory.snapshots import SnapshotStore
from callwright.ports import BegunCycle

NEUTRAL_FAILURES = frozenset({InsufficientData.code, *BUDGET_FAILURES})
"""Failures that say nothing about the machine: they neither lengthen nor end a run of failures."""

_BATCH = 500


class SqliteDecisionLog:
    """``ports.DecisionLog`` on the desk database and a flight recorder.

    Args:
        snapshots_kept: How many of the newest snapshots are stored beside their records.
    """

    def __init__(
        self, database: DeskDatabase, recorder: FlightRecorder, *, snapshots_kept: int = 0
    ) -> None:
        self._db = database
        self._recorder = recorder
        self._snapshots = SnapshotStore(database, kept=snapshots_kept)
        self._lines_are_behind = False
        self._run_id: str | None = None

    def begin(self, cycle_id: str, as_of: datetime) -> None:
        """Note durably that a cycle began.

        Raises:
            StorageError: This cycle began before, or the database cannot be written.
        """
        began = self._db.write(
            "cycles_begun",
            "INSERT INTO cycles_begun (cycle_id, as_of) SELECT ?, ?"
            " WHERE NOT EXISTS (SELECT 1 FROM cycles WHERE cycle_id = ?) ON CONFLICT DO NOTHING",
            (cycle_id, time_text(as_of), cycle_id),
        )
        if began != 1:
            raise StorageError(f"cycle {cycle_id} has begun before; each cycle runs once")

    def knows(self, cycle_id: str) -> bool:
        """Return whether this cycle has begun or ended."""
        return bool(
            self._db.rows(
                "SELECT 1 FROM cycles_begun WHERE cycle_id = ?1"
                " UNION ALL SELECT 1 FROM cycles WHERE cycle_id = ?1",
                (cycle_id,),
            )
        )

    def unfinished(self) -> tuple[BegunCycle, ...]:
        """Return cycles without a record, oldest first."""
        rows = self._db.rows("SELECT cycle_id, as_of FROM cycles_begun ORDER BY rowid")
        return tuple(BegunCycle(cycle, datetime.fromisoformat(at)) for cycle, at in rows)

    def finish(self, record: CycleRecord, snapshot: Snapshot | None = None) -> None:
        """Store the record, and the snapshot that it was made on, then append its line.

        In the same transaction the cycle stops being unfinished, the run of failures is counted,
        the fills and settlements that the record reports are marked as reported, and the record
        becomes findable.

        Raises:
            StorageError: The cycle never began or has a record, or a write failed. When only the
                line failed, the record is stored and its line is restored by the next call.
        """
        self._run_id = self._run_id or record.cycle_id
        try:
            line = record.to_line()
        except ValueError as exc:
            raise StorageError(f"record {record.cycle_id} cannot be written: {exc}") from exc
        seen = self._snapshots.encoded(snapshot)
        reach("before_record_row")
        try:
            with self._db.transaction():
                self._snapshots.add(self._insert(record, line), seen)
                self._count_failure(record.failure)
                self._mark_reported(record)
        except BaseException:
            self._snapshots.forget()
            raise
        reach("before_record_line")
        behind, self._lines_are_behind = self._lines_are_behind, True
        if behind:
            self.restore_lines()
        else:
            self._recorder.append(record.log_timestamp, line)
        self._lines_are_behind = False

    def last(self) -> CycleRecord | None:
        """Return the newest record, or None."""
        rows = self._db.rows("SELECT record_line(record) FROM cycles ORDER BY seq DESC LIMIT 1")
        return CycleRecord.from_line(rows[0][0]) if rows else None

    def restore_lines(self) -> int:
        """Append the lines that a crash kept from the flight recorder; return how many.

        Looks from the newest record back to the first whose line is there, and appends what
        follows it: after a crash that is one look, however many records there are. An emptied
        ``LOG_DIR`` is filled again from the first record; older files than the newest kept line's
        are never looked for, so they may be archived.
        """
        last, restored = self._newest_kept(), 0
        while rows := self._db.rows(
            "SELECT seq, log_timestamp, record_line(record) FROM cycles WHERE seq > ?"
            " ORDER BY seq LIMIT ?",
            (last, _BATCH),
        ):
            for seq, log_timestamp, line in rows:
                self._recorder.append(log_timestamp, line)
                last, restored = seq, restored + 1
        return restored

    def _newest_kept(self) -> int:
        if self._recorder.is_empty():
            return 0
        before = 2**62
        while rows := self._db.rows(
            "SELECT seq, log_timestamp, record_line(record) FROM cycles WHERE seq < ?"
            " ORDER BY seq DESC LIMIT ?",
            (before, 1 if before == 2**62 else _BATCH),
        ):
            for seq, log_timestamp, line in rows:
                if self._recorder.holds(log_timestamp, line):
                    return int(seq)
                before = seq
        return 0

    def _insert(self, record: CycleRecord, line: str) -> int:
        begun = self._db.write(
            "cycles_begun", "DELETE FROM cycles_begun WHERE cycle_id = ?", (record.cycle_id,)
        )
        if begun != 1:
            raise StorageError(f"cycle {record.cycle_id} has a record already, or never began")
        return store_record(self._db, record, line, run_id=self._run_id)

    def _count_failure(self, failure: str | None) -> None:
        if failure is None:
            self._db.write("failure_run", "UPDATE failure_run SET length = 0 WHERE length <> 0")
        elif failure not in NEUTRAL_FAILURES:
            self._db.write("failure_run", "UPDATE failure_run SET length = length + 1")

    def _mark_reported(self, record: CycleRecord) -> None:
        for update in record.order_updates:
            for table, key in (("fills", "trade_id"), ("settlements", "settlement_id")):
                if key in update.facts:
                    self._db.write(
                        table,
                        f"UPDATE {table} SET reported = 1 WHERE {key} = ?",
                        (update.facts[key],),
                    )
