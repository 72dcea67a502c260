"""The book of several processes, of a killed one, and on a damaged file."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlite_utils import Database

from callwright.errors import BudgetExhausted, StorageError
from callwright.memory.database import (
    APPLICATION_ID,
    DeskDatabase,
    open_desk_database,
    read_desk_database,
)
from callwright.memory.migrations import desk_migrations
from callwright.memory.usage import SqliteUsageBook
from callwright.memory.usage_report import budget_report, usage_summary, usage_totals
from callwright.ports import BudgetStage
from usage_books import (
    MOST,
    NOON,
    HandClock,
    a_book,
    a_usage,
    price_of,
    reserve,
    some_budgets,
    spent,
)

_CHILD = """
    import sys
    from decimal import Decimal
    from pathlib import Path
    from callwright.errors import BudgetExhausted
    from callwright.memory.database import open_desk_database
    from usage_books import HandClock, a_book, reserve

    with open_desk_database(Path(sys.argv[1])) as db:
        book = a_book(db, HandClock(), month="1.0")
        print("ready", flush=True)
        {work}
"""


def a_child(path: Path, work: str) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    code = textwrap.dedent(_CHILD).replace("{work}", work)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": tests},
    )


def test_a_kill_between_asking_and_booking_leaves_the_reservation_counted(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    open_desk_database(path).close()
    with a_child(path, "print(reserve(book), flush=True); input()") as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        reservation = child.stdout.readline().strip()
        child.send_signal(signal.SIGKILL)
    with open_desk_database(path) as db:
        assert spent(db) == MOST
        book = a_book(db, month="0.03")
        assert book.stage() is BudgetStage.CHEAPER_MODEL
        with pytest.raises(BudgetExhausted, match=r"0\.01 USD are left"):
            reserve(book)
        (totals,) = usage_totals(db, since=NOON)
        assert (totals.open, totals.reserved_usd, totals.cost_usd) == (1, MOST, None)
        assert reservation == "1"


def test_two_processes_share_one_budget(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    open_desk_database(path).close()
    work = """
        taken = 0
        try:
            input()
            while True:
                book.begin_decision()
                reserve(book)
                taken += 1
        except BudgetExhausted:
            print(taken)
    """
    work = textwrap.indent(textwrap.dedent(work), "    ").strip()
    with a_child(path, work) as one, a_child(path, work) as other:
        for child in (one, other):
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        taken = []
        for child in (one, other):
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in (one, other):
            assert child.stdout is not None
            taken.append(int(child.stdout.readline()))
    assert sum(taken) == 50
    with open_desk_database(path) as db:
        assert spent(db) == 1


def test_nobody_reserves_between_the_look_and_the_reservation(tmp_path: Path) -> None:
    class Meddled(SqliteUsageBook):
        def _require_room(self, at: datetime, purpose: str, amount_usd: Decimal) -> None:
            super()._require_room(at, purpose, amount_usd)
            with pytest.raises(StorageError, match="locked"):
                reserve(a_book(other))

    path = tmp_path / "desk.db"
    with open_desk_database(path) as db, open_desk_database(path) as other:
        other.connection.execute("PRAGMA busy_timeout = 10")
        reserve(Meddled(db, price_of=price_of, budgets=some_budgets()))
        assert spent(db) == MOST


def test_two_books_of_one_process_see_one_another(db: DeskDatabase, clock: HandClock) -> None:
    one, other = a_book(db, clock, month="0.05"), a_book(db, clock, month="0.05")
    reservation = reserve(one)
    reserve(other)
    one.settle(reservation, a_usage(input_tokens=None))
    for book in (one, other):
        with pytest.raises(BudgetExhausted):
            reserve(book)


def test_what_another_process_spent_counts_at_once(tmp_path: Path, clock: HandClock) -> None:
    path = tmp_path / "desk.db"
    with open_desk_database(path) as db, open_desk_database(path) as other:
        book = a_book(db, clock, month="0.05")
        reserve(book)
        reservation = reserve(a_book(other, clock, month="0.05"), purpose="chat")
        with pytest.raises(BudgetExhausted):
            reserve(book)
        a_book(other, clock).settle(reservation, a_usage())
        reserve(book)


@pytest.mark.parametrize("text", ["much", "NaN", "-1", "Infinity", ""])
def test_an_amount_that_nobody_wrote_stops_asking(db: DeskDatabase, text: str) -> None:
    book = a_book(db)
    reserve(book)
    db.connection.execute("UPDATE llm_requests SET reserved_usd = ?", (text,))
    again = a_book(db)
    for use in (again.stage, lambda: reserve(again), lambda: usage_totals(db, since=NOON)):
        with pytest.raises(StorageError, match="no amount of money") as caught:
            use()
        assert "backup" in caught.value.remedy


def test_a_table_that_is_gone_stops_asking(db: DeskDatabase) -> None:
    db.connection.execute("DROP TABLE llm_requests")
    book = a_book(db)
    for use in (book.stage, lambda: reserve(book), lambda: book.settle("1", a_usage())):
        with pytest.raises(StorageError, match="llm_requests"):
            use()


def test_a_reservation_that_cannot_be_written_is_none(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with open_desk_database(path) as db, open_desk_database(path) as other:
        db.connection.execute("PRAGMA busy_timeout = 10")
        book = a_book(db)
        other.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            reserve(book)
        other.connection.rollback()
        assert spent(db) == 0
        reserve(book)


def test_the_file_of_the_first_release_gains_the_table_and_keeps_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    connection = sqlite3.connect(path)
    desk_migrations.apply(Database(connection), stop_before="m002_model_requests")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO desk_account (id, account_id) VALUES (1, 'kept')")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="older"):
        read_desk_database(path)
    with open_desk_database(path) as db:
        reserve(a_book(db))
        assert db.rows("SELECT account_id FROM desk_account") == [("kept",)]
        assert db.problems() == ()


def test_the_summary_is_what_the_book_sees(db: DeskDatabase, clock: HandClock) -> None:
    book = a_book(db, clock, day="0.04", month=1)
    book.settle(reserve(book), a_usage())
    clock.at += timedelta(days=1)
    book.settle(reserve(book), a_usage(input_tokens=None))
    budgets = some_budgets(day="0.04", month=1)
    assert usage_summary(db, budgets, at=clock.at) == {
        "stage": "CHEAPER_MODEL",
        "today_usd": 0.02,
        "month_usd": 0.0251,
        "unpriced_this_month": 1,
    }
    assert book.stage().name == "CHEAPER_MODEL"
    report = budget_report(db, budgets, at=clock.at)
    assert Decimal(report["day"]["left_usd"]) == MOST
    assert report["day"]["cost_usd"] is None
    assert report["month"]["cost_usd"] == "0.0051"
    assert report["month"]["renews_at"] == "2026-02-01T00:00:00Z"
