"""Totals of what models were asked and cost, read from a running desk's database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from callwright.domain.pricing import usd_text
from callwright.memory.budgets import (
    Budgets,
    budget_stage,
    day_start,
    month_start,
    next_day,
    next_month,
)
from callwright.memory.database import DeskDatabase
from callwright.memory.rows import time_text
from callwright.memory.usage import stored_usd

_TOKENS = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")


@dataclass
class UsageTotals:
    """Requests of one day to one model.

    Attributes:
        day: UTC.
        open: Reserved and not settled: under way, or of a process that died.
        unpriced: Settled ones whose cost is not known.
        input_tokens, cached_tokens, output_tokens, reasoning_tokens: Sums of the known numbers,
            None when none is known.
        without_tokens: Settled ones whose input or output is not known.
        cost_usd: Sum of the known costs, None when none is known.
        reserved_usd: What open and unpriced ones count as spent, beside ``cost_usd``.
    """

    day: str
    model: str
    requests: int = 0
    open: int = 0
    unpriced: int = 0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    without_tokens: int = 0
    cost_usd: Decimal | None = None
    reserved_usd: Decimal = Decimal(0)

    def to_jsonable(self) -> dict[str, Any]:
        """Return the totals as JSON values; money is exact text."""
        return {key: _jsonable(value) for key, value in self.__dict__.items()}


def usage_totals(database: DeskDatabase, *, since: datetime) -> tuple[UsageTotals, ...]:
    """Return totals by UTC day and model from ``since`` on, oldest day first.

    Raises:
        StorageError: They cannot be read, or a row is not one that we wrote.
    """
    found: dict[tuple[str, str], UsageTotals] = {}
    for day, model, state, cost, reserved, *tokens in database.rows(
        f"SELECT day, model, state, cost_usd, reserved_usd, {', '.join(_TOKENS)}"
        " FROM llm_requests WHERE at >= ? ORDER BY day, model, id",
        (time_text(since),),
    ):
        totals = found.setdefault((day, model), UsageTotals(day, model))
        totals.requests += 1
        for name, count in zip(_TOKENS, tokens, strict=True):
            setattr(totals, name, _sum(getattr(totals, name), count))
        if cost is not None:
            totals.cost_usd = (totals.cost_usd or Decimal(0)) + stored_usd(database, cost)
        elif reserved is not None:
            totals.reserved_usd += stored_usd(database, reserved)
        if state == "reserved":
            totals.open += 1
        else:
            totals.unpriced += cost is None
            totals.without_tokens += tokens[0] is None or tokens[2] is None
    return tuple(found.values())


def unpriced_models(database: DeskDatabase, *, since: datetime) -> tuple[str, ...]:
    """Return the names under which requests without a known cost were answered."""
    rows = database.rows(
        "SELECT DISTINCT coalesce(served_model, model) FROM llm_requests"
        " WHERE at >= ? AND state = 'settled' AND cost_usd IS NULL ORDER BY 1",
        (time_text(since),),
    )
    return tuple(str(row[0]) for row in rows)


def budget_report(database: DeskDatabase, budgets: Budgets, *, at: datetime) -> dict[str, Any]:
    """Return what day and month cost, what the budgets leave, and the stage, as JSON values.

    ``cost_usd`` is what is known; ``reserved_usd`` is what counts as spent beside it. Whatever lies
    after ``at`` counts too, as it does for ``UsageBook``.

    Raises:
        StorageError: They cannot be read.
    """
    month, today = _month_and_day(database, at)
    return {
        "stage": _stage(month, today, budgets),
        "day": _period(today, budgets.day_usd, next_day(at)),
        "month": _period(month, budgets.month_usd, next_month(at)),
        "cycle_budget_usd": _jsonable(budgets.cycle_usd),
    }


def usage_summary(database: DeskDatabase, budgets: Budgets, *, at: datetime) -> dict[str, Any]:
    """Return the stage, and the counted cost of today and of this month, as JSON numbers.

    Counted is what budgets see: known costs, and reservations where the cost is not known.

    Raises:
        StorageError: They cannot be read.
    """
    month, today = _month_and_day(database, at)
    return {
        "stage": _stage(month, today, budgets),
        "today_usd": _known_usd(today),
        "month_usd": _known_usd(month),
        "unpriced_this_month": sum(t.unpriced for t in month),
    }


def _month_and_day(
    database: DeskDatabase, at: datetime
) -> tuple[Sequence[UsageTotals], Sequence[UsageTotals]]:
    month = usage_totals(database, since=month_start(at))
    return month, _of_day(month, at)


def _stage(month: Sequence[UsageTotals], today: Sequence[UsageTotals], budgets: Budgets) -> str:
    return budget_stage(
        spent_day_usd=_counted(today), spent_month_usd=_counted(month), budgets=budgets
    ).name


def _known_usd(totals: Sequence[UsageTotals]) -> float | None:
    """Return what counts as spent; None when nothing does because no price is known."""
    spent_usd = _counted(totals)
    if not spent_usd and any(t.unpriced for t in totals):
        return None
    return float(spent_usd)


def since_days(at: datetime, days: int) -> datetime:
    """Return 00:00 UTC of the first of the last ``days`` days, the day of ``at`` among them."""
    try:
        return day_start(at) - timedelta(days=days - 1)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _of_day(totals: Sequence[UsageTotals], at: datetime) -> list[UsageTotals]:
    day = time_text(day_start(at))[:10]
    return [row for row in totals if row.day >= day]


def _period(totals: Sequence[UsageTotals], budget_usd: Decimal, renews: datetime) -> dict[str, Any]:
    left_usd = max(budget_usd - _counted(totals), Decimal(0))
    return {
        "requests": sum(t.requests for t in totals),
        "unpriced": sum(t.unpriced for t in totals),
        "open": sum(t.open for t in totals),
        "cost_usd": _jsonable(_known(t.cost_usd for t in totals)),
        "reserved_usd": _jsonable(sum((t.reserved_usd for t in totals), Decimal(0))),
        "budget_usd": _jsonable(budget_usd),
        "left_usd": _jsonable(left_usd),
        "renews_at": f"{renews:%Y-%m-%dT%H:%M:%SZ}",
    }


def _counted(totals: Iterable[UsageTotals]) -> Decimal:
    return sum(((t.cost_usd or Decimal(0)) + t.reserved_usd for t in totals), Decimal(0))


def _known(amounts: Iterable[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known else None


def _sum(one: int | None, other: int | None) -> int | None:
    return one if other is None else (one or 0) + other


def _jsonable(value: Any) -> Any:
    return usd_text(value) if isinstance(value, Decimal) else value
