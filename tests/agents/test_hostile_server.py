"""A model's server that knows the key and means harm: what it sends back, and what it claims."""

from __future__ import annotations

import asyncio
import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from builders import a_candidate, a_scan, a_snapshot, limits
from builders import policy_settings as policy
from callwright.agents.prices import load_prices
from callwright.agents.simple import choose_action_with_llm
from callwright.bootstrap import HomeDesk
from callwright.domain.decision import DoNothing
from callwright.domain.desk import DESK_FILE
from callwright.domain.failure import ModelFailure
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.memory.budgets import Budgets
from callwright.memory.database import DeskDatabase, open_desk_database
from callwright.memory.usage import SqliteUsageBook
from callwright.ports import Brain, BrainAnswer, BudgetStage
from desks import desk_settings, run_desk, violations
from llm_servers import (
    WIRES,
    Call,
    Hang,
    Raw,
    Reply,
    Script,
    Turn,
    always,
    llm_server,
    proposal,
    propose,
    reads_then,
    reply_body,
    well_behaved,
)
from managers import MemoryUsageBook, a_manager, ask, manager_settings

KEY = "Canary-" + "q7Zx9wK3" * 20
PIECE = 12

_SPELLED = "".join(f"\\u{ord(c):04x}" for c in KEY)
"""The key as a JSON string may write it: nobody who looks at the bytes finds it."""

HOLD = json.dumps(proposal("DO_NOTHING", {}, "hold"))


def _body(value: Any) -> Raw:
    return Raw(body=json.dumps(value).replace("@KEY@", _SPELLED).encode())


def _said(value: Any) -> str:
    return json.dumps(value).replace("@KEY@", _SPELLED)


def echoes(wire: str) -> dict[str, Script]:
    """Return every place of a reply into which a server can write the key."""
    call = propose(HOLD)
    reply = reply_body(call, wire, 1)
    error = {"error": {"message": "x" * 150 + " bad key @KEY@", "type": "@KEY@", "code": "@KEY@"}}
    symbol = {"underlying": "BTC", "symbol": KEY[:64]}
    found: dict[str, Script] = {
        "model": always(_body(reply | {"model": "@KEY@"})),
        "id": always(_body(reply | {"id": "@KEY@", "object": "@KEY@"})),
        "usage": always(_body(reply | {"usage": {"@KEY@": "@KEY@", "input_tokens": "@KEY@"}})),
        "extra": always(_body(reply | {"metadata": {"@KEY@": "@KEY@"}, "system": "@KEY@"})),
        "status": always(_body(reply | {"status": "@KEY@"})),
        "tool": always(_body(reply_body(Turn(calls=(Call("@KEY@"),)), wire, 1))),
        "refusal": always(_body(reply_body(Turn(refusal="@KEY@"), wire, 1))),
        "content-type": always(Raw(200, b"{}", content_type=KEY)),
        "headers": always(
            Raw(200, _body(reply).body, headers={"x-request-id": KEY, "x-key": KEY, "server": KEY})
        ),
        "encoding": always(Raw(200, b"{}", headers={"content-encoding": KEY})),
        "retry-after": always(Raw(429, b"{}", headers={"retry-after": KEY})),
        "redirect": always(Raw(302, headers={"location": f"http://127.0.0.1:1/{KEY}"})),
        "no json": always(Raw(200, f"{{{KEY}".encode())),
        "symbol": reads_then(propose(json.dumps(proposal("OPEN_COVERED_CALL", symbol)))),
        "field": reads_then(propose(_said(proposal("DO_NOTHING", {"@KEY@": "@KEY@"})))),
        "action": reads_then(propose(_said(proposal("@KEY@", {})))),
        "reasoning": reads_then(propose(_said(proposal("DO_NOTHING", {}, "my key: @KEY@")))),
        "error object": reads_then(Turn(text=_said({"error": True, "error_reason": "@KEY@"}))),
        "prose": reads_then(Turn(text=f"I know {KEY}")),
    }
    found["short error"] = always(Raw(401, _body({"error": {"message": "bad key @KEY@"}}).body))
    for status in (400, 401, 403, 404, 429, 500, 503):
        found[f"HTTP {status}"] = always(Raw(status, _body(error).body))
        found[f"HTTP {status}, plain"] = always(Raw(status, json.dumps({"error": KEY}).encode()))
    if wire == "responses":
        found["failed"] = always(_body(reply | {"status": "failed", "error": error["error"]}))
        found["incomplete"] = always(
            _body(reply | {"status": "incomplete", "incomplete_details": {"reason": "@KEY@"}})
        )
    return found


