"""The manager and a model that answers in every wrong way: a hold with a code of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from builders import a_scan, a_snapshot, limits
from builders import policy_settings as policy
from callwright.domain.decision import DoNothing
from callwright.domain.failure import ModelFailure
from llm_servers import (
    MISBEHAVIOURS,
    WIRES,
    Call,
    Raw,
    Turn,
    always,
    llm_server,
    proposal,
    reply_body,
)
from managers import MemoryUsageBook, a_manager, ask, manager_settings

FAILURES: Mapping[str, tuple[ModelFailure, int]] = {
    "malformed": (ModelFailure.INVALID, 3),
    "prose": (ModelFailure.NO_PROPOSAL, 2),
    "truncated": (ModelFailure.TRUNCATED, 2),
    "truncated-text": (ModelFailure.TRUNCATED, 2),
    "refusal": (ModelFailure.REFUSED, 2),
    "cannot-decide": (ModelFailure.REFUSED, 2),
    "cannot-decide-text": (ModelFailure.REFUSED, 2),
    "error-object": (ModelFailure.REFUSED, 2),
    "empty": (ModelFailure.EMPTY, 2),
    "empty-text": (ModelFailure.EMPTY, 2),
    "nan": (ModelFailure.INVALID, 3),
    "infinite": (ModelFailure.INVALID, 3),
    "negative": (ModelFailure.INVALID, 3),
    "unknown-instrument": (ModelFailure.INVALID, 3),
    "near-miss": (ModelFailure.INVALID, 3),
    "unknown-tool": (ModelFailure.UNKNOWN_TOOL, 2),
    "300-calls": (ModelFailure.TOO_MANY_CALLS, 1),
    "endless-loop": (ModelFailure.TOO_MANY_CALLS, 6),
    "two-proposals": (ModelFailure.AMBIGUOUS, 2),
    "two-objects": (ModelFailure.AMBIGUOUS, 2),
    "hang": (ModelFailure.TIMEOUT, 1),
    "slow": (ModelFailure.TIMEOUT, 1),
    "429": (ModelFailure.RATE_LIMITED, 3),
    "500": (ModelFailure.UNAVAILABLE, 3),
    "401": (ModelFailure.NOT_AUTHORISED, 1),
    "redirect": (ModelFailure.BAD_REPLY, 1),
    "wrong-content-type": (ModelFailure.BAD_REPLY, 1),
    "broken-json": (ModelFailure.BAD_REPLY, 1),
    "not-an-object": (ModelFailure.BAD_REPLY, 1),
    "other-object": (ModelFailure.BAD_REPLY, 1),
    "huge-body": (ModelFailure.BAD_REPLY, 1),
    "endless-stream": (ModelFailure.BAD_REPLY, 1),
    "disconnect": (ModelFailure.UNAVAILABLE, 3),
    "disconnect-in-reply": (ModelFailure.UNAVAILABLE, 3),
}
"""What each misbehaviour comes to, and after how many requests."""


def test_every_misbehaviour_has_an_expectation() -> None:
    assert set(FAILURES) == set(MISBEHAVIOURS)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", sorted(MISBEHAVIOURS))
def test_a_misbehaving_model_is_a_hold_with_its_own_code(name: str, wire: str) -> None:
    failure, requests = FAILURES[name]
    book = MemoryUsageBook()
    timeout_s = 0.5 if failure is ModelFailure.TIMEOUT else 20.0
    answer, server = ask(MISBEHAVIOURS[name], wire=wire, book=book, timeout_s=timeout_s)
    assert answer.failure == failure, answer.failure_message
    assert answer.failure_message
    assert isinstance(answer.proposal, DoNothing)
    assert answer.source == "llm"
    assert len(server.requests) == requests
    assert not book.open, "a reservation was left open"
    assert len(book.settled) == requests
    assert answer.llm is not None
    assert answer.llm["requests"] == requests
    assert [step["outcome"] for step in answer.llm["trace"]].count("ok") <= requests


@pytest.mark.parametrize("wire", WIRES)
def test_a_flood_of_calls_runs_no_tool(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from callwright.agents import toolbox

    def fail(*args: object) -> str:
        raise AssertionError("a tool ran")

    monkeypatch.setitem(toolbox.READ_TOOLS, "get_portfolio", ("", fail))
    answer, _ = ask(MISBEHAVIOURS["300-calls"], wire=wire)
    assert answer.failure == ModelFailure.TOO_MANY_CALLS


def test_calls_are_capped_over_all_turns() -> None:
    answer, server = ask(
        always(Turn(calls=(Call("get_portfolio"),) * 3)), max_tool_calls=7, max_turns=20
    )
    assert answer.failure == ModelFailure.TOO_MANY_CALLS
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "item",
    [
        {"type": "computer_call", "id": "x", "call_id": "c", "action": {"type": "screenshot"}},
        {"type": "local_shell_call", "id": "x", "call_id": "c", "action": {"command": ["ls"]}},
        {"type": "shell_call", "id": "x", "call_id": "c", "action": {"commands": ["ls"]}},
        {"type": "apply_patch_call", "id": "x", "call_id": "c", "operation": {}},
        {"type": "custom_tool_call", "id": "x", "call_id": "c", "name": "sh", "input": "ls"},
        {"type": "mcp_call", "id": "x", "name": "sh", "arguments": "{}", "server_label": "s"},
        {"type": "code_interpreter_call", "id": "x", "code": "1", "container_id": "c"},
        {"type": "something_new", "id": "x"},
    ],
    ids=lambda item: item["type"],
)
def test_a_reply_with_a_foreign_item_is_no_answer(item: dict[str, Any]) -> None:
    body = reply_body(Turn(), "responses", 1) | {"output": [item]}
    answer, _ = ask(always(Raw(body=json.dumps(body).encode())))
    assert answer.failure in {ModelFailure.BAD_REPLY, ModelFailure.EMPTY}
    assert isinstance(answer.proposal, DoNothing)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value within a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            found += _leaves(item, (*path, key))
    return found


def _replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    copy = value.copy()
    copy[path[0]] = _replaced(value[path[0]], path[1:], junk)
    return copy


@pytest.mark.parametrize("wire", WIRES)
def test_a_reply_with_any_value_replaced_never_raises(wire: str) -> None:
    hold = json.dumps(proposal("DO_NOTHING", {}))
    junk: list[Any] = [None, [], {"a": 1}]
    turns = (Turn(calls=(Call("propose_action", hold),)), Turn(text=hold))
    bodies = [
        _replaced(body, path, value)
        for body in (reply_body(turn, wire, 1) for turn in turns)
        for path in _leaves(body)
        for value in junk
    ]
    now: dict[str, Any] = {"body": {}}
    book = MemoryUsageBook()

    async def all_of_them(url: str) -> set[str | None]:
        found = set()
        settings = manager_settings(url, wire=wire, max_turns=2, retries_max=0)
        manager = a_manager(settings, limits(), policy(), book=book)
        for now["body"] in bodies:
            answer = await manager.decide(a_snapshot(), a_scan())
            assert isinstance(answer.proposal, DoNothing), now["body"]
            assert not book.open, now["body"]
            found.add(answer.failure)
        return found

    with llm_server(lambda request: Raw(body=json.dumps(now["body"]).encode())) as server:
        found = asyncio.run(all_of_them(server.url))
    assert len(bodies) > 100
    assert {None, ModelFailure.BAD_REPLY} <= found <= {None, *ModelFailure}
