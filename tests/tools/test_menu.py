"""A menu in texts: what is shown, what may be answered, and what an answer means."""

from __future__ import annotations

import json

import pytest

from builders import CALL_9JAN_105, a_candidate, a_scan, a_short_call, a_snapshot, dec
from callwright.agents.answers import require_decided
from callwright.agents.failures import ModelFailed
from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    DoNothing,
    OpenCoveredCall,
    OpenParams,
    RollCoveredCall,
    RollParams,
)
from callwright.domain.menu import Menu
from callwright.errors import DecisionInvalid
from callwright.tools.menu import FIELDS, HOLD, Choices, choice_schema, choices_of, read_choice
from callwright.tools.proposal import CANNOT_DECIDE

FAR = "BTC-16JAN26-108000-C"
OTHER = "BTC-16JAN26-112000-C"
SALE = OpenCoveredCall(params=OpenParams(underlying="BTC", symbol=FAR))
ROLL = RollCoveredCall(params=RollParams(underlying="BTC", from_symbol=CALL_9JAN_105, symbol=FAR))
CLOSE = CloseCoveredCall(params=CloseParams(underlying="BTC", symbol=CALL_9JAN_105))
SCAN = a_scan(
    candidates=[a_candidate(FAR)],
    shorts=[a_short_call(CALL_9JAN_105, delta=0.61, ask_coin=dec("0.004")), a_short_call(OTHER)],
)
FULL = Menu(in_danger=(CALL_9JAN_105,), rolls=(ROLL,), closes=(CLOSE,), sales=(SALE,), harvests=())
OPTIONS = {
    f"ROLL {CALL_9JAN_105} to {FAR}": ROLL,
    f"CLOSE {CALL_9JAN_105}": CLOSE,
    f"OPEN {FAR}": SALE,
    HOLD: DoNothing(),
}


@pytest.fixture
def choices() -> Choices:
    return choices_of(FULL, a_snapshot(), SCAN)


def said(option: object, reasoning: object = "because", **more: object) -> str:
    return json.dumps({"option": option, "reasoning": reasoning, **more})


def test_every_proposal_is_an_option_and_holding_comes_last(choices: Choices) -> None:
    assert dict(choices.proposals) == OPTIONS
    assert [*choices.proposals][-1] == HOLD


def test_groups_without_an_option_are_not_shown(choices: Choices) -> None:
    assert set(choices.view) == {
        "short_calls_in_danger", "other_short_calls", "roll", "close", "open", "hold",
    }  # fmt: skip
    assert set(choices_of(Menu(), a_snapshot(), SCAN).view) == {
        "short_calls_in_danger", "other_short_calls", "hold",
    }  # fmt: skip


def test_short_calls_stand_where_they_belong(choices: Choices) -> None:
    assert [*choices.view["short_calls_in_danger"]] == [CALL_9JAN_105]
    assert choices.view["short_calls_in_danger"][CALL_9JAN_105].startswith("delta 0.61, ")
    assert [*choices.view["other_short_calls"]] == [OTHER]


def test_an_option_carries_the_numbers_that_speak_for_it(choices: Choices) -> None:
    candidate = a_candidate(FAR)
    (roll,) = choices.view["roll"].values()
    # 0.0095 less its fee, less the offer of 0.004 and the fee on it.
    assert roll.startswith("net credit 0.00")
    (sale,) = choices.view["open"].values()
    assert f"bid {candidate.bid_coin}" in sale
    assert f"delta {candidate.delta}" in sale


def test_what_is_not_known_is_called_so() -> None:
    scan = a_scan(shorts=[a_short_call(CALL_9JAN_105, captured_frac=None)])
    (told,) = choices_of(Menu(), a_snapshot(), scan).view["other_short_calls"].values()
    assert told.endswith("captured unknown")


@pytest.mark.parametrize("option", OPTIONS)
def test_a_choice_is_the_proposal_with_the_models_reason(option: str, choices: Choices) -> None:
    expected = OPTIONS[option].model_copy(update={"reasoning": "because"})
    assert read_choice(said(option), choices) == expected


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (said(f"OPEN {OTHER}"), "is not one of the options shown"),
        (said(f" {HOLD}"), "is not one of the options shown"),
        (said(["HOLD"]), "is not one of the options shown"),
        (said(None), "is not one of the options shown"),
        (said(HOLD, size_coin=5), "exactly these fields: option, reasoning"),
        (json.dumps({"option": HOLD}), "exactly these fields"),
        (json.dumps([HOLD]), "exactly these fields"),
        (json.dumps({"action": "DO_NOTHING", "params": {}, "reasoning": ""}), "exactly these"),
        (said(HOLD, reasoning=3), "reasoning"),
        (said(HOLD, reasoning="x" * 4_001), "reasoning"),
        ("HOLD", "not JSON"),
        ('{"option": "HOLD", "option": "HOLD", "reasoning": ""}', "a key stands twice"),
    ],
)
def test_anything_else_is_refused(answer: str, message: str, choices: Choices) -> None:
    with pytest.raises(DecisionInvalid, match=message):
        read_choice(answer, choices)


def test_who_cannot_decide_says_so(choices: Choices) -> None:
    with pytest.raises(ModelFailed, match="cannot decide: because"):
        require_decided(json.loads(said(CANNOT_DECIDE)))
    # It is no option: whoever forgets to ask reads it as a wrong one, never as holding.
    with pytest.raises(DecisionInvalid):
        read_choice(said(CANNOT_DECIDE), choices)


def test_the_schema_takes_the_options_and_the_refusal_only(choices: Choices) -> None:
    schema = choice_schema([*choices.proposals], reasoning_length_max=300)
    assert schema["properties"]["option"]["enum"] == [*OPTIONS, CANNOT_DECIDE]
    assert tuple(schema["required"]) == FIELDS == tuple(schema["properties"])
    assert schema["additionalProperties"] is False