def assert_no_key(data: bytes | str, where: str) -> None:
    text = (data.decode(errors="replace") if isinstance(data, bytes) else data).lower()
    pieces = {KEY[i : i + PIECE].lower() for i in range(len(KEY) - PIECE + 1)}
    assert not [piece for piece in pieces if piece in text], where


def decided(script: Script, **changes: Any) -> tuple[BrainAnswer, MemoryUsageBook]:
    book = MemoryUsageBook()
    answer, server = ask(script, book=book, api_key=SecretStr(KEY), **changes)
    assert {r.headers.get("authorization") for r in server.requests} == {f"Bearer {KEY}"}
    return answer, book


@pytest.mark.parametrize("wire", WIRES)
def test_the_key_comes_back_in_nothing(wire: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name, script in echoes(wire).items():
        answer, book = decided(script, wire=wire, max_turns=3, retries_max=1)
        assert_no_key(repr(answer), name)
        assert_no_key(repr(book.settled), name)
        assert not book.open
        # Logs do not pass through a desk's own redaction.
        assert_no_key(caplog.text + "".join(str(vars(r)) for r in caplog.records), name)
        caplog.clear()


@pytest.mark.parametrize("wire", WIRES)
def test_the_plain_function_does_not_return_the_key(wire: str) -> None:
    for name, script in echoes(wire).items():
        with llm_server(script) as server:
            answer = choose_action_with_llm(
                {},
                [{"symbol": a_candidate().symbol}],
                settings=manager_settings(
                    server.url, wire=wire, api_key=SecretStr(KEY), retries_max=0
                ),
            )
        assert_no_key(json.dumps(answer, ensure_ascii=False), name)


def model_settings(url: str) -> dict[str, Any]:
    """Return settings of a desk whose model is the server at ``url``."""
    return {
        "llm_enabled": True,
        "llm_model_name": "scripted-1",
        "llm_base_url": url,
        "llm_allow_private_network": True,
        "openai_api_key": KEY,
    }


def test_a_desk_writes_the_key_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    # What is retried takes the time of its waits; one of these tells as much as all of them.
    retried = {"HTTP 429", "HTTP 429, plain", "HTTP 500", "HTTP 503", "HTTP 503, plain"}
    chosen = [s for name, s in echoes("responses").items() if name not in {*retried, "retry-after"}]
    scripts = iter(chosen)
    now: dict[str, Any] = {}

    class EachWithItsOwn:
        """Turns to the next script with every cycle, however often one is asked in it."""

        source: DecisionSource = "llm"

        def __init__(self, brain: Brain) -> None:
            self._brain = brain

        async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
            now["script"] = next(scripts)
            now["asked"] = now.get("asked", 0) + 1
            return await self._brain.decide(snapshot, scan)

    def watch(home_desk: HomeDesk) -> None:
        desk = home_desk.desk
        object.__setattr__(desk, "brain", EachWithItsOwn(desk.brain))

    cycles = len(chosen)
    home = tmp_path / "home"
    with llm_server(lambda request: now["script"](request)) as server:
        settings = desk_settings(home, **model_settings(server.url))
        _, records = run_desk(settings, cycles, before=watch)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert len(records) == now["asked"] == cycles
    assert violations(settings) == ()
    for record in records:
        assert_no_key(record.to_line(), "record")
    for path in home.rglob("*"):
        if path.is_file():
            assert_no_key(path.read_bytes(), str(path))
    assert_no_key(caplog.text, "log")
    out, err = capfd.readouterr()
    assert_no_key(out + err, "screen")


@contextmanager
def a_book(home: Path) -> Iterator[tuple[SqliteUsageBook, DeskDatabase]]:
    budgets = Budgets(cycle_usd=Decimal(1), day_usd=Decimal(1), month_usd=Decimal(1))
    with open_desk_database(home / DESK_FILE, durable=False) as database:
        yield SqliteUsageBook(database, price_of=load_prices(None).of, budgets=budgets), database


ODD_COUNTS: list[Any] = [
    -1, 10**9 + 1, 10**30, 2**63, 1.5, "7", True, None, [], {}, float("inf"),
]  # fmt: skip


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("count", ODD_COUNTS, ids=repr)
def test_a_count_that_cannot_be_is_unknown_and_costs_what_was_reserved(
    tmp_path: Path, wire: str, count: Any
) -> None:
    body = reply_body(propose(HOLD), wire, 1)
    names = ("prompt", "completion") if wire == "chat" else ("input", "output")
    body["usage"] = {f"{name}_tokens": count for name in names}
    with (
        a_book(tmp_path) as (book, database),
        llm_server(always(Raw(body=json.dumps(body).encode()))) as server,
    ):
        settings = manager_settings(server.url, wire=wire, model="gpt-4.1-mini")
        manager = a_manager(settings, limits(), policy(), book=book)
        answer = asyncio.run(manager.decide(a_snapshot(), a_scan()))
        rows = database.rows(
            "SELECT state, input_tokens, output_tokens, cost_usd FROM llm_requests"
        )
        reserved = database.rows("SELECT reserved_usd FROM llm_requests")
    assert answer.llm is not None
    # Some counts the SDK cannot add up: then there is no decision, but still one booked request.
    assert answer.failure in (None, ModelFailure.BAD_REPLY)
    assert {answer.llm[key] for key in ("input_tokens", "output_tokens", "cost_usd")} == {None}
    assert rows == [("settled", None, None, None)]
    assert Decimal(reserved[0][0]) > 0


@pytest.mark.parametrize("wire", WIRES)
def test_a_server_that_counts_nothing_costs_what_was_reserved(tmp_path: Path, wire: str) -> None:
    # A proxy without usage writes zeros; a prompt of none is impossible, and zero would be free.
    zeros = {"input": 0, "cached": 0, "output": 0, "reasoning": 0}
    turn = Turn(calls=propose(HOLD).calls, usage=zeros)
    with a_book(tmp_path) as (book, database), llm_server(always(turn)) as server:
        settings = manager_settings(server.url, wire=wire, model="gpt-4.1-mini")
        manager = a_manager(settings, limits(), policy(), book=book)
        answer = asyncio.run(manager.decide(a_snapshot(), a_scan()))
        rows = database.rows("SELECT input_tokens, output_tokens, cost_usd FROM llm_requests")
    assert answer.failure is None
    assert answer.llm is not None
    assert answer.llm["cost_usd"] is None
    assert rows == [(None, None, None)]


BOMBS: dict[str, Reply] = {
    "deep arguments": propose('{"action":' + "[" * 100_000 + "]" * 100_000 + "}"),
    "deep, yet readable": propose('{"action":' + "[" * 900 + "]" * 900 + "}"),
    "deep text": Turn(text='{"action":' + '{"a":' * 30_000 + "1" + "}" * 30_000 + "}"),
    "deep body": Raw(body=b"[" * 1_000_000),
    "long number": propose('{"action":' + "9" * 5_000 + "}"),
    "long text": Turn(text='{"' * 400_000),
    "many objects": Turn(text='{"action":1}' * 100_000),
    "half a character": propose('{"action":"DO_NOTHING","params":{"\\ud800":1},"reasoning":""}'),
    "half a reason": propose('{"action":"DO_NOTHING","params":{},"reasoning":"\\ud800"}'),
    "half in text": Turn(text='{"action":"\\ud800","params":{},"reasoning":"\\ud800"}'),
    "half a name": Turn(calls=(Call("\ud800"),)),
    "no name": Turn(calls=(Call(""),)),
    "no arguments": Turn(calls=(Call("propose_action", ""),)),
    "1,000 calls": Turn(calls=tuple(Call("get_portfolio", "") for _ in range(1_000))),
    "wait for ever": Raw(429, b"{}", headers={"retry-after": "inf"}),
    "wait backwards": Raw(429, b"{}", headers={"retry-after": "-1"}),
    "wait for nan": Raw(503, b"{}", headers={"retry-after": "nan"}),
    "no body": Raw(204, b""),
    "odd status": Raw(299, b"{}"),
    "UTF-16": Raw(body='{"output": []}'.encode("utf-16")),
    "BOM": Raw(body=b'\xef\xbb\xbf{"output": []}'),
    "NUL": Raw(body=b"\x00" * 1000),
}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", sorted(BOMBS))
def test_no_reply_raises_or_trades(name: str, wire: str) -> None:
    for script in (always(BOMBS[name]), reads_then(BOMBS[name])):
        answer, book = decided(script, wire=wire, max_turns=3)
        assert answer.failure in set(ModelFailure), answer
        assert isinstance(answer.proposal, DoNothing)
        assert answer.failure_message.isprintable()
        assert not book.open
        assert len(book.settled) <= 5


_OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

STREAMS: dict[str, tuple[bytes, bytes, ModelFailure]] = {
    "continue for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50, ModelFailure.TIMEOUT),
    "headers for ever": (_OK, b"x-a: " + b"b" * 200 + b"\r\n", ModelFailure.UNAVAILABLE),
    "one header, slowly": (_OK, b"x", ModelFailure.TIMEOUT),
    "a byte a chunk": (
        _OK + b"transfer-encoding: chunked\r\n\r\n",
        b"1\r\n \r\n",
        ModelFailure.TIMEOUT,
    ),
    "a length for ever": (
        _OK + b"content-length: 99999999999\r\n\r\n{}",
        b"",
        ModelFailure.TIMEOUT,
    ),
    "a length below zero": (_OK + b"content-length: -5\r\n\r\n{}", b"", ModelFailure.UNAVAILABLE),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"",
        ModelFailure.UNAVAILABLE,
    ),
    "two replies at once": (
        _OK + b"content-length: 2\r\n\r\n{}" + _OK + b"content-length: 2\r\n\r\n{}",
        b"",
        ModelFailure.BAD_REPLY,
    ),
}
"""What is sent first, what is then sent again and again, and what it comes to."""


