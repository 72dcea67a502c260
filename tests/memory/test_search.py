from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOW
from callwright.domain.decision import Action
from callwright.domain.history import DecisionFilter, DecisionHit, DecisionSearch, StatsQuestion
from callwright.domain.record import OrderUpdate
from callwright.errors import CallwrightError, QueryInvalid, QueryTooSlow, StorageError
from callwright.memory.decision_detail import get_decision
from callwright.memory.decision_stats import decision_stats
from callwright.memory.reader import DecisionReader, open_reader
from callwright.memory.search import search_decisions
from histories import CALL, NEXT, a_history, action

OPEN, ROLL, CLOSE, HOLD = (
    Action.OPEN_COVERED_CALL, Action.ROLL_COVERED_CALL, Action.CLOSE_COVERED_CALL,
    Action.DO_NOTHING,
)  # fmt: skip


@pytest.fixture
def memory(home: Any, a_record: Any) -> Iterator[DecisionReader]:
    for record in a_history(a_record):
        home.cycle(record)
    with open_reader(home.path / "desk.db") as reader:
        yield reader


def ids(reader: DecisionReader, text: str | None = None, **where: Any) -> list[int]:
    search = DecisionSearch(text=text, where=DecisionFilter(**where), collapse=False)
    return [hit.id for hit in search_decisions(reader, search).hits]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        pytest.param({}, [7, 6, 5, 4, 3, 2, 1], id="all-newest-first"),
        pytest.param({"action": (OPEN,)}, [1], id="action-is-what-was-done"),
        pytest.param({"action": (ROLL, CLOSE)}, [7, 5], id="any-of-the-actions"),
        pytest.param({"proposed_action": (ROLL,)}, [5, 4], id="proposed-is-what-was-asked"),
        pytest.param({"verdict": "denied"}, [4], id="denied"),
        pytest.param({"code": "net_delta_above_maximum"}, [4], id="second-code-of-a-denial"),
        pytest.param({"code": "NONE_SUCH"}, [], id="unknown-code"),
        pytest.param({"failure": "ANY"}, [6], id="any-failure"),
        pytest.param({"failure": "LLM_TIMEOUT"}, [6], id="one-failure"),
        pytest.param({"symbol": CALL}, [5, 4, 1], id="sold-or-rolled-from"),
        pytest.param({"strike_usd": 97_000.0}, [1], id="strike"),
        pytest.param({"source": "llm", "status": "filled"}, [5], id="two-at-once"),
        pytest.param({"model": "gpt-4.1-mini"}, [5, 4], id="model"),
        pytest.param({"underlying": "BTC", "until": NOW + timedelta(minutes=4)}, [4, 1], id="time"),
        pytest.param({"since": NOW + timedelta(minutes=5)}, [7, 6], id="since-is-included"),
        pytest.param({"since": NOW + timedelta(days=9)}, [], id="after-everything"),
    ],
)
def test_filters(memory: DecisionReader, where: dict[str, Any], found: list[int]) -> None:
    assert ids(memory, **where) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # 2 is the cycle that told of the fill.
        (CALL, [5, 4, 2, 1]),
        ("97000", [5, 4, 2, 1]),
        ("97,000", [5, 4, 2, 1]),
        ("97k strike", [5, 4, 1]),
        ("jan26", [7, 5, 4, 1]),
        ("rolled", [5, 4]),
        ("roll dwell", [4]),
        ("ROLL_DWELL", [4]),
        ("IV-rank 0.25", [1]),
        ("timeout", [6]),
        ("no answer", [6]),
        ("holding", [6, 4, 3, 2]),
    ],
)
def test_words(memory: DecisionReader, text: str, found: list[int]) -> None:
    assert ids(memory, text) == found


def test_words_and_filters_together(memory: DecisionReader) -> None:
    assert ids(memory, "97k", action=(OPEN,)) == [1]
    assert ids(memory, "97k", verdict="denied", code="ROLL_DWELL", failure=None) == [4]
    assert ids(memory, "97k", since=NOW + timedelta(minutes=1), source="llm") == [5, 4]


def test_without_a_row_for_all_words_the_most_are_first_and_it_is_said(
    memory: DecisionReader,
) -> None:
    page = search_decisions(memory, DecisionSearch(text="zebra premium rank"))
    assert [hit.id for hit in page.hits] == [1]
    assert "No decision has all the words" in page.notes[0]


def test_no_match_is_said_in_words(memory: DecisionReader) -> None:
    page = search_decisions(memory, DecisionSearch(text="zebra"))
    assert (page.total, page.hits, page.notes) == (0, (), ("No decision matches.",))


