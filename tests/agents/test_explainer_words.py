"""What leaves through an answer: no secret, no markup; and what the prompt and its version are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pydantic import SecretStr

from callwright.agents.explainer_text import safe_text
from callwright.domain.explain import ChatAnswer
from callwright.memory.chat_sessions import SqliteChatSessions
from explainers import (
    GOOD,
    STATUS_CALL,
    CannedDesk,
    an_explainer,
    ask,
    explainer_settings,
    looked_up,
    read,
)
from llm_servers import WIRES, Call, Raw, Reply, Request, Turn, in_turn, llm_server, stream_pieces

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


def test_typographers_spaces_and_hyphens_become_plain_ones() -> None:
    said = "5\u00a0March\u202f2026: 1\u00a0ETH\u201113MAR26 at 101\u202f044.47\u2009USD"
    assert safe_text(said, str) == "5 March 2026: 1 ETH-13MAR26 at 101,044.47 USD"
