"""Whether a model is asked in this cycle, and which: less and less as the budget runs low."""

from __future__ import annotations

from dataclasses import dataclass

from callwright.domain.failure import ModelFailure
from callwright.domain.limits import PolicySettings
from callwright.domain.scan import Scan
from callwright.ports import BudgetStage

CYCLES_PER_QUESTION = 4
"""While the budget is low the model is asked in every so-manieth cycle, and when care is due."""


@dataclass(frozen=True)
class Asking:
    """What to do in this cycle.

    Attributes:
        model: Who is asked; None: nobody.
        failure: Why nobody is.
        stop_new_risk: Why nothing new may be sold until a person resumes; empty otherwise.
    """

    model: str | None
    failure: ModelFailure | None = None
    message: str = ""
    stop_new_risk: str = ""


def how_to_ask(
    stage: BudgetStage,
    *,
    model: str,
    cheaper_model: str | None,
    cycles_since_asked: int,
    is_care_due: bool,
) -> Asking:
    """Return whether the model, a cheaper one or nobody is asked.

    Args:
        cycles_since_asked: Cycles since the last question, this one included.
        is_care_due: A short call may have to be closed or rolled.
    """
    if stage >= BudgetStage.CARE_ONLY:
        why = "the budget for models is spent; only care acts"
        is_over = stage >= BudgetStage.NO_NEW_RISK
        return Asking(
            None,
            ModelFailure.BUDGET_EXHAUSTED,
            why,
            stop_new_risk="the month's budget for models is spent" if is_over else "",
        )
    if (
        stage >= BudgetStage.FEWER_CYCLES
        and not is_care_due
        and cycles_since_asked < CYCLES_PER_QUESTION
    ):
        return Asking(
            None,
            ModelFailure.BUDGET_LOW,
            f"the budget for models is low: asked every {CYCLES_PER_QUESTION} cycles",
        )
    return Asking(cheaper_model or model if stage >= BudgetStage.CHEAPER_MODEL else model)


def is_care_due(scan: Scan, policy: PolicySettings) -> bool:
    """Return whether a short call has reached the delta, or the day, that asks for a decision."""
    return any(
        short.delta >= policy.roll_delta
        or (short.dte_days <= policy.roll_dte_days and short.delta >= policy.roll_dte_delta_min)
        for book in scan.books.values()
        for short in book.short_calls
    )
