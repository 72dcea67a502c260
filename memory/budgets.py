"""What models may cost, and what a desk does as that runs low. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from callwright.ports import BudgetStage

SPENT_FRAC = Decimal("0.90")
"""What is left above this fraction is for questions of people."""

STAGE_FROM: tuple[tuple[Decimal, BudgetStage], ...] = (
    (SPENT_FRAC, BudgetStage.CARE_ONLY),
    (Decimal("0.75"), BudgetStage.FEWER_CYCLES),
    (Decimal("0.50"), BudgetStage.CHEAPER_MODEL),
)
"""From which fraction of the day's or the month's budget on a stage holds, latest first."""


@dataclass(frozen=True)
class Budgets:
    """The most that models may cost, in USD; 0 means never to ask one."""

    cycle_usd: Decimal
    day_usd: Decimal
    month_usd: Decimal

    @property
    def is_never(self) -> bool:
        """Whether one of them is 0: then nothing is asked at any price."""
        return not all(limit > 0 for limit in (self.cycle_usd, self.day_usd, self.month_usd))


def budget_stage(
    *, spent_day_usd: Decimal, spent_month_usd: Decimal, budgets: Budgets
) -> BudgetStage:
    """Return what the fuller of the day's and the month's budget still allows.

    FULL below 50%, CHEAPER_MODEL below 75%, FEWER_CYCLES below 90%. From there on CARE_ONLY for
    the rest of a day; for the rest of a month NO_NEW_RISK, since nobody would look after new calls
    with a model for so long. A budget of 0 is a choice and not a shortage: it means CARE_ONLY.
    """
    if budgets.is_never:
        return BudgetStage.CARE_ONLY
    if spent_month_usd >= SPENT_FRAC * budgets.month_usd:
        return BudgetStage.NO_NEW_RISK
    for frac, stage in STAGE_FROM:
        if spent_day_usd >= frac * budgets.day_usd or spent_month_usd >= frac * budgets.month_usd:
            return stage
    return BudgetStage.FULL


def day_start(at: datetime) -> datetime:
    """Return 00:00 UTC of the day of ``at``: when the day's budget was new."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month_start(at: datetime) -> datetime:
    """Return 00:00 UTC of the first of the month of ``at``: when the month's budget was new."""
    return day_start(at).replace(day=1)


def next_day(at: datetime) -> datetime:
    """Return when the day's budget renews."""
    return day_start(at) + timedelta(days=1)


def next_month(at: datetime) -> datetime:
    """Return when the month's budget renews."""
    # Every month's 28th is followed by the next month within four days.
    return month_start(month_start(at).replace(day=28) + timedelta(days=4))
