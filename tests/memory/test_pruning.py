"""Retention: records go, sums stay, and what is still needed is not touched."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from builders import an_intent
from callwright.config import Settings
from callwright.domain.history import DecisionFilter, DecisionSearch, StatsQuestion
from callwright.errors import QueryInvalid, StorageError
from callwright.history import (
    decision_stats,
    get_decision,
    import_lines,
    open_memory,
    plan_prune,
    prune_memory,
    repair_memory,
    search_decisions,
    verify_memory,
)
from callwright.memory import pruning
from callwright.memory.database import open_desk_database
from callwright.memory.facets import CASH_COLUMNS
from callwright.memory.intents import SqliteIntentStore
from desks import desk_settings
from long_histories import long_history

MARCH = date(2026, 3, 1)
GONE = (
    "Decisions before 2026-03-01 were pruned: single ones are gone, sums by day and month remain."
)
ALL_TIME = StatsQuestion(group_by=("month", "action"), limit=200)


@pytest.fixture
def kept(home: Any) -> Settings:
    """Return the settings of a home with 600 decisions, of January to March."""
    for record in long_history(600, step=timedelta(hours=3)):
        home.cycle(record)
    home.recorder.close()
    return desk_settings(home.path)


def counted(settings: Settings) -> Any:
    with open_memory(settings) as memory:
        return [row.model_dump() for row in decision_stats(memory, ALL_TIME).rows]


def test_records_go_and_their_sums_stay(kept: Settings) -> None:
    before = counted(kept)
    plan = plan_prune(kept, MARCH)
    assert (plan.first_as_of[:10], plan.last_as_of[:10]) == ("2026-01-05", "2026-02-28")
    batches: list[int] = []
    assert prune_memory(kept, MARCH, on_batch=batches.append) == plan.decisions == sum(batches)
    assert max(batches) == pruning.BATCH
    assert counted(kept) == before
    with open_memory(kept) as memory:
        oldest = search_decisions(memory, DecisionSearch(order="oldest", limit=1)).hits[0]
        assert oldest.as_of.startswith("2026-03-01")
        answer = decision_stats(memory, ALL_TIME)
        assert f"{GONE} Those are in this answer." in answer.notes
        assert GONE in search_decisions(memory, DecisionSearch(limit=1)).notes
        late = DecisionFilter(since=datetime(2026, 3, 1, tzinfo=UTC))
        assert GONE not in search_decisions(memory, DecisionSearch(where=late)).notes
        assert decision_stats(memory, StatsQuestion(where=late)).notes == ()
        # Whole months are sums, the days beside them were too fine for them.
        cut = DecisionFilter(since=datetime(2026, 1, 15, 7, tzinfo=UTC))
        assert decision_stats(memory, StatsQuestion(where=cut)).notes[-1] == (
            f"{GONE} Those are not in this answer, which asks for more."
        )
        rows = decision_stats(memory, StatsQuestion(group_by=("day",)))
        assert rows.total == 600
        with pytest.raises(QueryInvalid, match="decision 1 was pruned with all before 2026-03-01"):
            get_decision(memory, 1)
        with pytest.raises(QueryInvalid, match="there is no decision 9999, or it was pruned"):
            get_decision(memory, 9_999)
    found = verify_memory(kept)
    assert (found.count, found.compared.pruned) == (0, plan.decisions)
    assert plan_prune(kept, MARCH).decisions == 0


def test_what_was_pruned_stays_so_through_import_and_repair(kept: Settings) -> None:
    before = counted(kept)
    gone = prune_memory(kept, MARCH)
    files = sorted(kept.log_dir.glob("*.jsonl"))
    report = import_lines(kept, files, on_bytes=lambda _: None)
    assert (report.added, report.pruned) == (0, gone)
    assert repair_memory(kept).count == 0
    assert counted(kept) == before


def kill_after_a_batch(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin to prune, and be interrupted when the first of many batches is done."""
    monkeypatch.setattr(pruning, "BATCH", 50)

    def kill(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune_memory(settings, MARCH, on_batch=kill)


def test_a_killed_pruning_is_whole_for_readers_and_is_finished(
    kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counted(kept)
    kill_after_a_batch(kept, monkeypatch)
    assert verify_memory(kept).count == 0
    assert counted(kept) == before
    assert repair_memory(kept).count == 0
    assert plan_prune(kept, MARCH).decisions == 0
    assert counted(kept) == before


def test_a_killed_pruning_outlives_a_migration(
    kept: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counted(kept)
    kill_after_a_batch(kept, monkeypatch)
    # As the version left it that did not know what each fill moved.
    with open_desk_database(kept.callwright_home / "desk.db", durable=False) as database:
        for statement in (
            *(f"ALTER TABLE decision_updates DROP COLUMN {name}" for name in CASH_COLUMNS),
            "DELETE FROM _sqlite_migrations WHERE name LIKE 'm006%'",
            "PRAGMA user_version = 5",
        ):
            database.connection.execute(statement)
    with pytest.raises(StorageError, match="older Callwright"):
        counted(kept)
    with open_desk_database(kept.callwright_home / "desk.db", durable=False) as database:
        assert database.rows("SELECT count(*) FROM cycles WHERE as_of < '2026-03-01'") == [(0,)]
    assert verify_memory(kept).count == 0
    assert counted(kept) == before


def test_the_newest_month_stays(kept: Settings) -> None:
    with pytest.raises(StorageError, match="month of the newest decision"):
        prune_memory(kept, date(2026, 4, 1))
    assert verify_memory(kept).compared.rows == 600


def test_what_an_open_order_needs_stays(kept: Settings) -> None:
    cycle_id = next(long_history(1)).cycle_id
    with open_desk_database(kept.callwright_home / "desk.db", durable=False) as database:
        SqliteIntentStore(database).add(an_intent(cycle_id=cycle_id))
    with pytest.raises(StorageError, match="still open"):
        prune_memory(kept, MARCH)
    assert verify_memory(kept).compared.rows == 600