def test_a_text_without_words_is_said(memory: DecisionReader) -> None:
    page = search_decisions(memory, DecisionSearch(text='"*^('))
    assert page.total == 7
    assert "no word to search for" in page.notes[0]


def test_runs_are_folded_and_counted(memory: DecisionReader) -> None:
    page = search_decisions(memory, DecisionSearch())
    assert [(h.id, h.run_length, h.run_end_id) for h in page.hits] == [
        (7, 1, 7), (6, 1, 6), (5, 1, 5), (4, 1, 4), (3, 2, 2), (1, 1, 1),
    ]  # fmt: skip
    assert page.total == 7
    assert page.hits[3].codes == ("ROLL_DWELL", "NET_DELTA_ABOVE_MAXIMUM")


def run_lengths(home: Any, a_record: Any, *reasons: str) -> list[int]:
    for number, reason in enumerate(reasons):
        hold = action("hold", reason)
        home.cycle(a_record(number, proposed_action=hold, final_action=hold))
    with open_reader(home.path / "desk.db") as reader:
        page = search_decisions(reader, DecisionSearch(order="oldest"))
    return [hit.run_length for hit in page.hits]


@pytest.mark.parametrize(
    ("one", "other", "is_alike"),
    [
        (
            "BTC: IVRV 0.891 (IV 25.6%), floor 1.050.",
            "BTC: IVRV 1.002 (IV 9.8%), floor 1.05.",
            True,
        ),
        ("best roll nets -0.011 BTC", "best roll nets 3e-05 BTC", True),
        ("1,250.5 USD by 8 January 12:00", "900 USD by 31 March 06:30", True),
        ("since 2026-01-05T08:00", "since 2026-02-28T20:15", True),
        ("BTC: IVRV 0.891.", "ETH: IVRV 0.891.", False),
        ("delta 0.6 >= 0.5", "delta 0.6 < 0.5", False),
        (f"Hold {CALL} (delta 0.6)", f"Hold {CALL} (delta 0.7)", True),
        (f"Hold {CALL} (delta 0.6)", f"Hold {NEXT} (delta 0.6)", False),
        ("Hold XRP_USDC-9JAN26-2d5-C", "Hold XRP_USDC-9JAN26-3d5-C", False),
        ("cooldown", "IVRV below the floor", False),
    ],
)
def test_a_run_has_one_reason_but_for_its_figures(
    home: Any, a_record: Any, one: str, other: str, is_alike: bool
) -> None:
    assert run_lengths(home, a_record, one, other) == ([2] if is_alike else [1, 1])


