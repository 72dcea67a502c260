"""The book of what models cost: reserved before, settled after, never more than the budgets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from callwright.errors import BudgetExhausted, StorageError
from callwright.memory.budgets import next_day, next_month
from callwright.memory.database import DeskDatabase
from callwright.memory.usage_report import usage_summary, usage_totals
from callwright.ports import BudgetStage
from usage_books import (
    COST,
    MODEL,
    MOST,
    NOON,
    HandClock,
    a_book,
    a_usage,
    reserve,
    some_budgets,
    spent,
)


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
