"""The cycle record's keys are a contract; a line reads back as what it was."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import ValidationError

from builders import NOW
from callwright.domain.record import CycleRecord, OrderUpdate, VerdictRecord
from callwright.domain.verdict import Reason
from callwright.journal import cycle_id_of, failed_record


def a_failed_record() -> CycleRecord:
    return failed_record(
        cycle_id=cycle_id_of("test", NOW),
        log_time=NOW + timedelta(seconds=1),
        as_of=NOW,
        failure="VENUE_UNAVAILABLE",
        message="refused",
        dry_run=True,
        config_snapshot={"mode": "research"},
    )


def test_the_fixed_keys_stand_in_order() -> None:
    data = json.loads(a_failed_record().to_line())
    assert list(data) == [
        "schema", "log_timestamp", "cycle_id", "state", "proposed_action", "baseline_action",
        "guardrail", "risk_check", "clamps", "final_action", "execution", "order_updates",
        "config_snapshot", "decision_source", "failure", "failure_message", "llm",
    ]  # fmt: skip
    assert set(data["state"]) >= {
        "as_of", "spot", "portfolio", "vol", "candidates_count", "candidates", "funnel",
    }  # fmt: skip
    assert set(data["execution"]) >= {"status", "dry_run", "orders", "message"}
    assert set(data["proposed_action"]) == {"action", "params", "reasoning"}


def test_a_failure_is_not_a_chosen_hold() -> None:
    data = json.loads(a_failed_record().to_line())
    assert data["failure"] == "VENUE_UNAVAILABLE"
    assert data["final_action"]["action"] == "DO_NOTHING"
    assert data["state"]["portfolio"] is None
    assert data["state"]["spot"] == {}


def test_a_line_reads_back() -> None:
    record = a_failed_record()
    assert CycleRecord.from_line(record.to_line()) == record
    assert "\n" not in record.to_line()


def test_nan_never_reaches_a_line() -> None:
    record = a_failed_record()
    broken = record.model_copy(update={"config_snapshot": {"x": math.nan}})
    with pytest.raises(ValueError, match="JSON"):
        broken.to_line()


def test_an_unknown_key_is_refused() -> None:
    data = json.loads(a_failed_record().to_line()) | {"extra": 1}
    with pytest.raises(ValidationError, match="extra"):
        CycleRecord.from_line(json.dumps(data))


def test_the_cycle_id_names_account_and_market_time() -> None:
    assert cycle_id_of("paper", NOW) == "paper-20260105T083000.000Z"


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_no_number_that_is_not_finite_reaches_a_line_however_deep(number: float) -> None:
    record = a_failed_record()
    update = OrderUpdate(kind="fill", cycle_id=None, symbol="X", facts={"price": [number]})
    with pytest.raises(ValueError, match="JSON"):
        record.model_copy(update={"order_updates": (update,)}).to_line()


def test_a_line_is_what_the_models_themselves_would_write() -> None:
    record = a_failed_record().model_copy(
        update={
            "guardrail": VerdictRecord(allowed=False, reasons=(Reason(code="X", facts={"a": 1}),)),
            "llm": {"cost_usd": Decimal("0.10"), "at": NOW, "words": "naïve", "none": None},
        }
    )
    expected = record.model_dump(mode="json", by_alias=True)
    assert json.loads(record.to_line()) == expected
    assert list(json.loads(record.to_line())) == list(expected)


def test_a_sentence_may_say_nan_or_infinity() -> None:
    record = a_failed_record().model_copy(update={"failure_message": "rv is NaN, not Infinity"})
    assert CycleRecord.from_line(record.to_line()) == record
