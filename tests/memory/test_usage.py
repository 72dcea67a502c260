"""The book of what models cost: reserved before, settled after, never more than the budgets."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from callwright.domain.pricing import ModelPrice
from callwright.errors import BudgetExhausted, StorageError
from callwright.memory.budgets import Budgets, budget_stage, next_day, next_month
from callwright.memory.database import (
    APPLICATION_ID,
    DeskDatabase,
    open_desk_database,
    read_desk_database,
)
from callwright.memory.migrations import desk_migrations
from callwright.memory.usage import SqliteUsageBook, spent_by_day
from callwright.memory.usage_report import budget_report, usage_summary, usage_totals
from callwright.ports import BudgetStage, RequestUsage, UsageBook

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
MODEL = "priced"
PRICE = ModelPrice(
    provider="Test",
    as_of=date(2026, 1, 5),
    source="a test",
    input=Decimal(1),
    cached_input=Decimal("0.1"),
    output=Decimal(10),
)
"""A request of at most 10,000 and 1,000 tokens costs at most 0.02 USD."""


class HandClock:
    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def price_of(model: str) -> ModelPrice | None:
    return PRICE if model in (MODEL, "priced-snapshot") else None


def some_budgets(
    cycle: str | int = 1000, day: str | int = 1000, month: str | int = 1000
) -> Budgets:
    return Budgets(Decimal(cycle), Decimal(day), Decimal(month))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[DeskDatabase]:
    with open_desk_database(tmp_path / "desk.db", durable=False) as opened:
        yield opened


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def a_book(
    db: DeskDatabase,
    clock: Callable[[], datetime] = HandClock(),  # noqa: B008 - nobody moves this one
    *,
    is_local: bool = False,
    **limits: str | int,
) -> SqliteUsageBook:
    return SqliteUsageBook(
        db, price_of=price_of, budgets=some_budgets(**limits), is_local=is_local, now=clock
    )


def reserve(book: UsageBook, *, model: str = MODEL, purpose: str = "decision") -> str:
    return book.reserve(
        purpose=purpose, model=model, input_tokens_max=10_000, output_tokens_max=1_000
    )


def a_usage(**changes: Any) -> RequestUsage:
    fields: dict[str, Any] = {
        "model": MODEL,
        "served_model": None,
        "input_tokens": 4_000,
        "cached_tokens": 1_000,
        "output_tokens": 200,
        "reasoning_tokens": 100,
        "latency_ms": 12.5,
        "cost_usd": None,
        "outcome": "ok",
    }
    return RequestUsage(**(fields | changes))


COST = Decimal("0.0051")
MOST = Decimal("0.02")


def spent(db: DeskDatabase) -> Decimal:
    return sum(spent_by_day(db, since="").values(), Decimal(0))


def test_a_request_is_reserved_at_its_most_and_settled_at_its_cost(db: DeskDatabase) -> None:
    book = a_book(db)
    reservation = reserve(book)
    assert spent(db) == MOST
    settled = book.settle(reservation, a_usage(cost_usd=Decimal(99)))
    assert settled.cost_usd == COST
    assert spent(db) == COST
    (totals,) = usage_totals(db, since=NOON - timedelta(days=1))
    assert totals.to_jsonable() == {
        "day": "2026-01-30", "model": MODEL, "requests": 1, "open": 0, "unpriced": 0,
        "input_tokens": 4000, "cached_tokens": 1000, "output_tokens": 200,
        "reasoning_tokens": 100, "without_tokens": 0, "cost_usd": "0.0051", "reserved_usd": "0",
    }  # fmt: skip


def test_a_reservation_is_settled_once(db: DeskDatabase) -> None:
    book = a_book(db)
    reservation = reserve(book)
    book.settle(reservation, a_usage())
    for wrong in (reservation, "99", "no number"):
        with pytest.raises(StorageError, match="no open reservation"):
            book.settle(wrong, a_usage())
    assert spent(db) == COST


def test_what_nobody_can_have_asked_is_no_reservation(db: DeskDatabase) -> None:
    for wrong in ({"purpose": "fun"}, {"input_tokens_max": -1}, {"output_tokens_max": -1}):
        asked: dict[str, Any] = {
            "purpose": "decision", "model": MODEL, "input_tokens_max": 1, "output_tokens_max": 1,
        }  # fmt: skip
        with pytest.raises(ValueError, match="cannot reserve"):
            a_book(db).reserve(**(asked | wrong))


@pytest.mark.parametrize("name", ["cycle", "day", "month"])
def test_a_budget_may_be_used_up_to_the_cent_and_not_a_cent_more(
    db: DeskDatabase, name: str
) -> None:
    limit: dict[str, Any] = {name: "0.06"}
    exactly = a_book(db, **limit)
    for _ in range(3):
        reserve(exactly)
    with pytest.raises(BudgetExhausted, match=f"the {name}'s budget of 0.06 USD 0 USD are left"):
        reserve(exactly)
    assert spent(db) == 3 * MOST


def test_a_request_that_does_not_fit_says_what_is_left_and_when_it_renews(
    db: DeskDatabase, clock: HandClock
) -> None:
    book = a_book(db, clock, day="0.0399")
    reserve(book)
    with pytest.raises(
        BudgetExhausted,
        match=r"may cost 0\.02 USD.*day's budget of 0\.0399 USD 0\.0199 USD .*"
        r"renews with 2026-01-31 00:00 UTC",
    ) as caught:
        reserve(book)
    assert "LLM_BUDGET_DAY_USD" in caught.value.remedy


def test_the_cycle_renews_with_a_decision_and_is_not_the_chats(db: DeskDatabase) -> None:
    book = a_book(db, cycle="0.02")
    reserve(book)
    with pytest.raises(BudgetExhausted, match=r"cycle's.*the next decision"):
        reserve(book)
    reserve(book, purpose="chat")
    book.begin_decision()
    reserve(book, purpose="chat")
    reservation = reserve(book)
    book.settle(reservation, a_usage())
    with pytest.raises(BudgetExhausted, match="cycle"):
        reserve(book)


def test_a_settled_request_gives_back_what_it_did_not_take(db: DeskDatabase) -> None:
    book = a_book(db, cycle="0.026", day="0.026", month="0.026")
    book.settle(reserve(book), a_usage())
    reserve(book)
    with pytest.raises(BudgetExhausted):
        reserve(book)


def test_the_day_and_the_month_renew_at_midnight(db: DeskDatabase, clock: HandClock) -> None:
    book = a_book(db, clock, day="0.02", month="0.05")
    reserve(book)
    clock.at = datetime(2026, 1, 30, 23, 59, 59, 999_999, tzinfo=UTC)
    with pytest.raises(BudgetExhausted, match="day"):
        reserve(book)
    clock.at = datetime(2026, 1, 31, tzinfo=UTC)
    reserve(book)
    with pytest.raises(BudgetExhausted, match=r"month's.*renews with 2026-02-01 00:00 UTC"):
        reserve(book)
    clock.at = datetime(2026, 2, 1, tzinfo=UTC)
    assert book.stage() is BudgetStage.FULL
    late = reserve(book)
    assert book.stage() is BudgetStage.CARE_ONLY
    clock.at = datetime(2026, 2, 2, tzinfo=UTC)
    # What is settled later still belongs to the day on which it was asked.
    book.settle(late, a_usage())
    assert [t.day for t in usage_totals(db, since=NOON)] == [
        "2026-01-30",
        "2026-01-31",
        "2026-02-01",
    ]


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        ("2026-01-01T00:00", "2026-01-02", "2026-02-01"),
        ("2026-01-31T23:59", "2026-02-01", "2026-02-01"),
        ("2028-02-28T12:00", "2028-02-29", "2028-03-01"),
        ("2026-12-31T12:00", "2027-01-01", "2027-01-01"),
    ],
)
def test_when_budgets_renew(at: str, day: str, month: str) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert f"{next_day(now):%Y-%m-%d}" == day
    assert f"{next_month(now):%Y-%m-%d}" == month


def test_a_clock_that_goes_back_gives_no_money_back(db: DeskDatabase, clock: HandClock) -> None:
    book = a_book(db, clock, day="0.02", month="0.02")
    reserve(book)
    for back in (timedelta(hours=1), timedelta(days=3), timedelta(days=400)):
        clock.at = NOON - back
        with pytest.raises(BudgetExhausted, match="month"):
            reserve(book)
    assert spent(db) == MOST


def test_a_day_that_is_still_to_come_counts_today(db: DeskDatabase, clock: HandClock) -> None:
    book = a_book(db, clock, day="0.02")
    reserve(book)
    clock.at = NOON - timedelta(days=1)
    with pytest.raises(BudgetExhausted, match="day"):
        reserve(book)
    assert book.stage() is BudgetStage.CARE_ONLY
    assert usage_summary(db, some_budgets(day="0.02"), at=clock.at)["stage"] == "CARE_ONLY"


@pytest.mark.parametrize("name", ["cycle", "day", "month"])
def test_a_budget_of_zero_never_asks(db: DeskDatabase, name: str) -> None:
    limit: dict[str, Any] = {name: 0}
    for is_local in (False, True):
        book = a_book(db, is_local=is_local, **limit)
        for model in (MODEL, "unheard-of"):
            with pytest.raises(BudgetExhausted, match="is 0"):
                reserve(book, model=model)
        assert book.stage() is BudgetStage.CARE_ONLY
    assert spent(db) == 0


def test_a_hosted_model_without_a_price_is_not_asked(db: DeskDatabase) -> None:
    with pytest.raises(BudgetExhausted, match="'unheard-of' cost is not known") as caught:
        reserve(a_book(db), model="unheard-of")
    assert "LLM_PRICES_FILE" in caught.value.remedy
    assert usage_totals(db, since=NOON - timedelta(days=9)) == ()


def test_a_local_model_without_a_price_is_booked_without_a_cost(db: DeskDatabase) -> None:
    book = a_book(db, is_local=True, cycle="0.001", day="0.001", month="0.001")
    settled = book.settle(reserve(book, model="local"), a_usage(model="local"))
    assert settled.cost_usd is None
    assert book.stage() is BudgetStage.FULL
    (totals,) = usage_totals(db, since=NOON)
    assert (totals.cost_usd, totals.unpriced, totals.input_tokens) == (None, 1, 4_000)
    with pytest.raises(BudgetExhausted, match="of the month's"):
        # A price that is known counts wherever the server is: it may be a proxy.
        reserve(book)


def test_a_prompt_too_long_for_its_price_is_not_asked_anywhere(db: DeskDatabase) -> None:
    short = PRICE.model_copy(update={"input_tokens_max": 9_999})
    for is_local in (False, True):
        book = SqliteUsageBook(
            db, price_of=lambda model: short, budgets=some_budgets(), is_local=is_local
        )
        with pytest.raises(BudgetExhausted, match="not known"):
            reserve(book)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"input_tokens": None}, id="no-input"),
        pytest.param({"output_tokens": None, "reasoning_tokens": None}, id="no-output"),
        pytest.param({"cached_tokens": None}, id="no-cached"),
        pytest.param({"input_tokens": -5}, id="negative"),
        pytest.param({"output_tokens": 10**30}, id="absurd"),
        pytest.param({"cached_tokens": 4_001}, id="more-cached-than-sent"),
        pytest.param({"reasoning_tokens": 201}, id="more-reasoning-than-output"),
        pytest.param({"served_model": "swapped"}, id="another-model-answered"),
    ],
)
def test_an_unknown_cost_counts_as_what_was_reserved(
    db: DeskDatabase, changes: dict[str, Any]
) -> None:
    book = a_book(db, month="0.03")
    settled = book.settle(reserve(book), a_usage(**changes))
    assert settled.cost_usd is None
    assert spent(db) == MOST
    with pytest.raises(BudgetExhausted):
        reserve(book)
    (totals,) = usage_totals(db, since=NOON)
    assert (totals.cost_usd, totals.reserved_usd, totals.unpriced) == (None, MOST, 1)


def test_the_model_that_answered_is_the_one_that_costs(db: DeskDatabase) -> None:
    book = a_book(db)
    settled = book.settle(reserve(book), a_usage(served_model="priced-snapshot"))
    assert settled.cost_usd == COST


def test_a_reply_cannot_choose_a_cheaper_price(db: DeskDatabase) -> None:
    free = {"input": Decimal(0), "cached_input": None, "cache_write": None, "output": Decimal(0)}
    cheap = PRICE.model_copy(update=free)
    book = a_book(db)
    book._price_of = lambda model: cheap if model == "cheap" else price_of(model)
    assert book.settle(reserve(book), a_usage(served_model="cheap")).cost_usd == COST


def test_a_request_that_was_surely_not_sent_costs_nothing(db: DeskDatabase) -> None:
    book = a_book(db)
    nothing = dict.fromkeys(
        ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"), 0
    )
    assert book.settle(reserve(book), a_usage(**nothing)).cost_usd == 0
    assert spent(db) == 0


def test_a_providers_text_is_short_and_printable(db: DeskDatabase) -> None:
    book = a_book(db)
    settled = book.settle(
        reserve(book), a_usage(served_model="\x1b[2J" + "m" * 5_000, outcome="a\nb\x00")
    )
    assert settled.served_model == "[2J" + "m" * 97
    assert settled.outcome == "ab"


@pytest.mark.parametrize(
    ("day", "month", "stage"),
    [
        ("0", "0", BudgetStage.FULL),
        ("0.999", "9.99", BudgetStage.FULL),
        ("1", "0", BudgetStage.CHEAPER_MODEL),
        ("0", "10", BudgetStage.CHEAPER_MODEL),
        ("1.499", "14.99", BudgetStage.CHEAPER_MODEL),
        ("1.5", "0", BudgetStage.FEWER_CYCLES),
        ("0", "15", BudgetStage.FEWER_CYCLES),
        ("1.799", "17.99", BudgetStage.FEWER_CYCLES),
        ("1.8", "0", BudgetStage.CARE_ONLY),
        ("7", "17.99", BudgetStage.CARE_ONLY),
        ("0", "18", BudgetStage.NO_NEW_RISK),
        ("9", "99", BudgetStage.NO_NEW_RISK),
    ],
)
def test_stages(day: str, month: str, stage: BudgetStage) -> None:
    budgets = some_budgets(1, 2, 20)
    found = budget_stage(
        spent_day_usd=Decimal(day), spent_month_usd=Decimal(month), budgets=budgets
    )
    assert found is stage


def test_a_budget_of_zero_is_a_choice_and_halts_nothing() -> None:
    for limits in ((0, 2, 20), (1, 0, 20), (1, 2, 0)):
        stage = budget_stage(
            spent_day_usd=Decimal(0), spent_month_usd=Decimal(0), budgets=some_budgets(*limits)
        )
        assert stage is BudgetStage.CARE_ONLY


money = st.decimals(0, 5, places=3)


@given(day=money, month=money, more=money, day_budget=money, month_budget=money)
def test_spending_more_never_allows_more(
    day: Decimal, month: Decimal, more: Decimal, day_budget: Decimal, month_budget: Decimal
) -> None:
    budgets = Budgets(Decimal(1), day_budget, month_budget)

    def stage(extra: Decimal) -> BudgetStage:
        return budget_stage(
            spent_day_usd=day + extra, spent_month_usd=month + extra, budgets=budgets
        )

    assert stage(more) >= stage(Decimal(0))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("reserve"), st.integers(0, 40_000), st.integers(0, 4_000)),
        # Of what was reserved for, in percent; over 100 is a provider that took more.
        st.tuples(st.just("settle"), st.integers(0, 130), st.booleans()),
        st.tuples(st.just("later"), st.integers(-30, 60), st.just(0)),
        st.tuples(st.just("decide"), st.just(0), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps, may_exceed=st.booleans())
def test_no_sequence_spends_more_than_a_budget_and_one_request(
    tmp_path: Path, steps: list[tuple[str, int, Any]], may_exceed: bool
) -> None:
    (tmp_path / "desk.db").unlink(missing_ok=True)
    limits: dict[str, Any] = {"day": "0.11", "month": "0.30"}
    clock = HandClock()
    # One after another, as the desk asks: then at most one can take more than was reserved.
    waiting: tuple[str, int, int] | None = None
    over = Decimal(0)
    with open_desk_database(tmp_path / "desk.db", durable=False) as db:
        book = a_book(db, clock, **limits)
        for what, first, second in steps:
            if what == "reserve" and waiting is None:
                try:
                    found = book.reserve(
                        purpose="decision", model=MODEL, input_tokens_max=first,
                        output_tokens_max=second,
                    )  # fmt: skip
                except BudgetExhausted:
                    continue
                waiting = (found, first, second)
            elif what == "settle" and waiting is not None:
                percent = first if may_exceed else min(first, 100)
                usage = a_usage(
                    input_tokens=waiting[1] * percent // 100 if second else None,
                    cached_tokens=0,
                    output_tokens=waiting[2] * percent // 100,
                    reasoning_tokens=0,
                )
                cost = book.settle(waiting[0], usage).cost_usd or Decimal(0)
                most = PRICE.cost_max_usd(input_tokens_max=waiting[1], output_tokens_max=waiting[2])
                assert most is not None
                over = max(over, cost - most)
                waiting = None
            elif what == "later":
                clock.at += timedelta(hours=first)
            elif what == "decide":
                book.begin_decision()
            elif what == "restart":
                book, waiting = a_book(db, clock, **limits), None
            for day, day_usd in spent_by_day(db, since="").items():
                assert day_usd <= Decimal("0.11") + over, day
            months: dict[str, Decimal] = {}
            for day, day_usd in spent_by_day(db, since="").items():
                months[day[:7]] = months.get(day[:7], Decimal(0)) + day_usd
            assert all(month_usd <= Decimal("0.30") + over for month_usd in months.values())
            # What memory follows is what the file says.
            assert book._spent(clock.at) == a_book(db, clock, **limits)._spent(clock.at)


_CHILD = """
    import sys
    from decimal import Decimal
    from pathlib import Path
    sys.path.insert(0, str(Path(sys.argv[2]) / "memory"))
    from callwright.errors import BudgetExhausted
    from callwright.memory.database import open_desk_database
    from test_usage import HandClock, a_book, a_usage, reserve

    with open_desk_database(Path(sys.argv[1])) as db:
        book = a_book(db, HandClock(), month="1.0")
        print("ready", flush=True)
        {work}
"""


def a_child(path: Path, work: str) -> subprocess.Popen[str]:
    tests = str(Path(__file__).parents[1])
    code = textwrap.dedent(_CHILD).replace("{work}", work)
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path), tests],
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