@contextmanager
def a_stream(first: bytes, then: bytes) -> Iterator[str]:
    """Serve bytes that no HTTP server would send."""
    closing = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 20)
            with suppress(OSError):
                self.request.sendall(first)
                while then and not closing.is_set():
                    self.request.sendall(then)
                    closing.wait(0.001 if len(then) > 1 else 0.05)
            closing.wait(20)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.01))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            closing.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", sorted(STREAMS))
def test_no_stream_of_bytes_holds_a_decision_up(name: str) -> None:
    first, then, failure = STREAMS[name]
    book = MemoryUsageBook()
    # A generous deadline where it must not be what ends it.
    timeout_s = 0.4 if failure is ModelFailure.TIMEOUT else 20.0
    with a_stream(first, then) as url:
        settings = manager_settings(url, timeout_s=timeout_s, retries_max=0)
        manager = a_manager(settings, limits(), policy(), book=book)
        answer = asyncio.run(manager.decide(a_snapshot(), a_scan()))
    assert answer.failure == failure, answer.failure_message
    assert len(book.settled) == 1
    assert not book.open


def test_what_a_model_says_comes_to_a_terminal_as_one_plain_line(tmp_path: Path) -> None:
    escape = "\x1b[2J\x9b31m\u202eRISK OFF\r\n\x07"
    hold = propose(json.dumps(proposal("DO_NOTHING", {}, f"hold {escape} on")))
    answer, _ = decided(reads_then(hold))
    assert answer.proposal == DoNothing(reasoning="hold [2J 31m RISK OFF on")
    settings = desk_settings(tmp_path)
    with llm_server(reads_then(hold)) as server:
        brain = a_manager(
            manager_settings(server.url), settings.limits(), settings.policy_settings()
        )
        _, records = run_desk(settings, 1, brain=brain)
    line = records[0].to_line()
    assert line.isprintable()
    assert CycleRecord.from_line(line).final_action.reasoning == "hold [2J 31m RISK OFF on"


def test_a_server_that_is_always_late_costs_one_reservation_a_cycle(tmp_path: Path) -> None:
    with a_book(tmp_path) as (book, database), llm_server(always(Hang())) as server:
        settings = manager_settings(server.url, model="gpt-4.1-mini", timeout_s=0.2)
        manager = a_manager(settings, limits(), policy(), book=book)
        answers = [asyncio.run(manager.decide(a_snapshot(), a_scan())) for _ in range(3)]
        rows = database.rows("SELECT state, cost_usd, outcome FROM llm_requests")
        assert book.stage() is BudgetStage.FULL
    assert {answer.failure for answer in answers} == {ModelFailure.TIMEOUT}
    assert rows == [("settled", None, "LLM_TIMEOUT")] * 3


def test_the_key_is_sent_to_the_model_server_alone(tmp_path: Path) -> None:
    # What the model reads holds no setting: neither key nor URL, host nor account of any kind.
    with llm_server(well_behaved()) as server:
        settings = desk_settings(tmp_path, **model_settings(server.url))
        run_desk(settings, 1)
        for request in server.requests:
            told = json.dumps(request.body)
            assert_no_key(told, "request body")
            for word in ("127.0.0.1", "deribit.com", str(tmp_path), "account_name"):
                assert word not in told
