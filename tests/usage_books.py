"""Books of what models cost, on a clock set by hand and prices that can be reckoned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from callwright.domain.pricing import ModelPrice
from callwright.memory.budgets import Budgets
from callwright.memory.database import DeskDatabase
from callwright.memory.usage import SqliteUsageBook, spent_by_day
from callwright.ports import RequestUsage, UsageBook

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
