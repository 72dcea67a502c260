"""Who is asked at each stage of the budget."""

from __future__ import annotations

import pytest

from builders import a_scan, a_short_call, policy_settings
from callwright.agents.asking import CYCLES_PER_QUESTION, how_to_ask, is_care_due
from callwright.domain.failure import ModelFailure
from callwright.ports import BudgetStage


@pytest.mark.parametrize("since", [1, CYCLES_PER_QUESTION - 1, CYCLES_PER_QUESTION])
@pytest.mark.parametrize("care", [False, True])
@pytest.mark.parametrize("cheaper", [None, "small"])
@pytest.mark.parametrize("stage", BudgetStage)
def test_each_stage_asks_less(
    stage: BudgetStage, cheaper: str | None, care: bool, since: int
) -> None:
    asking = how_to_ask(
        stage, model="big", cheaper_model=cheaper, cycles_since_asked=since, is_care_due=care
    )
    if stage >= BudgetStage.CARE_ONLY:
        assert (asking.model, asking.failure) == (None, ModelFailure.BUDGET_EXHAUSTED)
    elif stage is BudgetStage.FEWER_CYCLES and not care and since < CYCLES_PER_QUESTION:
        assert (asking.model, asking.failure) == (None, ModelFailure.BUDGET_LOW)
    else:
        expected = "big" if stage is BudgetStage.FULL else cheaper or "big"
        assert (asking.model, asking.failure) == (expected, None)
    assert bool(asking.message) == (asking.failure is not None)
    assert bool(asking.stop_new_risk) == (stage is BudgetStage.NO_NEW_RISK)


@pytest.mark.parametrize(
    ("delta", "dte_days", "due"),
    [
        pytest.param(0.22, 4.0, False, id="quiet"),
        pytest.param(0.50, 4.0, True, id="at-the-roll-delta"),
        pytest.param(0.49, 4.0, False, id="just-under-it"),
        pytest.param(0.30, 1.0, True, id="last-day-near-the-money"),
        pytest.param(0.29, 1.0, False, id="last-day-far-from-it"),
        pytest.param(0.30, 1.1, False, id="not-yet-the-last-day"),
    ],
)
def test_care_is_due_by_delta_and_on_the_last_day(delta: float, dte_days: float, due: bool) -> None:
    scan = a_scan(shorts=[a_short_call(delta=delta, dte_days=dte_days)])
    assert is_care_due(scan, policy_settings()) is due


def test_no_short_call_needs_no_care() -> None:
    assert not is_care_due(a_scan(), policy_settings())
