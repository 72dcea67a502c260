"""The manager and a model that behaves: how it is asked, and what becomes of its answer."""

from __future__ import annotations

import pytest

from builders import CALL_9JAN_105, a_candidate, a_scan, a_short_call
from callwright.domain.decision import CloseCoveredCall, DoNothing, OpenCoveredCall
from llm_servers import (
    OPEN_UNKNOWN,
    READ_TOOLS,
    WIRES,
    Reply,
    Request,
    Turn,
    in_turn,
    open_first_passing,
    proposal,
    propose,
    reads_then,
    well_behaved,
)
from managers import ask

PROTOCOLS = ("two-call", "stepwise")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("protocol", "requests"), [("two-call", 2), ("stepwise", 4)])
def test_a_good_model_reads_and_proposes(wire: str, protocol: str, requests: int) -> None:
    answer, server = ask(well_behaved(), wire=wire, protocol=protocol)
    assert answer.failure is None
    assert answer.source == "llm"
    assert isinstance(answer.proposal, OpenCoveredCall)
    assert answer.proposal.params.symbol == CALL_9JAN_105
    assert len(server.requests) == requests


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_request_says_how_it_wants_to_be_answered(wire: str, protocol: str) -> None:
    _, server = ask(well_behaved(), wire=wire, protocol=protocol)
    for request in server.requests:
        assert request.wire == wire
        assert request.body["store"] is False
        assert request.body["tool_choice"] == "required"
        assert request.body["parallel_tool_calls"] is (protocol == "two-call")
        assert not request.body.get("stream")


def test_stepwise_shows_one_tool_less_each_time_and_the_proposal_last() -> None:
    _, server = ask(well_behaved(), protocol="stepwise")
    shown = [request.tools for request in server.requests]
    assert shown == [READ_TOOLS, READ_TOOLS[1:], READ_TOOLS[2:], ("propose_action",)]


def test_a_tool_that_is_not_shown_yet_is_answered_not_run() -> None:
    early = propose(proposal("DO_NOTHING", {}, "too early"))
    answer, server = ask(in_turn(early, well_behaved()), protocol="stepwise")
    assert isinstance(answer.proposal, OpenCoveredCall), answer
    assert len(server.requests) == 5


@pytest.mark.parametrize("wire", WIRES)
def test_the_one_correction_is_used(wire: str) -> None:
    def second_try(request: Request) -> Reply:
        told = request.results()["propose_action"]
        assert told["accepted"] is False
        assert told["errors"] == [
            "params.symbol: BTC-25DEC99-1000000-C is not one of the candidates"
        ]
        return propose(open_first_passing(request.results()))

    answer, server = ask(in_turn(reads_then(Turn()), propose(OPEN_UNKNOWN), second_try), wire=wire)
    assert isinstance(answer.proposal, OpenCoveredCall), answer
    assert len(server.requests) == 3


def test_no_risk_verdict_is_told_to_the_model() -> None:
    blocked = a_candidate(passes=False, codes=("MARGIN_ABOVE_MAXIMUM",))
    script = reads_then(
        propose(
            proposal("OPEN_COVERED_CALL", {"underlying": "BTC", "symbol": blocked.symbol}, "anyway")
        )
    )
    answer, server = ask(script, scan=a_scan(candidates=[blocked]))
    assert isinstance(answer.proposal, OpenCoveredCall)
    assert len(server.requests) == 2


def test_a_proposal_that_stands_twice_in_a_turn_is_one() -> None:
    def twice(request: Request) -> Reply:
        call = propose(open_first_passing(request.results())).calls[0]
        return Turn(calls=(call, call))

    answer, server = ask(reads_then(twice))
    assert isinstance(answer.proposal, OpenCoveredCall)
    assert len(server.requests) == 2


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "text",
    [
        '{"action": "DO_NOTHING", "params": {}, "reasoning": "hold"}',
        '```json\n{"action": "DO_NOTHING", "params": {}, "reasoning": "hold"}\n```',
        'I hold: {"action": "DO_NOTHING", "params": {}, "reasoning": "hold"} (for now)',
    ],
)
def test_a_text_answer_is_understood(text: str, wire: str) -> None:
    answer, _ = ask(reads_then(Turn(text=text)), wire=wire)
    assert answer.failure is None
    assert answer.proposal == DoNothing(reasoning="hold")


def test_shorts_can_be_closed() -> None:
    short = a_short_call()
    close = proposal("CLOSE_COVERED_CALL", {"underlying": "BTC", "symbol": short.symbol}, "done")
    answer, server = ask(reads_then(propose(close)), scan=a_scan(shorts=[short]))
    assert isinstance(answer.proposal, CloseCoveredCall)
    listed = server.requests[-1].results()["list_candidates"]
    assert listed["open_shorts"][0]["symbol"] == short.symbol
