"""What a request costs when something of it is unknown: a price, a count, who answered."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from callwright.errors import BudgetExhausted
from callwright.memory.database import DeskDatabase
from callwright.memory.usage import SqliteUsageBook
from callwright.memory.usage_report import usage_totals
from callwright.ports import BudgetStage
from usage_books import (
    COST,
    MOST,
    NOON,
    PRICE,
    a_book,
    a_usage,
    price_of,
    reserve,
    some_budgets,
    spent,
)


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
