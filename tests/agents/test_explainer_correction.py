"""What an answer says that is on no record: corrected once, then marked; looked up, or not said."""

from __future__ import annotations

from typing import Any

import pytest

from callwright.domain.explain import DraftWithdrawn
from callwright.domain.failure import ModelFailure
from callwright.tools.fences import FENCE_OPEN
from explainers import BAD, GOOD, STATUS_CALL, ask, looked_up, told
from llm_servers import WIRES, BrokenStream, Call, Hang, Raw, Reply, Request, Turn, always, in_turn
from managers import MemoryUsageBook


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_on_no_record_is_corrected_once(wire: str) -> None:
    def second(request: Request) -> Reply:
        assert "77777" in told(request)
        assert told(request).count(FENCE_OPEN) == 1
        return GOOD

    asked = ask(looked_up(BAD, second), wire=wire)
    assert asked.answer.text == GOOD.text
    assert asked.answer.unsupported == ()
    (withdrawn,) = [event for event in asked.events if isinstance(event, DraftWithdrawn)]
    assert [claim.text for claim in withdrawn.unsupported] == ["77777"]
    assert asked.streamed == f"{BAD.text}{GOOD.text}"
    assert len(asked.server.requests) == 3
    assert asked.server.requests[-1].body.get("tool_choice", "auto") == "auto"


@pytest.mark.parametrize("wire", WIRES)
def test_what_is_still_on_no_record_is_marked(wire: str) -> None:
    asked = ask(looked_up(BAD, BAD, GOOD), wire=wire)
    assert len(asked.server.requests) == 3
    assert asked.answer.failure is None
    assert "77777 (unverified)" in asked.answer.text
    assert [claim.text for claim in asked.answer.unsupported] == ["77777"]


def test_a_correction_may_look_more_up() -> None:
    asked = ask(looked_up(BAD, STATUS_CALL, Turn(text="The mode is research [status-2].")))
    assert asked.answer.text == "The mode is research [status-2]."
    assert [source.cite for source in asked.answer.sources] == ["status-1", "status-2"]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("second", "changes"),
    [
        (Raw(401, b"{}"), {}),
        (Turn(refusal="no"), {}),
        (Turn(), {}),
        (BrokenStream(GOOD, 5), {}),
        (Hang(), {"timeout_s": 1.5}),
        (STATUS_CALL, {"max_turns": 2}),
        (Turn(calls=(Call("get_status"),) * 300), {}),
        (GOOD, {"max_output_tokens": 110}),
    ],
    ids=["401", "refused", "empty", "broken", "deadline", "turns", "flood", "tokens"],
)
def test_a_correction_that_fails_leaves_the_first_draft_marked(
    second: Reply, changes: dict[str, Any], wire: str
) -> None:
    asked = ask(looked_up(BAD, second), wire=wire, **changes)
    assert asked.answer.failure is None
    assert "77777 (unverified)" in asked.answer.text
    assert not asked.book.open


def test_a_budget_that_ends_before_the_correction_leaves_the_first_draft() -> None:
    asked = ask(looked_up(BAD, GOOD), book=MemoryUsageBook(reservations_left=2))
    assert asked.answer.failure is None
    assert "77777 (unverified)" in asked.answer.text
    assert len(asked.server.requests) == 2


@pytest.mark.parametrize("wire", WIRES)
def test_an_answer_without_looking_is_sent_back_to_look(wire: str) -> None:
    invented = Turn(text="You sold it because momentum was strong.")
    asked = ask(in_turn(invented, STATUS_CALL, GOOD), wire=wire)
    assert asked.answer.text == GOOD.text
    assert asked.server.requests[1].body["tool_choice"] == "required"
    assert "looked nothing up" in told(asked.server.requests[1])
    assert any(isinstance(event, DraftWithdrawn) for event in asked.events)


@pytest.mark.parametrize("wire", WIRES)
def test_a_model_that_never_looks_says_nothing(wire: str) -> None:
    asked = ask(always(Turn(text="You sold 5 calls.")), wire=wire)
    assert asked.answer.failure == ModelFailure.NO_LOOKUP
    assert "sold" not in asked.answer.text
    assert len(asked.server.requests) == 2


def test_a_model_that_looked_and_found_nothing_may_say_so() -> None:
    nothing = Turn(text="The records do not say.")
    asked = ask(in_turn(Turn(calls=(Call("search_decisions"),)), nothing))
    assert asked.answer.failure is None
    assert asked.answer.text == nothing.text
    assert asked.answer.sources == ()
