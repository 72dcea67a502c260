"""What decisions saw is stored with their records, whole or not at all, the newest of it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from builders import a_snapshot
from callwright.domain.snapshot_codec import encode_snapshot
from callwright.errors import StorageError
from callwright.memory.decision_log import SqliteDecisionLog
from callwright.memory.snapshots import newest_snapshot, snapshots


def keep(home: Any, kept: int) -> None:
    """Let the home's log keep so many snapshots from now on, as after a restart."""
    home.log = SqliteDecisionLog(home.db, home.recorder, snapshots_kept=kept)


def cycle(home: Any, record: Any, *, saw: Any = None) -> None:
    home.log.begin(record.cycle_id, a_snapshot().as_of)
    home.log.finish(record, saw)


def stored(home: Any) -> list[int]:
    return [row[0] for row in home.db.rows("SELECT seq FROM snapshots ORDER BY seq")]


def test_the_newest_are_kept(home: Any, a_record: Any) -> None:
    keep(home, 3)
    for number in range(6):
        cycle(home, a_record(number), saw=a_snapshot())
    assert stored(home) == [4, 5, 6]
    newest = newest_snapshot(home.db)
    assert newest is not None
    assert (newest.decision_id, newest.record) == (6, a_record(5))
    assert encode_snapshot(newest.snapshot) == encode_snapshot(a_snapshot())
    assert [seen.decision_id for seen in snapshots(home.db)] == [6, 5, 4]


def test_a_decision_that_saw_nothing_has_none(home: Any, a_record: Any) -> None:
    keep(home, 3)
    cycle(home, a_record(0), saw=a_snapshot())
    cycle(home, a_record(1, failure="VENUE_UNAVAILABLE"))
    newest = newest_snapshot(home.db)
    assert newest is not None
    assert newest.decision_id == 1


def test_none_are_kept_when_switched_off(home: Any, a_record: Any) -> None:
    cycle(home, a_record(0), saw=a_snapshot())
    assert stored(home) == []
    assert newest_snapshot(home.db) is None


@pytest.mark.parametrize("kept", [0, 2])
def test_a_smaller_limit_lets_the_older_go(home: Any, a_record: Any, kept: int) -> None:
    keep(home, 30)
    for number in range(30):
        cycle(home, a_record(number), saw=a_snapshot())
    keep(home, kept)
    for number in range(30, 33):
        cycle(home, a_record(number), saw=a_snapshot())
    assert len(stored(home)) == kept


def test_it_stands_with_its_record_or_not_at_all(home: Any, a_record: Any) -> None:
    keep(home, 2)
    cycle(home, a_record(0), saw=a_snapshot())
    home.db.connection.execute(
        "CREATE TRIGGER full BEFORE INSERT ON snapshots BEGIN SELECT raise(ABORT, 'disk'); END"
    )
    with pytest.raises((StorageError, sqlite3.Error)):
        cycle(home, a_record(1), saw=a_snapshot())
    assert home.log.last() == a_record(0)
    home.db.connection.execute("DROP TRIGGER full")
    home.log.finish(a_record(1), a_snapshot())
    for number in range(2, 5):
        cycle(home, a_record(number), saw=a_snapshot())
    assert stored(home) == [4, 5]


def test_it_is_not_in_the_flight_recorder(home: Any, a_record: Any) -> None:
    keep(home, 2)
    cycle(home, a_record(0), saw=a_snapshot())
    assert home.lines() == [a_record(0).to_line()]


def test_a_damaged_one_is_told(home: Any, a_record: Any) -> None:
    keep(home, 2)
    cycle(home, a_record(0), saw=a_snapshot())
    home.db.connection.execute("UPDATE snapshots SET snapshot = x'00'")
    with pytest.raises(StorageError, match="decision 1"):
        newest_snapshot(home.db)
