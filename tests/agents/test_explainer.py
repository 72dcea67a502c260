"""The explainer against a server that behaves, and against one that misbehaves in every way."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from callwright.domain.explain import ChatAnswer, TextPiece, ToolUsed
from callwright.domain.failure import ModelFailure
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN
from explainers import GOOD, STATUS_CALL, CannedDesk, ask, looked_up, told
from llm_servers import (
    WIRES,
    BrokenStream,
    Call,
    Disconnect,
    Endless,
    Hang,
    Raw,
    Reply,
    Request,
    Script,
    Turn,
    always,
    in_turn,
    reply_body,
)
from managers import MemoryUsageBook


@pytest.mark.parametrize("wire", WIRES)
def test_a_question_is_looked_up_streamed_and_checked(wire: str) -> None:
    asked = ask(looked_up(GOOD), wire=wire)
    assert asked.answer.failure is None
    assert asked.answer.text == GOOD.text
    assert asked.answer.mode == "llm"
    assert asked.answer.unsupported == ()
    assert [source.cite for source in asked.answer.sources] == ["status-1"]
    assert asked.tools == ["get_status"]
    assert asked.streamed == GOOD.text
    assert len([event for event in asked.events if isinstance(event, TextPiece)]) > 2
    kinds = [type(event) for event in asked.events]
    assert kinds.index(ToolUsed) < kinds.index(TextPiece)
    assert kinds[-1] is ChatAnswer


@pytest.mark.parametrize("wire", WIRES)
def test_every_request_is_streamed_kept_nowhere_and_has_to_look_something_up(wire: str) -> None:
    asked = ask(looked_up(GOOD), wire=wire)
    first, second = asked.server.requests
    for request in (first, second):
        assert request.wire == wire
        assert request.body["stream"] is True
        assert request.body["store"] is False
        assert request.body["parallel_tool_calls"] is True
        assert set(request.tools) == {
            "search_decisions", "get_decision", "decision_stats", "get_status", "what_if",
            "what_would_the_model_do",
        }  # fmt: skip
        if wire == "chat":
            assert request.body["stream_options"] == {"include_usage": True}
    assert first.body["tool_choice"] == "required"
    assert second.body.get("tool_choice", "auto") == "auto"


@pytest.mark.parametrize("wire", WIRES)
def test_the_usage_of_a_stream_is_booked(wire: str) -> None:
    asked = ask(looked_up(GOOD), wire=wire)
    llm = asked.answer.llm
    assert llm is not None
    expected = {
        "model": "scripted",
        "served_model": "scripted-1",
        "requests": 2,
        "input_tokens": 2000,
        "cached_tokens": 1200,
        "output_tokens": 100,
        "cost_usd": 0.002,
        "wire": wire,
    }
    assert {key: llm[key] for key in expected} == expected
    assert len(llm["prompt_version"]) == 12
    assert [(step["tools"], step["outcome"]) for step in llm["trace"]] == [
        (["get_status"], "ok"),
        ([], "ok"),
    ]
    assert not asked.book.open
    assert asked.book.decisions == 0, "the budget of a cycle is none of a question's"


def test_requests_are_reserved_as_chat() -> None:
    seen = []

    class Book(MemoryUsageBook):
        def reserve(self, *, purpose: str, **kwargs: Any) -> str:
            seen.append(purpose)
            return super().reserve(purpose=purpose, **kwargs)

    ask(looked_up(GOOD), book=Book())
    assert seen == ["chat", "chat"]


@pytest.mark.parametrize("wire", WIRES)
def test_usage_that_a_provider_leaves_out_is_unknown_not_zero(wire: str) -> None:
    silent = [dataclasses.replace(turn, usage=None) for turn in (STATUS_CALL, GOOD)]
    asked = ask(in_turn(*silent), wire=wire)
    assert asked.answer.failure is None
    assert asked.answer.llm is not None
    for key in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_usd"):
        assert asked.answer.llm[key] is None


def _event(data: Mapping[str, Any] | str) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"data: {text}\n\n".encode()


def _sse(*events: Mapping[str, Any] | str) -> Raw:
    body = b"".join(_event(event) for event in events)
    return Raw(body=body, content_type="text/event-stream")


def whole(request: Request) -> Reply:
    """Answer with a whole reply although a stream was asked for."""
    return Raw(body=json.dumps(reply_body(GOOD, request.wire, 1)).encode())


FAILURES: Mapping[str, tuple[Callable[[], Script], ModelFailure, int]] = {
    "broken midway": (lambda: looked_up(BrokenStream(GOOD, 5)), ModelFailure.UNAVAILABLE, 2),
    "broken at once": (lambda: always(BrokenStream(GOOD, 0)), ModelFailure.UNAVAILABLE, 3),
    "hangs midway": (lambda: looked_up(BrokenStream(GOOD, 5, "hang")), ModelFailure.TIMEOUT, 2),
    "endless events": (
        lambda: looked_up(BrokenStream(GOOD, 5, "repeat")), ModelFailure.BAD_REPLY, 2,
    ),
    "endless body": (lambda: always(Endless()), ModelFailure.BAD_REPLY, 1),
    "hang": (lambda: always(Hang()), ModelFailure.TIMEOUT, 1),
    "disconnect": (lambda: always(Disconnect()), ModelFailure.UNAVAILABLE, 3),
    "cut off": (
        lambda: looked_up(dataclasses.replace(GOOD, truncated=True)), ModelFailure.TRUNCATED, 2,
    ),
    "cut off in a call": (
        lambda: always(dataclasses.replace(STATUS_CALL, truncated=True)), ModelFailure.TRUNCATED, 1,
    ),
    "refusal": (lambda: looked_up(Turn(refusal="I cannot help.")), ModelFailure.REFUSED, 2),
    "empty": (lambda: looked_up(Turn()), ModelFailure.EMPTY, 2),
    "empty text": (lambda: looked_up(Turn(text="  \n ")), ModelFailure.EMPTY, 2),
    "flood": (
        lambda: always(Turn(calls=(Call("get_status"),) * 300)), ModelFailure.TOO_MANY_CALLS, 1,
    ),
    "endless loop": (lambda: always(STATUS_CALL), ModelFailure.TOO_MANY_CALLS, 8),
    "unknown tools for ever": (
        lambda: always(Turn(calls=(Call("place_order"),))), ModelFailure.TOO_MANY_CALLS, 8,
    ),
    "401": (
        lambda: always(Raw(401, b'{"error": {"message": "no"}}')), ModelFailure.NOT_AUTHORISED, 1,
    ),
    "429": (
        lambda: always(Raw(429, b"{}", headers={"retry-after": "0"})),
        ModelFailure.RATE_LIMITED, 3,
    ),
    "500": (lambda: always(Raw(500, b"{}")), ModelFailure.UNAVAILABLE, 3),
    "whole reply": (lambda: whole, ModelFailure.BAD_REPLY, 1),
    "html": (lambda: always(Raw(200, b"<html></html>", "text/html")), ModelFailure.BAD_REPLY, 1),
    "no event": (lambda: always(_sse()), ModelFailure.UNAVAILABLE, 3),
    "not JSON": (lambda: always(_sse("{nope")), ModelFailure.BAD_REPLY, 1),
    "not an object": (lambda: always(_sse("[1, 2]")), ModelFailure.BAD_REPLY, 1),
    "an error event": (
        lambda: always(_sse({"error": {"message": "overloaded"}})), ModelFailure.UNAVAILABLE, 3,
    ),
    "done at once": (lambda: always(_sse("[DONE]")), ModelFailure.BAD_REPLY, 1),
    "deep": (lambda: always(_sse("[" * 100_000)), ModelFailure.BAD_REPLY, 1),
    "redirect": (
        lambda: always(Raw(302, b"", headers={"location": "http://127.0.0.1:1/"})),
        ModelFailure.BAD_REPLY, 1,
    ),
}  # fmt: skip
"""What each misbehaviour comes to, and after how many requests."""


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", sorted(FAILURES))
def test_a_misbehaving_model_is_an_answer_that_says_so(name: str, wire: str) -> None:
    script, failure, requests = FAILURES[name]
    timeout_s = 0.6 if failure is ModelFailure.TIMEOUT else 20.0
    asked = ask(script(), wire=wire, timeout_s=timeout_s)
    assert asked.answer.failure == failure, asked.answer.text
    assert failure.value in asked.answer.text
    assert asked.answer.claims == ()
    assert len(asked.server.requests) == requests
    assert not asked.book.open, "a reservation was left open"
    assert len(asked.book.settled) == requests
    refused = (ModelFailure.NOT_AUTHORISED, ModelFailure.RATE_LIMITED)
    for usage in asked.book.settled:
        # Whatever may have run and did not say what it took is unknown, never zero.
        assert usage.input_tokens is None or usage.input_tokens > 0 or usage.outcome in refused


@pytest.mark.parametrize("wire", WIRES)
def test_a_flood_of_calls_runs_no_tool(wire: str) -> None:
    desk = CannedDesk()
    ask(always(Turn(calls=(Call("get_status"),) * 300)), desk=desk, wire=wire)
    assert "get_status" not in desk.asked


def test_calls_are_capped_over_all_turns() -> None:
    asked = ask(always(Turn(calls=(Call("get_status"),) * 5)), max_tool_calls=7)
    assert asked.answer.failure == ModelFailure.TOO_MANY_CALLS
    assert len(asked.server.requests) == 2


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("call", "code"),
    [
        (Call("get_decision", '{"id": "7"}'), "QUERY_INVALID"),
        (Call("get_decision", "{"), "QUERY_INVALID"),
        (Call("decision_stats", '{"group_by": ["colour"]}'), "QUERY_INVALID"),
        (Call("decision_stats", '{"drop": "table"}'), "QUERY_INVALID"),
        (Call("search_decisions", json.dumps({"text": "x" * 9_000})), "QUERY_INVALID"),
    ],
)
def test_a_wrong_call_is_told_what_to_change(call: Call, code: str, wire: str) -> None:
    def second(request: Request) -> Reply:
        assert told(request).startswith(FENCE_OPEN)
        assert told(request).endswith(FENCE_CLOSE)
        assert request.results()[call.name]["error"] == code
        return STATUS_CALL

    asked = ask(in_turn(Turn(calls=(call,)), second, GOOD), wire=wire)
    assert asked.answer.failure is None, asked.answer.text
    assert asked.tools == ["get_status"]


@pytest.mark.parametrize("wire", WIRES)
def test_a_tool_that_does_not_exist_may_be_corrected(wire: str) -> None:
    asked = ask(in_turn(Turn(calls=(Call("place_order", "{}"),)), STATUS_CALL, GOOD), wire=wire)
    assert asked.answer.failure is None
    assert asked.tools == ["get_status"]


def test_the_managers_model_is_asked_once_a_question() -> None:
    desk = CannedDesk()
    call = Call("what_would_the_model_do", "{}")
    asked = ask(
        in_turn(Turn(calls=(call, call)), Turn(calls=(call,)), STATUS_CALL, GOOD), desk=desk
    )
    assert asked.answer.failure is None
    assert desk.asked.count("what_would_the_model_do") == 1