def test_what_a_filter_leaves_out_ends_a_run(home: Any, a_record: Any) -> None:
    quiet = action("hold", "quiet")
    sold = action("open", "rich premium", underlying="BTC", symbol=CALL, size=0.1)
    for number, done in enumerate((quiet, quiet, sold, quiet)):
        home.cycle(a_record(number, proposed_action=done, final_action=done))
    with open_reader(home.path / "desk.db") as reader:
        page = search_decisions(reader, DecisionSearch(where=DecisionFilter(action=(HOLD,))))
    assert [(hit.id, hit.run_length, hit.run_end_id) for hit in page.hits] == [
        (4, 1, 4), (2, 2, 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("payoff", "words", "others"),
    [
        (0.0, ["settled", "expired worthless", f"settled {CALL}"], ["exercised"]),
        (0.002, ["settlements", "exercised", "in the money", "assigned"], ["worthless"]),
        (None, ["settled", "expired"], ["worthless", "exercised"]),
    ],
)
def test_the_record_that_tells_of_a_settlement_is_found(
    home: Any, a_record: Any, payoff: float | None, words: list[str], others: list[str]
) -> None:
    told = OrderUpdate(
        kind="settlement", cycle_id=None, symbol=CALL, facts={"payoff": payoff, "cash": 0.0}
    )
    home.cycle(a_record(0))
    home.cycle(a_record(1, order_updates=(told,)))
    with open_reader(home.path / "desk.db") as reader:
        assert [ids(reader, text) for text in words] == [[2]] * len(words)
        hits = search_decisions(reader, DecisionSearch(collapse=False)).hits
        assert [hit.settled for hit in hits] == [(CALL,), ()]
        assert [ids(reader, text) for text in others] == [[]] * len(others)


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("collapse", [True, False])
@pytest.mark.parametrize("text", [None, "hold"])
def test_pages_follow_one_another(
    memory: DecisionReader, order: Any, collapse: bool, text: str | None
) -> None:
    whole = search_decisions(memory, DecisionSearch(order=order, collapse=collapse, text=text))
    found: list[DecisionHit] = []
    cursor = None
    for _ in range(10):
        page = search_decisions(
            memory,
            DecisionSearch(order=order, collapse=collapse, text=text, limit=2, cursor=cursor),
        )
        found += page.hits
        cursor = page.next_cursor
        if cursor is None:
            break
    assert tuple(found) == whole.hits


def test_counting_stops_and_says_so(home: Any, a_record: Any) -> None:
    for number in range(1_005):
        home.cycle(a_record(number))
    with open_reader(home.path / "desk.db") as reader:
        page = search_decisions(reader, DecisionSearch())
        assert (page.total, page.total_is_exact) == (1_000, False)
        assert page.hits[0].run_length == 1_005
        # Most of these records are packed by now.
        assert home.db.rows("SELECT count(*) FROM cycles WHERE typeof(record) = 'blob'")[0][0] > 600
        assert get_decision(reader, 3).record == a_record(2)


def test_a_close_shows_the_open_and_an_open_its_close(memory: DecisionReader) -> None:
    opened, rolled, closed = (get_decision(memory, n) for n in (1, 5, "7"))
    assert opened.opened_by is None
    assert opened.closed_by is not None
    assert (opened.closed_by.id, opened.closed_by.action) == (5, "ROLL_COVERED_CALL")
    assert rolled.opened_by is not None
    assert rolled.opened_by.reasoning == "rich premium, IV rank 0.25"
    assert closed.opened_by is not None
    assert (closed.opened_by.id, closed.opened_by.symbol) == (5, NEXT)
    assert [(e.told_by_id, e.update.kind) for e in opened.later] == [(2, "fill")]
    assert rolled.config_changes == {"mode": ("research", "production")}
    assert opened.run_id == opened.record.cycle_id
    assert get_decision(memory, closed.record.cycle_id) == closed


@pytest.mark.parametrize("key", [0, 99, "99", "no-such-cycle", str(2**70), "", "1 OR 1", "\x00"])
def test_a_decision_that_is_not_there_is_told(memory: DecisionReader, key: Any) -> None:
    with pytest.raises(QueryInvalid, match="there is no decision"):
        get_decision(memory, key)


def test_a_key_that_is_no_text_is_told(memory: DecisionReader) -> None:
    with pytest.raises(QueryInvalid, match="UnicodeEncodeError"):
        get_decision(memory, "\ud800")


def groups(reader: DecisionReader, *by: Any, **where: Any) -> dict[Any, int]:
    answer = decision_stats(reader, StatsQuestion(group_by=by, where=DecisionFilter(**where)))
    return {tuple(row.keys.values()): row.count for row in answer.rows}


def test_statistics(memory: DecisionReader) -> None:
    done = {("DO_NOTHING",): 4, ("OPEN_COVERED_CALL",): 1, ("ROLL_COVERED_CALL",): 1,
            ("CLOSE_COVERED_CALL",): 1}  # fmt: skip
    assert groups(memory, "action") == done
    # The same from the rows themselves, which a time of day forces.
    assert groups(memory, "action", since=NOW) == done
    assert groups(memory, "code") == {("ROLL_DWELL",): 1, ("NET_DELTA_ABOVE_MAXIMUM",): 1}
    assert groups(memory, "code", code="ROLL_DWELL") == {("ROLL_DWELL",): 1}
    assert groups(memory, "day") == {("2026-01-05",): 6, ("2026-01-06",): 1}
    assert groups(memory, "week") == {("2026-01-05",): 7}
    assert groups(memory, "month", "failure") == {
        ("2026-01", None): 6,
        ("2026-01", "LLM_TIMEOUT"): 1,
    }
    assert groups(memory, "strike", action=(OPEN,)) == {(97_000.0,): 1}
    assert groups(memory, failure="ANY") == {(): 1}
    assert groups(memory, "action", until=datetime.fromisoformat("2026-01-06T00:00Z")) != done
    assert groups(memory, "action", model="none") == {}


@pytest.mark.parametrize("where", [{}, {"since": NOW}], ids=["rollup", "rows"])
def test_an_unknown_cost_is_in_no_sum_and_told(
    memory: DecisionReader, where: dict[str, Any]
) -> None:
    answer = decision_stats(
        memory, StatsQuestion(group_by=("model",), where=DecisionFilter(**where))
    )
    asked = next(row for row in answer.rows if row.keys["model"])
    assert (asked.count, asked.cost_usd, asked.cost_unknown) == (2, 0.0021, 1)
    assert (asked.input_tokens, asked.first_id, asked.last_id) == (10_000, 4, 5)
    nobody = next(row for row in answer.rows if not row.keys["model"])
    assert (nobody.cost_usd, nobody.cost_unknown) == (None, 0)
    assert any("not known" in note for note in answer.notes)


def test_a_dimension_twice_is_refused(memory: DecisionReader) -> None:
    with pytest.raises(QueryInvalid):
        decision_stats(memory, StatsQuestion(group_by=("day", "day")))


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM cycles", "UPDATE decisions SET action = ''", "DROP TABLE cycles",
        "SELECT * FROM sqlite_master", "PRAGMA user_version", "PRAGMA query_only = OFF",
        "ATTACH ':memory:' AS other", "SELECT load_extension('x')", "SELECT * FROM intents",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "SELECT bm25(decisions_fts) FROM decisions_fts WHERE decisions_fts MATCH 'a'",
        "INSERT INTO decisions_fts (decisions_fts) VALUES ('delete-all')", "SELEC", "BEGIN",
        "SELECT rowid FROM decisions_fts WHERE decisions_fts MATCH '\"'",
        "CREATE TEMP TABLE mine (x)", "VACUUM INTO '/tmp/copy.db'", "SAVEPOINT mine", "ANALYZE",
        "PRAGMA writable_schema = ON", "SELECT * FROM pragma_table_info('cycles')",
        "SELECT randomblob(1000000000)", "SELECT printf('%.*c', 1000000000, 'x')",
        "SELECT * FROM fills", "SELECT * FROM llm_requests", "SELECT * FROM trading_state",
        "INSERT INTO decisions_fts (decisions_fts) VALUES ('optimize')",
    ],
)  # fmt: skip
def test_a_reader_can_only_read(memory: DecisionReader, sql: str) -> None:
    with pytest.raises(QueryInvalid):
        memory.rows(sql)
    assert ids(memory) == [7, 6, 5, 4, 3, 2, 1]


