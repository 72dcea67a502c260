"""What a record says of the gate, read from anybody's file, and told once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from callwright.cli.shadow_lines import GateTeller, shadow_line
from callwright.domain.record import CycleRecord
from callwright.domain.shadow import (
    GATE,
    SHADOW,
    gated_shadow_of,
    objection_of,
    shadow_of,
    was_asked,
)
from callwright.memory.facets import facets_of
from callwright.status import read_status
from callwright.tools.memory_views import decision_view
from desks import desk_settings, run_desk
from gated_desks import gated_settings, run_gated
from llm_servers import llm_server, well_behaved

OPEN = {"action": "OPEN_COVERED_CALL", "params": {"symbol": "BTC-9JAN26-99000-C"}}
A_SHADOW = {"proposal": OPEN, "failure": None, "failure_message": "", "why": "not approved"}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> CycleRecord:
    _, records = run_desk(desk_settings(tmp_path_factory.mktemp("desk")), 1)
    return records[0]


def with_llm(record: CycleRecord, llm: Mapping[str, Any] | None) -> CycleRecord:
    return record.model_copy(update={"llm": llm})


@pytest.mark.parametrize(
    "llm",
    [
        None,
        {},
        {"model": "m"},
        {SHADOW: None},
        {SHADOW: "text"},
        {SHADOW: {}},
        {SHADOW: {"proposal": "text"}},
        {SHADOW: {"proposal": {"action": 3, "params": []}, "why": 7, "failure": []}},
        {SHADOW: {"proposal": {"action": "X", "params": "text"}}},
        {GATE: "text"},
        {GATE: {"why": 3}},
    ],
)
def test_a_record_of_anybody_can_be_read(llm: Any, record: CycleRecord) -> None:
    shadow = shadow_of(llm)
    assert shadow is None or isinstance(shadow.why, str)
    assert objection_of(llm) == ""
    assert isinstance(shadow_line(with_llm(record, llm)), str)


def test_an_alarm_is_told_once_and_not_what_was_said_at_the_start(record: CycleRecord) -> None:
    teller = GateTeller()
    teller.hear("m as 0a is not approved: nothing is; the rules decide.")

    def lines(why: str) -> list[str]:
        return teller.lines(with_llm(record, {"model": "m", GATE: {"why": why}}))

    assert lines("m as 0a is not approved: nothing is") == []
    assert lines("") == []
    assert lines("the provider names the model n\x1b[2J") == [
        "ALARM: the provider names the model n[2J."
    ]
    assert lines("the provider names the model n\x1b[2J") == []
    assert teller.lines(with_llm(record, None)) == []


def test_a_shadow_is_told_in_each_cycle(record: CycleRecord) -> None:
    told = with_llm(record, {"model": "m", SHADOW: A_SHADOW})
    teller = GateTeller()
    for _ in range(2):
        assert teller.lines(told) == ["SHADOW  m: OPEN_COVERED_CALL symbol BTC-9JAN26-99000-C"]
    failed = {**A_SHADOW, "proposal": None, "failure": "LLM_TIMEOUT"}
    assert shadow_line(with_llm(record, {SHADOW: failed})) == (
        "SHADOW  the model: came to no decision: LLM_TIMEOUT"
    )


def test_a_reply_that_was_not_recorded_is_no_shadow_of_the_gate() -> None:
    llm = {SHADOW: {**A_SHADOW, "proposal": None, "failure": "LLM_NOT_RECORDED"}}
    assert shadow_of(llm) is not None
    assert gated_shadow_of(llm) is None


def test_a_model_that_a_budget_left_unasked_cost_nothing(record: CycleRecord) -> None:
    for llm, is_unknown in (
        ({SHADOW: A_SHADOW, GATE: {"approved": False}}, 0),
        ({"model": "m", "cost_usd": None, SHADOW: A_SHADOW}, 1),
        (None, 0),
    ):
        told = with_llm(record, llm)
        assert facets_of(told).is_cost_unknown == is_unknown
        assert was_asked(llm) == bool(is_unknown)
    detail: dict[str, Any] = {
        "id": 1,
        "record": with_llm(record, {SHADOW: A_SHADOW}).model_dump(mode="json"),
        **dict.fromkeys(("opened_by", "closed_by")),
        "later": [],
        "config_changes": {},
    }
    view = decision_view(detail)
    assert "llm" not in view
    assert view["shadow"] == {
        "action": "OPEN_COVERED_CALL",
        "symbol": "BTC-9JAN26-99000-C",
        "rules_decided_because": "not approved",
    }


def test_status_says_that_the_rules_decide(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        run_gated(settings)
    status = read_status(settings)
    assert (status["brain"], status["model"]) == ("rules", "scripted")
    assert any("only shadows the rules: scripted as " in note for note in status["notes"])
