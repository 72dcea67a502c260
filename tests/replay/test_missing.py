"""What cannot be decided again is counted and told, and the rest goes on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from callwright.cli.replay_table import report_view
from callwright.config import Settings
from callwright.errors import QueryInvalid, StorageError
from callwright.memory.database import read_desk_database
from callwright.memory.snapshots import count_decisions, decisions_in_order
from callwright.replaying.question import Question
from callwright.replaying.report import Missing, Report
from callwright.replaying.running import replay

Copy = Callable[[], Settings]
UNTIL = datetime(2026, 1, 10, tzinfo=UTC)
WEEK = Question(until=UNTIL)
"""Twenty decisions."""


def change(settings: Settings, *statements: str) -> None:
    with closing(sqlite3.connect(settings.callwright_home / "desk.db")) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def rewrite_record(settings: Settings, seq: int, changes: Mapping[str, Any]) -> None:
    """Store a decision's record with other values; of an object, these keys of it."""
    path = settings.callwright_home / "desk.db"
    with read_desk_database(path) as database:
        line = database.rows(f"SELECT record_line(record) FROM cycles WHERE seq = {seq}")[0][0]
    record = json.loads(line)
    for name, value in changes.items():
        record[name] = record[name] | value if isinstance(value, dict) else value
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("UPDATE cycles SET record = ? WHERE seq = ?", (json.dumps(record), seq))
        raw.commit()


def told(report: Report) -> str:
    return "\n".join(str(part) for part in report_view(report, limit=5, width=80))


def test_decisions_without_a_snapshot_are_counted(a_copy: Copy) -> None:
    settings = a_copy()
    change(settings, "DELETE FROM snapshots WHERE seq <= 12")
    report = replay(WEEK, settings)
    assert report.missing == Missing(without_snapshot=12)
    assert (report.decisions, report.identical) == (8, 8)
    assert "12 decisions have no stored snapshot." in told(report)


def test_one_that_saw_no_market_is_told_apart(a_copy: Copy) -> None:
    settings = a_copy()
    blind = {"state": {"portfolio": None, "spot": {}}, "failure": "VENUE_UNAVAILABLE"}
    rewrite_record(settings, 2, blind)
    change(settings, "DELETE FROM snapshots WHERE seq IN (2, 3)")
    report = replay(WEEK, settings)
    assert report.missing == Missing(without_snapshot=2, saw_no_market=1)
    assert "2 decisions have no stored snapshot, 1 of them saw no market." in told(report)


def test_a_damaged_snapshot_is_counted_and_passed_over(a_copy: Copy) -> None:
    settings = a_copy()
    change(settings, "UPDATE snapshots SET snapshot = x'63777331ff' WHERE seq = 5")
    report = replay(WEEK, settings)
    assert report.missing == Missing(unreadable=1)
    assert report.identical == 19
    assert "1 stored snapshot cannot be read by this version." in told(report)


def test_settings_that_nobody_can_read_any_more_are_counted(a_copy: Copy) -> None:
    settings = a_copy()
    rewrite_record(settings, 4, {"config_snapshot": {"delta_open_min": 7}})
    report = replay(WEEK, settings)
    assert report.missing == Missing(unreadable=1)
    assert report.identical == 19


def test_a_damaged_record_is_an_error(a_copy: Copy) -> None:
    settings = a_copy()
    change(settings, "UPDATE cycles SET record = '{}' WHERE seq = 3")
    with pytest.raises(StorageError, match="record of decision 3") as failed:
        replay(WEEK, settings)
    assert "decisions verify" in failed.value.remedy


def test_without_any_snapshot_it_is_refused(a_copy: Copy) -> None:
    settings = a_copy()
    change(settings, "DELETE FROM snapshots")
    with pytest.raises(QueryInvalid, match="240 have no stored snapshot") as refused:
        replay(Question(), settings)
    assert "SNAPSHOTS_KEPT" in refused.value.remedy


def test_where_the_recording_ends_the_outcome_is_unknown_and_in_no_sum(a_copy: Copy) -> None:
    settings = a_copy()
    question = Question(until=UNTIL, changes={"target_delta": 0.3})
    last = replay(question, settings).differences[-1]
    assert last.recorded.outcome.earned_coin is not None
    assert last.recorded.choice.final.action == "OPEN_COVERED_CALL"
    change(settings, f"DELETE FROM cycles WHERE seq > {last.decision_id}")
    report = replay(question, settings)
    assert report.known_until == last.as_of
    cut = report.differences[-1]
    assert cut.decision_id == last.decision_id
    assert cut.recorded.choice == last.recorded.choice
    for side in (cut.recorded, cut.replayed):
        assert "no later snapshot" in side.outcome.unknown
        assert (side.outcome.earned_coin, side.outcome.earned_usd) == (None, None)
    assert report.totals.unknown == 1
    assert report.totals.counted == len(report.differences) - 1
    assert "1 difference with an unknown outcome in no sum" in told(report)


def test_decisions_come_oldest_first_with_and_without_snapshot(a_copy: Copy) -> None:
    settings = a_copy()
    change(settings, "DELETE FROM snapshots WHERE seq = 2")
    with read_desk_database(settings.callwright_home / "desk.db") as database:
        assert count_decisions(database) == 240
        assert count_decisions(database, since=UNTIL) == 220
        stored = list(decisions_in_order(database))[:3]
        later = next(decisions_in_order(database, since=UNTIL))
    assert [each.decision_id for each in stored] == [1, 2, 3]
    assert [each.data is None for each in stored] == [False, True, False]
    assert stored[1].snapshot() is None
    assert later.decision_id == 21
    assert later.record.state.as_of == "2026-01-10T00:00:00.000Z"
