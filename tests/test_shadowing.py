"""Whose answer stands when a model may not decide, and what is kept of the other one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from callwright.domain.decision import DoNothing, OpenCoveredCall, OpenParams
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.shadow import SHADOW
from callwright.domain.snapshot import Snapshot
from callwright.errors import DecisionInvalid, StorageError
from callwright.ports import BrainAnswer
from callwright.shadowing import ShadowedBrain
from desks import ScriptedBrain, desk_settings, run_desk, violations
from proposals import open_nth

USAGE = {"model": "m-1", "requests": 2, "cost_usd": 0.01}
OPEN = OpenCoveredCall(
    params=OpenParams(underlying="BTC", symbol="BTC-9JAN26-99000-C"), reasoning="rich"
)
WHY = "nobody approved it"


class Model:
    """Answers with the same again, or raises it."""

    source: DecisionSource = "llm"

    def __init__(self, answer: BrainAnswer | Exception) -> None:
        self._answer = answer

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def proposed() -> BrainAnswer:
    return BrainAnswer(proposal=OPEN, source="llm", llm=USAGE)


def refused(stop_new_risk: str = "") -> BrainAnswer:
    return BrainAnswer(
        proposal=DoNothing(),
        source="llm",
        failure="LLM_REFUSED",
        failure_message="it would not",
        stop_new_risk=stop_new_risk,
    )


def decided(home: Path, answer: BrainAnswer | Exception, why: str | None) -> CycleRecord:
    """Run one cycle on a desk whose rules sell the first candidate of BTC."""
    brain = ShadowedBrain(Model(answer), ScriptedBrain([open_nth(0, "BTC")]), lambda seen: why)
    settings = desk_settings(home)
    _, records = run_desk(settings, 1, brain=brain)
    assert violations(settings) == ()
    return records[0]


def test_the_models_answer_stands_without_a_reason_against_it(tmp_path: Path) -> None:
    record = decided(tmp_path, refused(), None)
    assert (record.decision_source, record.failure) == ("llm", "LLM_REFUSED")
    assert record.llm is None


def test_the_rules_decide_and_the_models_proposal_is_kept_as_a_shadow(tmp_path: Path) -> None:
    record = decided(tmp_path, proposed(), WHY)
    assert (record.decision_source, record.failure) == ("rule_based", None)
    assert record.final_action.action == "OPEN_COVERED_CALL"
    # The cycle's order is of the rules' choice, not of what the model named.
    assert [order.symbol for order in record.execution.orders] == [
        record.proposed_action.params["symbol"]
    ]
    assert record.proposed_action.params["symbol"] != OPEN.params.symbol
    assert record.llm is not None
    assert record.llm[SHADOW] == {
        "proposal": {
            "action": "OPEN_COVERED_CALL",
            "params": {"underlying": "BTC", "symbol": OPEN.params.symbol},
            "reasoning": "rich",
        },
        "failure": None,
        "failure_message": "",
        "why": WHY,
    }
    assert {name: record.llm[name] for name in USAGE} == USAGE
    # No second opinion: the rules themselves decided.
    assert record.baseline_action is None


def test_a_model_that_fails_in_the_shadow_does_not_fail_the_cycle(tmp_path: Path) -> None:
    record = decided(tmp_path, refused(), WHY)
    assert (record.failure, record.final_action.action) == (None, "OPEN_COVERED_CALL")
    assert record.llm == {
        SHADOW: {
            "proposal": None,
            "failure": "LLM_REFUSED",
            "failure_message": "it would not",
            "why": WHY,
        }
    }


@pytest.mark.parametrize(
    ("error", "failure"),
    [(ValueError("sk-secret"), "INTERNAL_ERROR"), (DecisionInvalid("x"), "DECISION_INVALID")],
)
def test_a_model_that_raises_in_the_shadow_does_not_fail_the_cycle(
    tmp_path: Path, error: Exception, failure: str
) -> None:
    record = decided(tmp_path, error, WHY)
    assert (record.failure, record.final_action.action) == (None, "OPEN_COVERED_CALL")
    assert record.llm is not None
    assert record.llm[SHADOW]["failure"] == failure
    assert record.llm[SHADOW]["failure_message"] == type(error).__name__


def test_what_cannot_be_booked_raises_also_in_the_shadow(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="disk is full"):
        decided(tmp_path, StorageError("disk is full"), WHY)


def test_a_model_that_raises_and_was_to_decide_still_raises() -> None:
    brain = ShadowedBrain(Model(ValueError("bug")), ScriptedBrain([]), lambda seen: None)
    with pytest.raises(ValueError, match="bug"):
        asyncio.run(brain.decide(None, None))  # type: ignore[arg-type]


def test_the_reason_is_asked_with_the_answer_itself(tmp_path: Path) -> None:
    seen: list[BrainAnswer] = []

    def instead(answer: BrainAnswer) -> str | None:
        seen.append(answer)
        return WHY

    answer = refused()
    brain = ShadowedBrain(Model(answer), ScriptedBrain([]), instead)
    run_desk(desk_settings(tmp_path), 1, brain=brain)
    assert seen == [answer]


def test_a_budget_that_stops_new_risk_stops_it_whoever_decides(tmp_path: Path) -> None:
    brain = ShadowedBrain(
        Model(refused(stop_new_risk="the month's budget is spent")),
        ScriptedBrain([open_nth(0, "BTC")]),
        lambda seen: WHY,
    )
    _, records = run_desk(desk_settings(tmp_path), 1, brain=brain)
    assert [order.message for order in records[0].execution.orders] == [
        "NOT_SENT TRADING_STATE_REDUCING"
    ]
