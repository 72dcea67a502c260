"""``callwright decisions why``: the recorded causes, and a model's words as its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from callwright.cli.decision_why import why_lines
from callwright.cli.tables import figure
from callwright.domain.history import DecisionDetail
from callwright.domain.record import CycleRecord
from long_histories import long_history

RECORDS = list(long_history(2_000, step=timedelta(minutes=30)))


def why(record: CycleRecord, **changes: Any) -> str:
    fields: dict[str, Any] = {"opened_by": None, "closed_by": None, "later": (),
                              "config_changes": {}}  # fmt: skip
    detail = DecisionDetail(id=7, run_id=None, record=record, **(fields | changes))
    return "\n".join(why_lines(detail))


def first(**wanted: Any) -> CycleRecord:
    def fits(record: CycleRecord) -> bool:
        seen = {
            "source": record.decision_source,
            "denied": record.risk_check.allowed is False,
            "action": record.final_action.action,
            "failed": record.failure is not None,
            "dry": record.execution.dry_run,
        }
        return all(seen[name] == value for name, value in wanted.items())

    return next(record for record in RECORDS if fits(record))


def test_a_denied_proposal_of_a_model() -> None:
    record = first(source="llm", denied=True)
    told = why(record)
    assert "the manager (gpt-4.1" in told
    assert "it was not done" in told
    assert "The risk engine denied it: " + str(record.risk_check.reasons[0]) in told
    assert f"The manager stated: “{record.proposed_action.reasoning}”" in told
    assert "The rules would have proposed" in told


def test_a_hold_of_the_rules_is_no_failure() -> None:
    told = why(first(source="rule_based", action="DO_NOTHING", denied=False, failed=False))
    assert "the rules proposed to do nothing" in told
    assert "guardrail" not in told


def test_a_failure_is_no_hold() -> None:
    record = first(failed=True, dry=False)
    told = why(record)
    assert "came to no decision" in told
    assert f"failed with {record.failure}: {record.failure_message}" in told


def test_a_dry_run_says_that_nothing_was_sent() -> None:
    assert "a dry run, so nothing was sent" in why(first(dry=True, action="OPEN_COVERED_CALL"))


@pytest.mark.parametrize("text", ["\x1b[2J", "a\rb", "\u202etxt", "\x07"])
def test_nothing_in_a_record_moves_the_cursor(text: str) -> None:
    record = first(source="llm", denied=True)
    said = record.proposed_action.model_copy(update={"reasoning": f"because {text}"})
    told = why(record.model_copy(update={"proposed_action": said}))
    assert text not in told
    assert "because" in told


def test_changed_settings_are_named() -> None:
    told = why(RECORDS[0], config_changes={"max_margin_used_pct": (40.0, 35.0)})
    assert "max_margin_used_pct from 40.0 to 35.0" in told


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3e-05, "0.00003"), (-3e-05, "-0.00003"), (0.0065, "0.0065"), (0.1, "0.1"), (10.0, "10"),
        (91_895.79, "91895.79"), (0.0, "0"), (float("nan"), "nan"), ("filled", "filled"),
        (None, "None"), (7, "7"),
    ],
)  # fmt: skip
def test_numbers_are_plain_digits(value: object, shown: str) -> None:
    assert figure(value) == shown
