"""What models cost in a run is counted whoever decided, and shadows apart from decisions."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from builders import NOW
from callwright.cli.report import summary_view
from callwright.domain.record import ActionRecord, CycleRecord
from callwright.domain.shadow import SHADOW
from callwright.journal import failed_record
from callwright.summary import RunSummary

OPEN = {
    "action": "OPEN_COVERED_CALL",
    "params": {"underlying": "BTC", "symbol": "BTC-9JAN26-99000-C"},
    "reasoning": "rich",
}
HOLD = {"action": "DO_NOTHING", "params": {}, "reasoning": "poor"}
USAGE = {
    "model": "m",
    "requests": 2,
    "input_tokens": 1_000,
    "cached_tokens": 600,
    "output_tokens": 50,
    "cost_usd": 0.25,
}


def a_record(llm: dict[str, Any] | None, *, rules: dict[str, Any] = HOLD) -> CycleRecord:
    """Return the record of a cycle that the rules decided."""
    base = failed_record(
        cycle_id="x",
        log_time=NOW,
        as_of=NOW,
        failure="NONE",
        message="",
        dry_run=True,
        config_snapshot={"min_ivrv": 1.05},
    )
    proposed = ActionRecord(**{**rules, "params": {**rules["params"], "size": 0.1}})
    return base.model_copy(
        update={
            "failure": None,
            "decision_source": "rule_based",
            "proposed_action": proposed,
            "llm": llm,
        }
    )


def a_shadow(proposal: dict[str, Any] | None, failure: str | None = None) -> dict[str, Any]:
    return {SHADOW: {"proposal": proposal, "failure": failure, "why": "not approved"}}


def told(summary: RunSummary) -> str:
    console = Console(width=400)
    with console.capture() as capture:
        console.print(*summary_view(summary))
    return capture.get()


def test_a_shadow_costs_what_asking_it_took() -> None:
    summary = RunSummary()
    summary.add(a_record(USAGE | a_shadow(OPEN), rules=OPEN))
    summary.add(a_record(USAGE | a_shadow(OPEN)))
    summary.add(a_record(USAGE | {"cost_usd": None} | a_shadow(None, "LLM_TIMEOUT")))
    assert summary.shadows.to_jsonable() == {
        "cycles": 3,
        "proposed": 2,
        "agreed": 1,
        "requests": 6,
        "input_tokens": 3_000,
        "cached_tokens": 1_800,
        "output_tokens": 150,
        "cost_usd": 0.5,
        "unpriced": 1,
    }
    assert summary.to_jsonable()["shadows"]["cost_usd"] == 0.5
    assert (
        "Shadow: a model asked in 3 cycles that the rules decided, 2 proposals, 1 as the rules'; "
        "6 requests, 3,000 input tokens (1,800 cached), 150 output tokens, 0.5000 USD and what 1 "
        "decisions of unknown price cost."
    ) in told(summary)


def test_a_shadow_decides_nothing() -> None:
    summary = RunSummary()
    summary.add(a_record(USAGE | a_shadow(OPEN)))
    assert (summary.models.cycles, summary.models.decided, summary.models.requests) == (0, 0, 0)
    assert summary.to_jsonable()["models"] is None
    assert "Model:" not in told(summary)


@pytest.mark.parametrize(
    "llm",
    [
        pytest.param(None, id="no-model"),
        pytest.param(USAGE, id="no-shadow"),
        pytest.param(USAGE | a_shadow(None, "LLM_NOT_RECORDED"), id="not-recorded"),
    ],
)
def test_without_a_shadow_nothing_is_told_of_one(llm: dict[str, Any] | None) -> None:
    summary = RunSummary()
    summary.add(a_record(llm))
    assert summary.to_jsonable()["shadows"] is None
    assert "Shadow:" not in told(summary)


def test_a_shadow_that_a_budget_left_unasked_cost_nothing() -> None:
    summary = RunSummary()
    summary.add(a_record(a_shadow(None, "LLM_BUDGET_EXHAUSTED")))
    shadows = summary.shadows
    assert (shadows.cycles, shadows.requests, shadows.cost_usd, shadows.unpriced) == (1, 0, None, 0)
