"""How far a budget is used: the stages, and that no sequence spends more than it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callwright.errors import BudgetExhausted
from callwright.memory.budgets import Budgets, budget_stage
from callwright.memory.database import open_desk_database
from callwright.memory.usage import spent_by_day
from callwright.ports import BudgetStage
from usage_books import MODEL, PRICE, HandClock, a_book, a_usage, some_budgets


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