def test_one_view_does_not_see_what_is_written_meanwhile(home: Any, a_record: Any) -> None:
    home.cycle(a_record(0))
    count = "SELECT count(*) FROM decisions"
    with open_reader(home.path / "desk.db") as reader:
        with reader.one_view():
            assert reader.rows(count) == [(1,)]
            home.cycle(a_record(1))
            assert reader.rows(count) == [(1,)]
        assert reader.rows(count) == [(2,)]
        with pytest.raises(QueryInvalid):
            reader.rows("BEGIN")


def test_a_question_that_runs_away_is_stopped(home: Any, a_record: Any) -> None:
    for number in range(60):
        home.cycle(a_record(number))
    with open_reader(home.path / "desk.db", deadline_s=0.05) as reader:
        with pytest.raises(QueryTooSlow):
            reader.rows("SELECT count(*) FROM decisions a, decisions b, decisions c, decisions d")
        assert reader.rows("SELECT count(*) FROM decisions") == [(60,)]


def test_a_damaged_index_is_an_error_and_no_empty_answer(home: Any, a_record: Any) -> None:
    home.cycle(a_record())
    with open_reader(home.path / "desk.db") as reader:
        home.db.connection.execute("DELETE FROM decisions_fts_data")
        with pytest.raises(CallwrightError):
            search_decisions(reader, DecisionSearch(text="quiet"))


def test_a_memory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no desk database"):
        open_reader(tmp_path / "desk.db")


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"action": (ROLL,)}, "decisions_action"),
        ({"verdict": "denied"}, "decisions_denied"),
        ({"failure": "LLM_TIMEOUT"}, "decisions_failed"),
        ({"strike_usd": 97_000.0}, "decisions_strike"),
        ({"symbol": CALL}, "decisions_symbol"),
    ],
)
def test_filters_use_their_index(home: Any, filters: dict[str, Any], index: str) -> None:
    from callwright.memory.conditions import conditions_of

    with open_reader(home.path / "desk.db") as reader:
        where = conditions_of(reader, DecisionFilter(**filters))
    with sqlite3.connect(home.path / "desk.db") as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT d.seq FROM decisions d"
            f" WHERE {where.sql} ORDER BY d.seq DESC LIMIT 20",
            where.values,
        ).fetchall()
    connection.close()
    assert index in " ".join(row[3] for row in plan)
