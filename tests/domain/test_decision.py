"""The decision contract: exact fields, no size from a proposer, discriminated by action."""

from __future__ import annotations

import json
from typing import Any

import pytest

from callwright.domain.decision import (
    Action,
    CloseCoveredCall,
    DoNothing,
    OpenCoveredCall,
    RollCoveredCall,
    parse_proposal,
)
from callwright.errors import DecisionInvalid

OPEN = {
    "action": "OPEN_COVERED_CALL",
    "params": {"underlying": "BTC", "symbol": "BTC-19DEC25-97000-C"},
    "reasoning": "IVRV 1.2",
}


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"action": "DO_NOTHING", "params": {}, "reasoning": ""}, DoNothing),
        (OPEN, OpenCoveredCall),
        (
            {
                "action": "ROLL_COVERED_CALL",
                "params": {"underlying": "BTC", "from_symbol": "A", "symbol": "B"},
                "reasoning": "",
            },
            RollCoveredCall,
        ),
        (
            {
                "action": "CLOSE_COVERED_CALL",
                "params": {"underlying": "BTC", "symbol": "B"},
                "reasoning": "",
            },
            CloseCoveredCall,
        ),
    ],
)
def test_each_action_parses_to_its_own_model(data: dict[str, Any], kind: type) -> None:
    proposal = parse_proposal(data)
    assert isinstance(proposal, kind)
    assert proposal.model_dump() == data
    assert parse_proposal(json.dumps(data)) == proposal


def test_the_contract_knows_exactly_these_actions() -> None:
    assert [action.value for action in Action] == [
        "DO_NOTHING",
        "OPEN_COVERED_CALL",
        "ROLL_COVERED_CALL",
        "CLOSE_COVERED_CALL",
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"action": "BUY"}, id="unknown-action"),
        pytest.param({"params": OPEN["params"] | {"size": 0.1}}, id="a-size"),  # type: ignore[operator]
        pytest.param({"size": 0.1}, id="a-size-on-top"),
        pytest.param({"params": {"underlying": "BTC"}}, id="a-missing-field"),
        pytest.param({"params": {"underlying": "BTC", "symbol": 97000}}, id="a-wrong-type"),
        pytest.param({"params": {"underlying": "BTC", "symbol": ""}}, id="an-empty-name"),
        pytest.param({"params": None}, id="no-params"),
        pytest.param({"reasoning": "x" * 4001}, id="too-long-a-reasoning"),
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DecisionInvalid):
        parse_proposal(OPEN | change)


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"action": NaN}', "\x00"])
def test_text_that_is_not_a_proposal_is_refused(text: str) -> None:
    with pytest.raises(DecisionInvalid):
        parse_proposal(text)
