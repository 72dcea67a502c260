"""The manager with a menu: one request, one choice, and every way in which that goes wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import CALL_9JAN_105
from callwright.domain.decision import DoNothing, OpenCoveredCall
from callwright.domain.failure import ModelFailure
from callwright.ports import BrainAnswer
from callwright.tools.proposal import CANNOT_DECIDE
from fences import inside_fences
from llm_servers import WIRES, Call, LlmServer, Reply, Script, Turn, always, in_turn, propose
from managers import ask

SALE = f"OPEN {CALL_9JAN_105}"
BOTH_WIRES = pytest.mark.parametrize("wire", WIRES)


def choose(option: str, **more: Any) -> Turn:
    return propose({"option": option, "reasoning": "because", **more})


def asked(reply: Script | Reply, **changes: Any) -> tuple[BrainAnswer, LlmServer]:
    script = reply if callable(reply) else always(reply)
    return ask(script, protocol="menu", **changes)


@BOTH_WIRES
def test_everything_is_shown_at_once_and_one_option_chosen(wire: str) -> None:
    answer, server = asked(choose(SALE), wire=wire)
    assert answer.failure is None
    assert isinstance(answer.proposal, OpenCoveredCall)
    assert answer.proposal.params.symbol == CALL_9JAN_105
    assert answer.proposal.reasoning == "because"
    (request,) = server.requests
    assert request.tools == ("propose_action",)
    shown = json.loads(inside_fences(request.texts[-1]))
    assert SALE in shown["open"]
    assert shown["trading_state"] == "ACTIVE"
    assert request.body["tool_choice"] == "required"
    assert request.body["parallel_tool_calls"] is False
    options = json.dumps(request.body["tools"])
    assert all(option in options for option in (SALE, "HOLD", CANNOT_DECIDE))
    assert (answer.llm or {})["protocol"] == "menu"


@BOTH_WIRES
def test_holding_is_a_choice(wire: str) -> None:
    answer, _ = asked(choose("HOLD"), wire=wire)
    assert (answer.failure, answer.proposal) == (None, DoNothing(reasoning="because"))


@BOTH_WIRES
def test_who_cannot_decide_has_not_held(wire: str) -> None:
    answer, server = asked(choose(CANNOT_DECIDE), wire=wire)
    assert answer.failure == ModelFailure.REFUSED
    assert "because" in answer.failure_message
    assert len(server.requests) == 1


@BOTH_WIRES
def test_another_option_is_corrected_once(wire: str) -> None:
    answer, server = asked(in_turn(choose("OPEN BTC-25DEC99-1-C"), choose(SALE)), wire=wire)
    assert isinstance(answer.proposal, OpenCoveredCall), answer
    told = server.requests[-1].results()["propose_action"]
    assert told["accepted"] is False
    assert told["errors"] == ["option: OPEN BTC-25DEC99-1-C is not one of the options shown"]


def test_twice_another_option_is_no_decision() -> None:
    answer, server = asked(choose("OPEN BTC-25DEC99-1-C"))
    assert answer.failure == ModelFailure.INVALID
    assert answer.proposal == DoNothing()
    assert len(server.requests) == 2


def test_a_size_is_never_taken() -> None:
    answer, _ = asked(choose(SALE, size_coin=100))
    assert answer.failure == ModelFailure.INVALID


@BOTH_WIRES
def test_a_text_answer_is_understood(wire: str) -> None:
    said = json.dumps({"option": SALE, "reasoning": "because"})
    answer, _ = asked(Turn(text=f"I choose: {said}"), wire=wire)
    assert isinstance(answer.proposal, OpenCoveredCall), answer


def test_two_different_choices_are_none() -> None:
    calls = (*choose(SALE).calls, *choose("HOLD").calls)
    answer, _ = asked(Turn(calls=calls))
    assert answer.failure == ModelFailure.AMBIGUOUS


def test_a_proposal_of_the_other_protocols_is_not_read() -> None:
    params = {"underlying": "BTC", "symbol": CALL_9JAN_105}
    whole = {"action": "OPEN_COVERED_CALL", "params": params, "reasoning": "because"}
    answer, _ = asked(propose(whole))
    assert answer.failure == ModelFailure.INVALID
    answer, _ = asked(Turn(text=json.dumps(whole)))
    assert answer.failure == ModelFailure.NO_PROPOSAL


def test_there_is_nothing_to_read() -> None:
    answer, server = asked(in_turn(Turn(calls=(Call("get_portfolio"),)), choose("HOLD")))
    assert answer.failure is None
    assert "get_portfolio" not in server.requests[0].tools
