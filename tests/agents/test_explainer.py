"""The explainer against a server that behaves, and against one that misbehaves in every way."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from callwright.agents.explainer_text import safe_text
from callwright.domain.explain import ChatAnswer, DraftWithdrawn, TextPiece, ToolUsed
from callwright.domain.failure import ModelFailure
from callwright.errors import ConfigError, StorageError
from callwright.explain.evidence import STALE
from callwright.memory.chat_sessions import SqliteChatSessions
from callwright.ports import BudgetStage, RequestUsage
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN
from explainers import (
    STATUS,
    STATUS_CALL,
    CannedDesk,
    an_explainer,
    ask,
    explainer_settings,
    read,
)
from llm_servers import (
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
    llm_server,
    reply_body,
    stream_pieces,
)
from managers import MemoryUsageBook

WIRES = ("responses", "chat")
GOOD = Turn(text="The mode is research [status-1].")
BAD = Turn(text="The mode is research and 77777 calls are open [status-1].")


def looked_up(*last: Script | Reply) -> Script:
    """Read the status, then answer with one of ``last`` after the other."""
    return in_turn(STATUS_CALL, *last)


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


def told(request: Request) -> str:
    return request.texts[-1]


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


# The check and the one correction


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


# Limits


def test_the_deadline_is_over_all_requests() -> None:
    # Each turn is quick enough; all of them are not.
    def slow(request: Request) -> Reply:
        import time

        time.sleep(0.2)
        return STATUS_CALL

    asked = ask(slow, timeout_s=0.5)
    assert asked.answer.failure == ModelFailure.TIMEOUT
    assert not asked.book.open


def test_waiting_to_retry_is_within_the_deadline() -> None:
    asked = ask(always(Raw(503)), timeout_s=0.5, retry_wait_s=30.0)
    assert asked.answer.failure == ModelFailure.TIMEOUT
    assert len(asked.server.requests) == 1


def test_what_passes_is_retried() -> None:
    asked = ask(in_turn(Raw(503), STATUS_CALL, GOOD))
    assert asked.answer.failure is None
    assert len(asked.server.requests) == 3


def test_without_a_budget_nobody_is_asked_and_it_is_said() -> None:
    asked = ask(looked_up(GOOD), book=MemoryUsageBook(reservations_left=0))
    assert asked.answer.failure == ModelFailure.BUDGET_EXHAUSTED
    assert "callwright costs" in asked.answer.text
    assert not asked.server.requests


def test_a_question_is_asked_after_the_managers_part_of_the_budget() -> None:
    # The last tenth of a budget is for questions.
    asked = ask(looked_up(GOOD), book=MemoryUsageBook(BudgetStage.NO_NEW_RISK))
    assert asked.answer.failure is None


def test_a_cheaper_model_answers_while_the_budget_is_low() -> None:
    book = MemoryUsageBook(BudgetStage.CHEAPER_MODEL)
    asked = ask(looked_up(GOOD), book=book, cheaper_model="small")
    assert {request.body["model"] for request in asked.server.requests} == {"small"}


def test_a_question_without_tokens_left_is_not_continued() -> None:
    asked = ask(looked_up(GOOD), max_output_tokens=60)
    assert asked.answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert len(asked.server.requests) == 1
    asked = ask(looked_up(GOOD), max_input_tokens=1_000)
    assert asked.answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert not asked.server.requests


def test_usage_that_cannot_be_booked_ends_the_question() -> None:
    class Broken(MemoryUsageBook):
        def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
            super().settle(reservation_id, usage)
            raise StorageError("the disk is full")

    asked = ask(looked_up(GOOD), book=Broken())
    assert asked.answer.failure == "STORAGE_FAILED"
    assert "the disk is full" in asked.answer.text
    assert len(asked.server.requests) == 1


def test_an_endpoint_that_is_refused_is_no_explainer() -> None:
    with pytest.raises(ConfigError):
        an_explainer(explainer_settings("http://127.0.0.1:1/v1", allow_private_network=False))


# Stopping


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("how", ["close", "cancel"])
def test_whoever_stops_reading_stops_the_work(how: str, wire: str) -> None:
    book = MemoryUsageBook()

    async def stopped(url: str) -> int:
        explainer = an_explainer(explainer_settings(url, wire=wire), book=book)
        seen = asyncio.Event()
        before = asyncio.all_tasks()

        async def reading() -> None:
            events = explainer.ask("What is the mode?")
            try:
                async for event in events:
                    if isinstance(event, TextPiece):
                        seen.set()
                        if how == "close":
                            return
            finally:
                await events.aclose()

        task = asyncio.create_task(reading())
        await seen.wait()
        if how == "cancel":
            task.cancel()
        await asyncio.wait({task})
        # Nothing is left behind that still works.
        return len(asyncio.all_tasks() - before)

    with llm_server(looked_up(BrokenStream(GOOD, 6, "hang"))) as server:
        assert asyncio.run(asyncio.wait_for(stopped(server.url), 8)) == 0
    assert not book.open
    assert [usage.outcome == "ok" for usage in book.settled] == [True, False]
    assert book.settled[-1].output_tokens is None


def test_typographers_spaces_and_hyphens_become_plain_ones() -> None:
    said = "5\u00a0March\u202f2026: 1\u00a0ETH\u201113MAR26 at 101\u202f044.47\u2009USD"
    assert safe_text(said, str) == "5 March 2026: 1 ETH-13MAR26 at 101,044.47 USD"


# Conversations


@pytest.fixture
def sessions(tmp_path: Path) -> SqliteChatSessions:
    return SqliteChatSessions(tmp_path / "chat.db")


@pytest.mark.parametrize("wire", WIRES)
def test_a_conversation_goes_on(wire: str, sessions: SqliteChatSessions) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a", "wire": wire}
    ask(looked_up(GOOD), "What is the mode?", **talk)
    again = Turn(text="As before [status-1], it is research [status-2].")
    asked = ask(looked_up(again), "And now?", **talk)
    assert asked.answer.text == again.text
    assert asked.answer.unsupported == ()
    assert [source.cite for source in asked.answer.sources] == ["status-1", "status-2"]
    texts = asked.server.requests[0].texts
    assert "What is the mode?" in texts[1]
    assert FENCE_OPEN not in texts[1], "the time of an earlier question is not told again"
    assert any("[status-1]" in text and FENCE_OPEN in text for text in texts)
    assert GOOD.text in texts
    assert texts[-1].endswith("And now?")


def test_a_later_question_may_answer_from_what_was_looked_up(sessions: SqliteChatSessions) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a"}
    ask(looked_up(GOOD), **talk)
    asked = ask(always(GOOD), "Again, please.", **talk)
    assert asked.answer.text == GOOD.text
    assert len(asked.server.requests) == 1


def test_what_was_so_before_a_decision_is_asked_again(sessions: SqliteChatSessions) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a"}
    ask(looked_up(GOOD), desk=CannedDesk(status={**STATUS, "last_decision": 7}), **talk)
    again = Turn(text="The mode is now research [status-2].")
    asked = ask(in_turn(GOOD, STATUS_CALL, again), "And now?", desk=CannedDesk(), **talk)
    assert any(STALE in text for text in asked.server.requests[1].texts)
    assert asked.answer.text == again.text
    still = ask(always(GOOD), "Still?", desk=CannedDesk(), **talk).answer
    assert {claim.problem for claim in still.unsupported} == {STALE}
    assert [source.cite for source in still.sources] == ["status-1"]


def test_conversations_are_apart(sessions: SqliteChatSessions) -> None:
    ask(looked_up(GOOD), "What is the mode?", sessions=sessions, session_id="a")
    asked = ask(looked_up(GOOD), sessions=sessions, session_id="b")
    assert [source.cite for source in asked.answer.sources] == ["status-1"]
    assert len(asked.server.requests[0].texts) == 2


@pytest.mark.parametrize("last", [Turn(), Raw(401, b"{}"), BrokenStream(GOOD, 5)])
def test_a_question_without_an_answer_is_not_told_but_counted(
    last: Reply, sessions: SqliteChatSessions
) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a"}
    assert ask(looked_up(last), "The failing one", **talk).answer.failure is not None
    asked = ask(looked_up(Turn(text="It is research [status-2].")), **talk)
    assert [source.cite for source in asked.answer.sources] == ["status-2"]
    assert "failing" not in "".join(asked.server.requests[0].texts)


def test_a_question_that_was_stopped_keeps_its_numbers(sessions: SqliteChatSessions) -> None:
    async def stopped(url: str) -> None:
        explainer = an_explainer(explainer_settings(url), sessions=sessions)
        events = explainer.ask("Stopped", "a")
        async for event in events:
            if isinstance(event, TextPiece):
                break
        await events.aclose()

    with llm_server(looked_up(BrokenStream(GOOD, 6, "hang"))) as server:
        asyncio.run(stopped(server.url))
    asked = ask(looked_up(Turn(text="[status-2]")), sessions=sessions, session_id="a")
    assert [source.cite for source in asked.answer.sources] == ["status-2"]


def test_a_long_conversation_drops_its_oldest_questions_whole(
    sessions: SqliteChatSessions,
) -> None:
    talk: dict[str, Any] = {"sessions": sessions, "session_id": "a", "max_history_tokens": 400}
    for number in range(1, 8):
        text = f"The mode is research [status-{number}]."
        asked = ask(looked_up(Turn(text=text)), f"Question {number}?", **talk)
    asked_texts = asked.server.requests[0].texts
    numbers = [n for n in range(1, 7) if any(f"Question {n}?" in text for text in asked_texts)]
    assert numbers == list(range(numbers[0], 7))
    assert 1 < numbers[0] <= 6
    # Each call is told with its result and its answer.
    for n in numbers:
        assert f"The mode is research [status-{n}]." in asked_texts
    body = json.dumps(asked.server.requests[0].body)
    assert body.count('"type": "function_call"') == body.count('"type": "function_call_output"')


def test_a_file_of_conversations_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "chat.db"
    path.write_bytes(b"no database at all, but long enough to be one" * 100)
    asked = ask(looked_up(GOOD), sessions=SqliteChatSessions(path), session_id="a")
    assert asked.answer.failure == "STORAGE_FAILED"
    assert str(path) in asked.answer.text
    assert not asked.server.requests


def test_an_answer_that_cannot_be_kept_is_still_given(tmp_path: Path) -> None:
    class Full(SqliteChatSessions):
        def add(self, *args: Any) -> None:
            raise StorageError("the disk is full")

    asked = ask(looked_up(GOOD), sessions=Full(tmp_path / "chat.db"), session_id="a")
    assert asked.answer.failure is None
    assert asked.answer.text.startswith(GOOD.text or "")
    assert "the disk is full" in asked.answer.text


# Secrets, markup, versions

KEY = "Canary-" + "q7Zx9wK3" * 6


@pytest.mark.parametrize("wire", WIRES)
def test_no_secret_leaves_through_an_answer(wire: str, sessions: SqliteChatSessions) -> None:
    call = Call("search_decisions", json.dumps({"text": KEY}))
    spoken = Turn(text=f"The key is {KEY} and its half {KEY[:20]}, other-secret [status-1].")
    asked = ask(
        in_turn(Turn(calls=(call, Call(KEY), Call("get_status"))), spoken),
        wire=wire,
        api_key=SecretStr(KEY),
        redact=lambda text: text.replace("other-secret", "[secret]"),
        desk=CannedDesk(),
        sessions=sessions,
        session_id="a",
    )
    assert asked.answer.failure is None
    seen = repr(asked.events) + asked.streamed + repr(sessions.turns("a"))
    for i in range(len(KEY) - 12):
        assert KEY[i : i + 12] not in seen
    assert "other-secret" not in seen
    assert "[secret]" in asked.streamed


_SPELLED = "".join(f"\\u{ord(c):04x}" for c in KEY)
"""The key as a JSON string may write it: nobody who looks at the bytes finds it."""


def _spelled(value: Any) -> bytes:
    return json.dumps(value).replace("@KEY@", _SPELLED).encode()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("place", ["error", "status", "model", "refusal", "split", "arguments"])
def test_a_server_that_sends_the_key_back_tells_it_to_nobody(place: str, wire: str) -> None:
    def last(request: Request) -> Reply:
        if place == "error":
            event = _spelled({"error": {"message": "x" * 100 + " bad key @KEY@"}})
            return Raw(body=b"data: " + event + b"\n\n", content_type="text/event-stream")
        if place == "status":
            return Raw(401, _spelled({"error": {"message": "bad key @KEY@"}}))
        if place == "refusal":
            return Turn(refusal=f"no, {KEY}")
        if place == "arguments":
            return Turn(calls=(Call("get_decision", json.dumps({"id": KEY})),))
        text = f"It is {KEY}"
        whole = b"".join(stream_pieces(Turn(text=text), request, 1))
        if place == "model":
            whole = whole.replace(b"scripted-1", _SPELLED.encode())
        return Raw(body=whole, content_type="text/event-stream")

    asked = ask(looked_up(last), wire=wire, api_key=SecretStr(KEY), max_turns=3)
    seen = (repr(asked.events) + asked.streamed + repr(asked.book.settled)).lower()
    for i in range(len(KEY) - 12):
        assert KEY[i : i + 12].lower() not in seen


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a \x1b[2Jb\x07 c", "a [2Jb c"),
        ("see [this](https://evil.example/?k=1) now", "see [this] ((address left out) now"),
        ("![x](http://evil.example/a.png)", "![x] ((address left out)"),
        (
            "<https://evil.example> and www.evil.example",
            "<(address left out) and (address left out)",
        ),
        ("[a]: //evil.example/x", "[a] : (address left out)"),
        ("<img src=x onerror=y> </data>", "‹img src=x onerror=y> ‹/data>"),
        ("[go](javascript:approve())", "[go] ((address left out)"),
        ("right \u202eto left\u200b, tag \U000e0041.", "right to left, tag ."),
        ("delta <0.3 | IV 54% [#12][#13]", "delta <0.3 | IV 54% [#12] [#13]"),
    ],
)
def test_an_answer_is_words(text: str, shown: str) -> None:
    asked = ask(looked_up(Turn(text=text), Turn(text=text)))
    assert asked.answer.text.replace(" (unverified)", "") == shown
    assert asked.streamed in (shown, shown * 2)


def test_the_version_changes_with_what_is_asked() -> None:
    def version(**changes: Any) -> str:
        settings = explainer_settings("http://127.0.0.1:1/v1", **changes)
        return an_explainer(settings).prompt_version(settings.model)

    assert version() == version()
    assert version(max_output_tokens=500) != version()
    assert version(model="other") != version()


def test_the_prompt_has_no_placeholder_left_and_is_short() -> None:
    asked = ask(looked_up(GOOD))
    first = asked.server.requests[0]
    assert "{{" not in first.body["instructions"]
    assert first.body["instructions"] == asked.server.requests[1].body["instructions"]
    assert len(first.body["instructions"]) / 3.5 < 1_700


def test_a_question_is_cut_and_printable() -> None:
    asked = ask(looked_up(GOOD), "What\x1b[2J\x00 is " + "x" * 9_000)
    assert "\x1b" not in asked.answer.question
    assert len(asked.answer.question) == 4_000


def test_settings_and_events_show_no_key() -> None:
    settings = explainer_settings("http://127.0.0.1:1/v1", api_key=SecretStr(KEY))
    assert KEY not in repr(settings) + repr(vars(an_explainer(settings)))


async def _events(url: str) -> list[Any]:
    explainer = an_explainer(explainer_settings(url))
    return [*await read(explainer, "One?"), *await read(explainer, "Two?")]


def test_an_explainer_answers_more_than_one_question() -> None:
    with llm_server(in_turn(STATUS_CALL, GOOD, STATUS_CALL, GOOD)) as server:
        events = asyncio.run(_events(server.url))
    answers = [event for event in events if isinstance(event, ChatAnswer)]
    assert [answer.text for answer in answers] == [GOOD.text, GOOD.text]
