"""What the newest decisions saw, whole: enough to ask what would have been done otherwise.

A record keeps the state that speaks for a decision; a snapshot keeps the whole chain and account.
Written in the record's transaction, so that neither stands without the other, and bounded: the
oldest goes when a new one comes. They are not in the flight recorder: ``verify`` does not ask for
them, and a rebuilt memory has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from callwright.domain.base import iso_utc
from callwright.domain.record import CycleRecord
from callwright.domain.snapshot import Snapshot
from callwright.domain.snapshot_codec import decode_snapshot, encode_snapshot
from callwright.errors import DataInvalid, StorageError
from callwright.memory.database import DeskDatabase

_TABLE = "snapshots"
_DELETED_EACH = 20
"""Old snapshots deleted with each new one at most, so that no cycle waits for a smaller limit."""


class SnapshotStore:
    """The newest snapshots of a desk; one writer.

    Args:
        kept: How many; 0 stores none, and lets those go that are there.
    """

    def __init__(self, database: DeskDatabase, *, kept: int) -> None:
        self._db = database
        self._kept = kept
        self._count: int | None = None

    def encoded(self, snapshot: Snapshot | None) -> bytes | None:
        """Return what ``add`` stores; None when there is nothing to store."""
        return encode_snapshot(snapshot) if snapshot is not None and self._kept else None

    def add(self, seq: int, data: bytes | None) -> None:
        """Store what decision ``seq`` saw and drop the oldest; the caller holds the transaction."""
        if self._count is None:
            # Once in a process: a count reads a page for every snapshot.
            self._count = int(self._db.rows(f"SELECT count(*) FROM {_TABLE}")[0][0])
        if data is not None:
            self._count += self._db.write(
                _TABLE, f"INSERT INTO {_TABLE} (seq, snapshot) VALUES (?, ?)", (seq, data)
            )
        surplus = min(self._count - self._kept, _DELETED_EACH)
        if surplus > 0:
            self._count -= self._db.write(
                _TABLE,
                f"DELETE FROM {_TABLE} WHERE seq IN"
                f" (SELECT seq FROM {_TABLE} ORDER BY seq LIMIT ?)",
                (surplus,),
            )

    def forget(self) -> None:
        """Count again: the transaction of the last ``add`` was rolled back."""
        self._count = None


@dataclass(frozen=True)
class Seen:
    """A decision with all that it saw."""

    decision_id: int
    record: CycleRecord
    snapshot: Snapshot


def newest_snapshot(database: DeskDatabase) -> Seen | None:
    """Return the newest decision whose snapshot is stored, None when none is.

    Raises:
        StorageError: It is damaged, or of another version.
    """
    for seen in snapshots(database):
        return seen
    return None


def snapshots(database: DeskDatabase) -> Iterator[Seen]:
    """Yield every decision whose snapshot is stored, newest first.

    Raises:
        StorageError: One is damaged, or of another version.
    """
    before = 2**62
    while rows := database.rows(
        f"SELECT c.seq, record_line(c.record), s.snapshot FROM {_TABLE} s"
        " JOIN cycles c ON c.seq = s.seq WHERE s.seq < ? ORDER BY s.seq DESC LIMIT 1",
        (before,),
    ):
        before, line, data = rows[0]
        try:
            yield Seen(before, CycleRecord.from_line(line), decode_snapshot(data))
        except (DataInvalid, ValidationError) as exc:
            raise StorageError(
                f"{database.path}: what decision {before} saw cannot be read",
                remedy="run a cycle; it stores a new one",
            ) from exc


@dataclass(frozen=True)
class StoredDecision:
    """A decision, and what it saw as it is stored.

    Attributes:
        data: Of its snapshot; None where none is stored.
    """

    decision_id: int
    record: CycleRecord
    data: bytes | None

    def snapshot(self) -> Snapshot | None:
        """Return what it saw, None where that is not stored.

        Raises:
            DataInvalid: It is damaged, or of another version.
        """
        return None if self.data is None else decode_snapshot(self.data)


def count_decisions(database: DeskDatabase, *, since: datetime | None = None) -> int:
    """Return how many decisions there are from a market time on."""
    since_text = "" if since is None else iso_utc(since)
    return int(database.rows("SELECT count(*) FROM cycles WHERE as_of >= ?", (since_text,))[0][0])


def span_of_decisions(database: DeskDatabase) -> tuple[str, str] | None:
    """Return the market times of the first and the last decision; None without any."""
    first, last = database.rows("SELECT min(as_of), max(as_of) FROM cycles")[0]
    return None if first is None else (first, last)


def decisions_in_order(
    database: DeskDatabase, *, since: datetime | None = None
) -> Iterator[StoredDecision]:
    """Yield every decision from a market time on, oldest first, with or without a snapshot.

    One at a time and no longer view of the file, so that a desk may go on writing; what it decides
    meanwhile is left out.

    Raises:
        StorageError: A record cannot be read.
    """
    since_text = "" if since is None else iso_utc(since)
    last = int(database.rows("SELECT coalesce(max(seq), 0) FROM cycles")[0][0])
    seq = 0
    while rows := database.rows(
        f"SELECT c.seq, record_line(c.record), s.snapshot FROM cycles c LEFT JOIN {_TABLE} s"
        " ON s.seq = c.seq WHERE c.seq > ? AND c.seq <= ? AND c.as_of >= ? ORDER BY c.seq LIMIT 1",
        (seq, last, since_text),
    ):
        seq, line, data = rows[0]
        try:
            record = CycleRecord.from_line(line)
        except ValidationError as exc:
            raise StorageError(
                f"{database.path}: the record of decision {seq} cannot be read",
                remedy="callwright decisions verify says what is wrong",
            ) from exc
        yield StoredDecision(seq, record, data)
