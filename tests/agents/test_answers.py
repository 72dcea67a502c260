"""What a text answer means; nothing is repaired."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.agents.answers import read_answer
from callwright.agents.failures import ModelFailed
from callwright.domain.decision import DoNothing, Proposal, parse_proposal
from callwright.domain.failure import ModelFailure

HOLD = '{"action": "DO_NOTHING", "params": {}, "reasoning": "hold"}'
OPEN = (
    '{"action": "OPEN_COVERED_CALL", "params": {"underlying": "BTC", '
    '"symbol": "BTC-9JAN26-106000-C"}, "reasoning": "sell"}'
)


def failure_of(text: str) -> ModelFailure:
    with pytest.raises(ModelFailed) as caught:
        read_answer(text, parse_proposal)
    return caught.value.failure


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HOLD, id="pure"),
        pytest.param(f"  \n{HOLD}\n", id="surrounded-by-space"),
        pytest.param(f"```json\n{HOLD}\n```", id="fenced"),
        pytest.param(f"I think {{this}} is best: {HOLD}. Good luck!", id="in-prose"),
        pytest.param(f"{HOLD}\n{HOLD}", id="twice-the-same"),
        pytest.param(f'{{"note": 1}} {HOLD}', id="beside-another-object"),
    ],
)
def test_a_proposal_is_found(text: str) -> None:
    assert read_answer(text, parse_proposal) == DoNothing(reasoning="hold")


def test_braces_in_strings_are_text() -> None:
    text = json.dumps({"action": "DO_NOTHING", "params": {}, "reasoning": 'a } and { and \\" }'})
    proposal = read_answer(f"so: {text} done", parse_proposal)
    assert proposal.reasoning == 'a } and { and \\" }'


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        pytest.param("", ModelFailure.EMPTY, id="empty"),
        pytest.param(" \n ", ModelFailure.EMPTY, id="blank"),
        pytest.param("I hold.", ModelFailure.NO_PROPOSAL, id="prose"),
        pytest.param('{"hello": 1}', ModelFailure.NO_PROPOSAL, id="another-object"),
        pytest.param(HOLD[:-5], ModelFailure.NO_PROPOSAL, id="cut-off"),
        pytest.param(f"{HOLD} {OPEN}", ModelFailure.AMBIGUOUS, id="two-different"),
        pytest.param(
            '{"error": true, "error_reason": "no data"}', ModelFailure.REFUSED, id="error-object"
        ),
        pytest.param(
            '{"action": "CANNOT_DECIDE", "params": {}, "reasoning": "no data"}',
            ModelFailure.REFUSED,
            id="cannot-decide",
        ),
        pytest.param(f'{HOLD} {{"error": true}}', ModelFailure.REFUSED, id="both"),
        pytest.param('{"action": "SELL_ALL", "params": {}}', ModelFailure.INVALID, id="action"),
        pytest.param(
            '{"action": "DO_NOTHING", "params": {"size": 1}}', ModelFailure.INVALID, id="size"
        ),
        pytest.param(
            '{"action": "DO_NOTHING", "params": {"size": NaN}}', ModelFailure.INVALID, id="nan"
        ),
        pytest.param(
            '{"action": "DO_NOTHING", "params": {"size": 1e309}}', ModelFailure.INVALID, id="inf"
        ),
        pytest.param(
            '{"action": "DO_NOTHING", "action": "OPEN_COVERED_CALL", "params": {}}',
            ModelFailure.INVALID,
            id="double-key",
        ),
        pytest.param(
            f"{{'action': 'OPEN_COVERED_CALL'}} {HOLD[:-1]},}}",
            ModelFailure.INVALID,
            id="trailing-comma",
        ),
        pytest.param(
            '{"action": "DO_NOTHING", "params": {}, "reasoning": "\\ud800"}',
            ModelFailure.INVALID,
            id="lone-surrogate",
        ),
        pytest.param('{"action":' * 2000, ModelFailure.NO_PROPOSAL, id="deep-and-open"),
        pytest.param(
            '{"action":' * 5000 + "1" + "}" * 5000, ModelFailure.INVALID, id="deep-and-closed"
        ),
        pytest.param(f'{HOLD} {{"action": nope}}', ModelFailure.INVALID, id="good-beside-broken"),
    ],
)
def test_what_is_no_proposal_has_its_own_code(text: str, failure: ModelFailure) -> None:
    assert failure_of(text) is failure


@given(st.text(max_size=400) | st.text(alphabet='{}"\\:,action error true1e309NaN', max_size=400))
def test_any_text_is_a_proposal_or_a_failure(text: str) -> None:
    try:
        proposal: Proposal = read_answer(text, parse_proposal)
    except ModelFailed:
        return
    assert proposal.action in text
