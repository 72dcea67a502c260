"""The manager against a server that behaves, and against one that misbehaves in every way."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from builders import CALL_9JAN_105, a_candidate, a_scan, a_short_call, a_snapshot, limits
from builders import policy_settings as policy
from callwright.agents.transport import _status_failure, _without_key
from callwright.domain.decision import CloseCoveredCall, DoNothing, OpenCoveredCall
from callwright.domain.failure import ModelFailure
from callwright.domain.scan import Scan
from callwright.errors import ConfigError, StorageError
from callwright.ports import BrainAnswer, BudgetStage, RequestUsage
from llm_servers import (
    MISBEHAVIOURS,
    OPEN_UNKNOWN,
    READ_TOOLS,
    Call,
    LlmServer,
    Raw,
    Reply,
    Request,
    Script,
    Turn,
    always,
    in_turn,
    llm_server,
    open_first_passing,
    proposal,
    propose,
    reads_then,
    reply_body,
    well_behaved,
)
from managers import MemoryUsageBook, a_manager, manager_settings

WIRES = ("responses", "chat")
PROTOCOLS = ("two-call", "stepwise")


def ask(
    script: Script,
    *,
    scan: Scan | None = None,
    book: MemoryUsageBook | None = None,
    redact: Any = str,
    **changes: Any,
) -> tuple[BrainAnswer, LlmServer]:
    """Return what one decision over the scripted server came to."""
    with llm_server(script) as server:
        manager = a_manager(
            manager_settings(server.url, **changes), limits(), policy(), book=book, redact=redact
        )
        scan = scan or a_scan(candidates=[a_candidate()])
        return asyncio.run(manager.decide(a_snapshot(), scan)), server


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


FAILURES: Mapping[str, tuple[ModelFailure, int]] = {
    "malformed": (ModelFailure.INVALID, 3),
    "prose": (ModelFailure.NO_PROPOSAL, 2),
    "truncated": (ModelFailure.TRUNCATED, 2),
    "truncated-text": (ModelFailure.TRUNCATED, 2),
    "refusal": (ModelFailure.REFUSED, 2),
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


@pytest.mark.parametrize(
    ("first", "requests"),
    [
        pytest.param(Raw(503, b"busy", "text/plain"), 3, id="503"),
        pytest.param(Raw(429, b"{}", headers={"retry-after": "0.01"}), 3, id="429"),
    ],
)
def test_what_passes_is_retried(first: Raw, requests: int) -> None:
    answer, server = ask(in_turn(first, well_behaved()))
    assert answer.failure is None
    assert len(server.requests) == requests


def test_an_account_without_credit_is_not_asked_again() -> None:
    spent = Raw(429, b'{"error": {"code": "insufficient_quota", "message": "no credit"}}')
    answer, server = ask(always(spent))
    assert answer.failure == ModelFailure.RATE_LIMITED
    assert len(server.requests) == 1


def test_waiting_to_retry_is_within_the_deadline() -> None:
    answer, server = ask(always(Raw(503)), timeout_s=0.5, retry_wait_s=30.0)
    assert answer.failure == ModelFailure.TIMEOUT
    assert len(server.requests) == 1


def test_a_wait_that_the_deadline_does_not_leave_is_not_begun() -> None:
    busy = Raw(429, b"{}", headers={"retry-after": "40"})
    answer, server = ask(always(busy), timeout_s=60.0)
    assert answer.failure == ModelFailure.RATE_LIMITED
    assert len(server.requests) == 1


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


def test_nobody_there_is_unavailable() -> None:
    with llm_server(well_behaved()) as server:
        url = server.url
    book = MemoryUsageBook()
    manager = a_manager(manager_settings(url), limits(), policy(), book=book)
    answer = asyncio.run(manager.decide(a_snapshot(), a_scan()))
    assert answer.failure == ModelFailure.UNAVAILABLE
    # Nothing was sent, so nothing was used: this zero is known.
    assert {usage.input_tokens for usage in book.settled} == {0}


def test_the_usage_is_reported() -> None:
    answer, _ = ask(well_behaved())
    assert answer.llm is not None
    expected = {
        "model": "scripted",
        "served_model": "scripted-1",
        "requests": 2,
        "input_tokens": 2000,
        "cached_tokens": 1200,
        "output_tokens": 100,
        "reasoning_tokens": 0,
        "cost_usd": 0.002,
        "protocol": "two-call",
        "wire": "responses",
    }
    assert {key: answer.llm[key] for key in expected} == expected
    assert answer.llm["latency_ms"] > 0
    assert len(answer.llm["prompt_version"]) == 12
    assert [(step["turn"], step["tools"], step["outcome"]) for step in answer.llm["trace"]] == [
        (1, list(READ_TOOLS), "ok"),
        (2, ["propose_action"], "ok"),
    ]


@pytest.mark.parametrize("wire", WIRES)
def test_usage_that_a_provider_leaves_out_is_unknown_not_zero(wire: str) -> None:
    def silent(request: Request) -> Reply:
        reply = well_behaved()(request)
        assert isinstance(reply, Turn)
        return dataclasses.replace(reply, usage=None)

    answer, _ = ask(silent, wire=wire)
    assert answer.failure is None
    assert answer.llm is not None
    for key in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "cost_usd"):
        assert answer.llm[key] is None


def test_a_decision_without_output_tokens_left_is_not_continued() -> None:
    answer, server = ask(well_behaved(), max_output_tokens=60)
    assert answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert len(server.requests) == 1
    assert server.requests[0].body["max_output_tokens"] == 60


def test_a_prompt_that_is_too_long_is_not_sent() -> None:
    answer, server = ask(well_behaved(), max_input_tokens=1000)
    assert answer.failure == ModelFailure.TOO_MANY_TOKENS
    assert not server.requests


def test_a_budget_that_is_used_up_in_between_ends_the_decision() -> None:
    answer, server = ask(well_behaved(), book=MemoryUsageBook(reservations_left=1))
    assert answer.failure == ModelFailure.BUDGET_EXHAUSTED
    assert len(server.requests) == 1


@pytest.mark.parametrize("stage", [BudgetStage.CARE_ONLY, BudgetStage.NO_NEW_RISK])
def test_without_a_budget_nobody_is_asked(stage: BudgetStage) -> None:
    answer, server = ask(well_behaved(), book=MemoryUsageBook(stage))
    assert answer.failure == ModelFailure.BUDGET_EXHAUSTED
    assert bool(answer.stop_new_risk) == (stage is BudgetStage.NO_NEW_RISK)
    assert not server.requests


def test_a_cheaper_model_is_asked_while_the_budget_lasts() -> None:
    book = MemoryUsageBook(BudgetStage.CHEAPER_MODEL)
    answer, server = ask(well_behaved(), book=book, cheaper_model="small")
    assert {request.body["model"] for request in server.requests} == {"small"}
    assert answer.llm is not None
    assert answer.llm["model"] == "small"


def test_every_fourth_cycle_asks_while_the_budget_is_low() -> None:
    with llm_server(well_behaved()) as server:
        book = MemoryUsageBook(BudgetStage.FEWER_CYCLES)
        manager = a_manager(manager_settings(server.url), limits(), policy(), book=book)
        scan = a_scan(candidates=[a_candidate()])

        async def cycles() -> list[str | None]:
            return [(await manager.decide(a_snapshot(), scan)).failure for _ in range(6)]

        low = ModelFailure.BUDGET_LOW
        assert asyncio.run(cycles()) == [None, low, low, low, None, low]
        assert book.decisions == 2


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


class _BrokenBook(MemoryUsageBook):
    def reserve(self, **_: Any) -> str:
        raise StorageError("the disk is full")


class _BrokenAtTheEnd(MemoryUsageBook):
    def settle(self, reservation_id: str, usage: RequestUsage) -> RequestUsage:
        raise StorageError("the disk is full")


@pytest.mark.parametrize("book", [_BrokenBook(), _BrokenAtTheEnd()])
def test_usage_that_cannot_be_booked_stops_the_desk(book: MemoryUsageBook) -> None:
    with pytest.raises(StorageError):
        ask(well_behaved(), book=book)


def test_usage_is_settled_when_the_process_is_told_to_stop() -> None:
    class Book(MemoryUsageBook):
        reserved = asyncio.Event()

        def reserve(self, **request: Any) -> str:
            self.reserved.set()
            return super().reserve(**request)

    book = Book()

    async def cancelled(url: str) -> None:
        manager = a_manager(manager_settings(url), limits(), policy(), book=book)
        task = asyncio.create_task(manager.decide(a_snapshot(), a_scan()))
        await book.reserved.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with llm_server(MISBEHAVIOURS["hang"]) as server:
        asyncio.run(cancelled(server.url))
    assert not book.open
    assert len(book.settled) == 1


def test_no_secret_comes_out() -> None:
    secret = "a-very-secret-key"
    echo = Raw(401, b'{"error": {"message": "bad key a-very-secret-key"}}')
    answer, server = ask(
        always(echo),
        api_key=SecretStr(secret),
        redact=lambda text: text.replace(secret, "[secret]"),
    )
    assert server.requests[0].headers["authorization"] == f"Bearer {secret}"
    assert secret not in repr(answer)
    assert "[secret]" in answer.failure_message
    assert secret not in repr(manager_settings("http://127.0.0.1/v1", api_key=SecretStr(secret)))


@pytest.mark.parametrize("padding", range(0, 400, 7))
def test_a_key_that_is_cut_in_half_does_not_come_out(padding: int) -> None:
    secret = "a-very-secret-key-of-some-length"
    message = "x" * padding + f" {secret} {secret}"
    failed = _status_failure(
        401,
        httpx2.Headers(),
        _without_key(
            json.dumps({"error": {"message": message}}).encode(),
            httpx2.Request(
                "POST", "https://x.example", headers={"authorization": f"Bearer {secret}"}
            ),
        ),
    )
    assert "a-very" not in failed.message


def test_a_key_in_the_reasoning_is_masked() -> None:
    secret = "a-very-secret-key"
    hold = proposal("DO_NOTHING", {}, f"my key is {secret}")
    answer, _ = ask(reads_then(propose(hold)), api_key=SecretStr(secret))
    assert answer.proposal == DoNothing(reasoning="my key is [secret]")


def test_a_tool_that_is_not_shown_yet_is_answered_not_run() -> None:
    early = propose(proposal("DO_NOTHING", {}, "too early"))
    answer, server = ask(in_turn(early, well_behaved()), protocol="stepwise")
    assert isinstance(answer.proposal, OpenCoveredCall), answer
    assert len(server.requests) == 5


def test_nothing_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "environment-key",
        "OPENAI_ORG_ID": "environment-org",
        "OPENAI_PROJECT_ID": "environment-project",
        "OPENAI_CUSTOM_HEADERS": "X-Custom: environment",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    answer, server = ask(well_behaved())
    assert answer.failure is None
    for request in server.requests:
        assert "environment" not in str(request.headers)
        assert not {name for name in request.headers if name.startswith(("x-", "openai-"))}


def test_a_manager_without_a_key_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        a_manager(manager_settings("", base_url=None), limits(), policy())
