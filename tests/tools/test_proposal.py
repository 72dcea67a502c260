"""``propose_action``: the schema that a model sees, and what its arguments must be."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from agents.strict_schema import ensure_strict_json_schema

from builders import CALL_9JAN_105, a_candidate, a_scan, a_short_call
from callwright.domain.decision import Action, DoNothing
from callwright.errors import DecisionInvalid
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN
from callwright.tools.proposal import CANNOT_DECIDE, answer_refused, proposal_schema, read_proposal

OTHER = "BTC-16JAN26-108000-C"
SCAN = a_scan(candidates=[a_candidate(OTHER)], shorts=[a_short_call(CALL_9JAN_105)])


def said(action: str, **params: str) -> str:
    return json.dumps({"action": action, "params": params, "reasoning": "because"})


def test_the_schema_is_strict_as_it_stands() -> None:
    schema = proposal_schema()
    assert ensure_strict_json_schema(copy.deepcopy(schema)) == schema
    assert schema["type"] == "object"
    assert "anyOf" not in schema


def test_the_schema_uses_only_what_strict_mode_knows() -> None:
    known = {"type", "properties", "required", "additionalProperties", "enum", "anyOf"}

    def check(schema: dict[str, Any]) -> None:
        assert set(schema) <= known
        if schema["type"] == "object" if "type" in schema else False:
            assert schema["additionalProperties"] is False
            assert schema["required"] == list(schema["properties"])
        for part in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
            check(part)

    check(proposal_schema())


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("DO_NOTHING", {}),
        ("OPEN_COVERED_CALL", {"underlying": "BTC", "symbol": OTHER}),
        (
            "ROLL_COVERED_CALL",
            {"underlying": "BTC", "from_symbol": CALL_9JAN_105, "symbol": OTHER},
        ),
        ("CLOSE_COVERED_CALL", {"underlying": "BTC", "symbol": CALL_9JAN_105}),
    ],
)
def test_every_action_can_be_proposed(action: str, params: dict[str, str]) -> None:
    proposal = read_proposal(said(action, **params), SCAN)
    assert proposal.action == action
    assert proposal.params.model_dump() == params


def test_there_are_no_other_actions_and_one_way_to_say_that_there_is_none() -> None:
    assert proposal_schema()["properties"]["action"]["enum"] == [*Action, CANNOT_DECIDE]
    assert CANNOT_DECIDE not in list(Action)
    assert proposal_schema(can_refuse=False)["properties"]["action"]["enum"] == list(Action)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (said("OPEN_COVERED_CALL", underlying="BTC", symbol=CALL_9JAN_105), "params.symbol"),
        (said("CLOSE_COVERED_CALL", underlying="BTC", symbol=OTHER), "params.symbol"),
        (
            said("ROLL_COVERED_CALL", underlying="BTC", from_symbol=OTHER, symbol=OTHER),
            "params.from_symbol",
        ),
        (said("OPEN_COVERED_CALL", underlying="BTC"), "symbol"),
        (said("DO_NOTHING", size="1"), "size"),
        (said("BUY_THE_DIP"), "action"),
        ("[]", "proposal"),
        ("null", "proposal"),
        ("{", "JSON"),
        ('{"action": "DO_NOTHING", "params": {}, "reasoning": "", "reasoning": "x"}', "twice"),
        ('{"action": "DO_NOTHING", "params": {"n": -Infinity}}', "Infinity"),
        ('{"action": "DO_NOTHING", "params": {"n": -1e999}}', "finite"),
        ("1" * 5000, "JSON"),
        ('{"action":' * 100_000, "JSON"),
    ],
)
def test_what_does_not_fit_names_the_field(text: str, field: str) -> None:
    with pytest.raises(DecisionInvalid) as caught:
        read_proposal(text, SCAN)
    shown = answer_refused(caught.value)
    assert shown.startswith(FENCE_OPEN)
    assert shown.endswith(FENCE_CLOSE)
    answer = json.loads(shown[len(FENCE_OPEN) : -len(FENCE_CLOSE)])
    assert answer["accepted"] is False
    assert field in " ".join(answer["errors"])
    assert len(json.dumps(answer)) < 1200


def test_reasoning_may_be_left_out() -> None:
    assert read_proposal('{"action": "DO_NOTHING", "params": {}}', SCAN) == DoNothing()
