"""A scripted OpenAI-compatible server on loopback, for both wires, that behaves or misbehaves.

    with llm_server(well_behaved()) as server:
        ...  # LLM_BASE_URL = server.url

A script is asked once for each request and says what to answer; the server knows how either wire
writes that. Run as a process of its own it prints ``{"url": …}`` and serves until it is killed:

    python tests/llm_servers.py --script well-behaved
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

READ_TOOLS = ("get_portfolio", "get_vol_state", "list_candidates")
PROPOSE = "propose_action"
SERVED_MODEL = "scripted-1"


@dataclass(frozen=True)
class Call:
    """One tool call; arguments are sent as they are, valid JSON or not."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True)
class Turn:
    """A reply of the protocol: tool calls, text, a refusal, or nothing at all.

    Attributes:
        truncated: It stopped at the token limit.
        usage: Token counts; None leaves the provider's usage out.
    """

    calls: tuple[Call, ...] = ()
    text: str | None = None
    refusal: str | None = None
    truncated: bool = False
    usage: Mapping[str, int] | None = field(
        default_factory=lambda: {"input": 1000, "cached": 600, "output": 50, "reasoning": 0}
    )


@dataclass(frozen=True)
class Raw:
    """Any HTTP reply."""

    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Hang:
    """Nothing is answered for so long."""

    seconds: float = 30.0


@dataclass(frozen=True)
class Endless:
    """A body that never ends: a chunk, then another one."""

    chunk: bytes = b" " * 65_536
    pause_s: float = 0.0


@dataclass(frozen=True)
class Disconnect:
    """The connection is closed, after so many bytes of a reply."""

    after: bytes = b""


@dataclass(frozen=True)
class BrokenStream:
    """A streamed turn that goes wrong after so many of its pieces.

    Attributes:
        then: The connection is closed, or nothing more comes, or the last piece comes for ever.
    """

    turn: Turn
    after: int
    then: Literal["close", "hang", "repeat"] = "close"


Reply = Turn | Raw | Hang | Endless | Disconnect | BrokenStream


@dataclass(frozen=True)
class Request:
    """What the client sent, read the same way on both wires."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def wire(self) -> str:
        return "chat" if self.path.endswith("/chat/completions") else "responses"

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple(
            tool["function"]["name"] if self.wire == "chat" else tool["name"]
            for tool in self.body.get("tools") or ()
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """Every message text and tool result, in order; the instructions first."""
        if self.wire == "chat":
            return tuple(str(message.get("content") or "") for message in self.body["messages"])
        items = self.body["input"]
        if isinstance(items, str):
            items = [{"content": items}]
        return (
            str(self.body.get("instructions") or ""),
            *(str(item.get("content") or item.get("output") or "") for item in items),
        )

    def results(self) -> dict[str, Any]:
        """Return what the tools answered, by name; the last answer of each."""
        names: dict[str, str] = {}
        found: dict[str, Any] = {}
        if self.wire == "chat":
            for message in self.body["messages"]:
                for call in message.get("tool_calls") or ():
                    names[call["id"]] = call["function"]["name"]
                if message.get("role") == "tool":
                    found[names[message["tool_call_id"]]] = unfenced(message["content"])
            return found
        items = self.body["input"]
        for item in [] if isinstance(items, str) else items:
            if item.get("type") == "function_call":
                names[item["call_id"]] = item["name"]
            elif item.get("type") == "function_call_output":
                found[names[item["call_id"]]] = unfenced(item["output"])
        return found


Script = Callable[[Request], Reply]


def unfenced(text: Any) -> Any:
    """Return the JSON of a tool result, without the fence around it."""
    text = text if isinstance(text, str) else "".join(part.get("text", "") for part in text)
    start, end = text.find("{"), text.rfind("}")
    try:
        return json.loads(text[start : end + 1])
    except ValueError:
        return text


def open_first_passing(results: Mapping[str, Any]) -> dict[str, Any]:
    """Propose the first candidate that passes its prechecks; hold when there is none."""
    listed = results.get("list_candidates")
    for candidate in listed.get("candidates", ()) if isinstance(listed, dict) else ():
        if candidate["passes"]:
            return proposal(
                "OPEN_COVERED_CALL",
                {"underlying": candidate["underlying"], "symbol": candidate["symbol"]},
                "The first candidate that passes.",
            )
    return proposal("DO_NOTHING", {}, "No candidate passes.")


def proposal(action: str, params: Mapping[str, Any], reasoning: str = "") -> dict[str, Any]:
    return {"action": action, "params": dict(params), "reasoning": reasoning}


def propose(arguments: Mapping[str, Any] | str) -> Turn:
    """Return the turn that calls ``propose_action``."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return Turn(calls=(Call(PROPOSE, text),))


def well_behaved(
    choose: Callable[[Mapping[str, Any]], Mapping[str, Any]] = open_first_passing,
) -> Script:
    """Read everything that there is to read, then propose what ``choose`` makes of the results."""
    return reads_then(lambda request: propose(choose(request.results())))


def reads_then(last: Script | Reply) -> Script:
    """Read with the three tools, as either protocol shows them; then answer with ``last``."""

    def script(request: Request) -> Reply:
        results = request.results()
        missing = [name for name in READ_TOOLS if name in request.tools and name not in results]
        if PROPOSE not in request.tools and missing:
            return Turn(calls=(Call(missing[0]),))
        if missing:
            return Turn(calls=tuple(Call(name) for name in missing))
        return last(request) if callable(last) else last

    return script


def always(reply: Reply) -> Script:
    """Answer every request with the same."""
    return lambda request: reply


def in_turn(*replies: Script | Reply) -> Script:
    """Answer the first request with the first of ``replies``, and so on; the last one stays."""
    left = list(replies)

    def script(request: Request) -> Reply:
        reply = left.pop(0) if len(left) > 1 else left[0]
        return reply(request) if callable(reply) else reply

    return script


OPEN_UNKNOWN = proposal(
    "OPEN_COVERED_CALL", {"underlying": "BTC", "symbol": "BTC-25DEC99-1000000-C"}
)


def near_miss(request: Request) -> Reply:
    """Propose a candidate with one digit of its strike changed."""
    listed = request.results()["list_candidates"]["candidates"]
    if not listed:
        return propose(OPEN_UNKNOWN)
    base, day, strike, kind = listed[0]["symbol"].split("-")
    symbol = f"{base}-{day}-{int(strike) + 1}-{kind}"
    return propose(proposal("OPEN_COVERED_CALL", {"underlying": base, "symbol": symbol}))


def two_proposals(request: Request) -> Reply:
    """Propose two different things in one turn."""
    first = json.dumps(proposal("DO_NOTHING", {}, "hold"))
    return Turn(calls=(Call(PROPOSE, first), Call(PROPOSE, json.dumps(OPEN_UNKNOWN))))


def with_size(number: str) -> Script:
    """Propose the first candidate with a number that JSON may or may not know."""

    def script(request: Request) -> Reply:
        good = json.dumps(open_first_passing(request.results()))
        return propose(good.replace('"params": {', f'"params": {{"size": {number}, ', 1))

    return script


MISBEHAVIOURS: Mapping[str, Script] = {
    "malformed": reads_then(propose('{"action": "OPEN_COVERED_CALL", "params": {')),
    "prose": reads_then(Turn(text="I would rather wait for a better moment.")),
    "truncated": reads_then(
        Turn(calls=(Call(PROPOSE, '{"action": "DO_NOTHING", "para'),), truncated=True)
    ),
    "truncated-text": reads_then(
        Turn(text='{"action": "DO_NOTHING", "params": {}, "reasoning": ""}', truncated=True)
    ),
    "refusal": reads_then(Turn(refusal="I cannot help with that.")),
    "error-object": reads_then(Turn(text='{"error": true, "error_reason": "no data"}')),
    "empty": reads_then(Turn()),
    "empty-text": reads_then(Turn(text="   ")),
    "nan": reads_then(with_size("NaN")),
    "infinite": reads_then(with_size("1e309")),
    "negative": reads_then(with_size("-5")),
    "unknown-instrument": reads_then(propose(OPEN_UNKNOWN)),
    "near-miss": reads_then(near_miss),
    "unknown-tool": reads_then(Turn(calls=(Call("place_order"),))),
    "300-calls": always(Turn(calls=tuple(Call("get_portfolio") for _ in range(300)))),
    "endless-loop": always(Turn(calls=(Call("get_portfolio"),))),
    "two-proposals": reads_then(two_proposals),
    "two-objects": reads_then(
        Turn(text=f"{json.dumps(OPEN_UNKNOWN)} or {json.dumps(proposal('DO_NOTHING', {}))}")
    ),
    "hang": always(Hang()),
    "slow": always(Endless(chunk=b" ", pause_s=0.05)),
    "429": always(Raw(429, b'{"error": {"message": "slow down"}}', headers={"retry-after": "0"})),
    "500": always(Raw(500, b'{"error": {"message": "oops"}}')),
    "401": always(Raw(401, b'{"error": {"message": "bad key"}}')),
    "redirect": always(Raw(302, b"", headers={"location": "http://127.0.0.1:1/"})),
    "wrong-content-type": always(Raw(200, b"<html>hello</html>", "text/html")),
    "broken-json": always(Raw(200, b'{"id": "x", "outp')),
    "not-an-object": always(Raw(200, b"[1, 2]")),
    "other-object": always(Raw(200, b'{"hello": "world"}')),
    "huge-body": always(Raw(200, b'{"x": "' + b"a" * 8_000_000 + b'"}')),
    "endless-stream": always(Endless()),
    "disconnect": always(Disconnect()),
    "disconnect-in-reply": always(
        Disconnect(
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"'
        )
    ),
}
"""Every way to go wrong, by its name."""


def _same(script: Script) -> Script:
    return script


SCRIPTS: Mapping[str, Callable[[], Script]] = {
    "well-behaved": well_behaved,
    "holds": lambda: well_behaved(lambda results: proposal("DO_NOTHING", {}, "Hold.")),
    **{name: partial(_same, script) for name, script in MISBEHAVIOURS.items()},
}


@dataclass
class LlmServer:
    """A running server.

    Attributes:
        requests: What was asked of it, in order.
    """

    url: str
    requests: list[Request] = field(default_factory=list)


@contextmanager
def llm_server(script: Script, *, port: int = 0) -> Iterator[LlmServer]:
    """Serve ``script`` on loopback for as long as the block runs."""
    closing = threading.Event()
    lock = threading.Lock()
    server = LlmServer("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
            request = Request(self.path, body, {k.lower(): v for k, v in self.headers.items()})
            with lock:
                server.requests.append(request)
                reply = script(request)
            with suppress(OSError):
                self._answer(request, reply)

        def do_GET(self) -> None:
            self._send(Raw(body=json.dumps({"data": [{"id": SERVED_MODEL}]}).encode()))

        def log_message(self, format: str, *args: Any) -> None:
            return

        def _answer(self, request: Request, reply: Reply) -> None:
            if isinstance(reply, Hang):
                closing.wait(reply.seconds)
                self.close_connection = True
            elif isinstance(reply, Disconnect):
                self.wfile.write(reply.after)
                self.wfile.flush()
                self.close_connection = True
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
            elif isinstance(reply, Endless):
                self.close_connection = True
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                while not closing.is_set():
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(reply.chunk), reply.chunk))
                    self.wfile.flush()
                    closing.wait(reply.pause_s)
            elif isinstance(reply, BrokenStream):
                self._stream(stream_pieces(reply.turn, request, len(server.requests)), reply)
            elif isinstance(reply, Turn) and request.body.get("stream"):
                self._stream(stream_pieces(reply, request, len(server.requests)))
            elif isinstance(reply, Turn):
                body = reply_body(reply, request.wire, len(server.requests))
                self._send(Raw(body=json.dumps(body).encode()))
            else:
                self._send(reply)

        def _stream(self, pieces: Sequence[bytes], broken: BrokenStream | None = None) -> None:
            self.close_connection = True
            self.send_response(200)
            self.send_header("content-type", "text/event-stream; charset=utf-8")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for piece in pieces if broken is None else pieces[: broken.after]:
                self._chunk(piece)
            if broken is None:
                self._chunk(b"")
            elif broken.then == "close":
                with suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
            elif broken.then == "hang":
                closing.wait(30)
            else:
                while not closing.is_set():
                    self._chunk(pieces[broken.after - 1])

        def _chunk(self, piece: bytes) -> None:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()

        def _send(self, raw: Raw) -> None:
            self.send_response(raw.status)
            self.send_header("content-type", raw.content_type)
            self.send_header("content-length", str(len(raw.body)))
            for name, value in raw.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw.body)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # clients of these tests hang up all the time

    http = Server(("127.0.0.1", port), Handler)
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=lambda: http.serve_forever(poll_interval=0.01), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        closing.set()
        http.shutdown()
        thread.join()
        http.server_close()


def reply_body(turn: Turn, wire: str, number: int) -> dict[str, Any]:
    """Return the JSON of a turn, as the ``number``-th reply on a wire."""
    return (_chat_body if wire == "chat" else _responses_body)(turn, number)


def _responses_body(turn: Turn, number: int) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    content: list[dict[str, Any]] = []
    if turn.text is not None:
        content.append({"type": "output_text", "text": turn.text, "annotations": []})
    if turn.refusal is not None:
        content.append({"type": "refusal", "refusal": turn.refusal})
    status = "incomplete" if turn.truncated else "completed"
    if content:
        output.append(
            {
                "type": "message",
                "id": f"msg_{number}",
                "role": "assistant",
                "status": status,
                "content": content,
            }
        )
    output += [
        {
            "type": "function_call",
            "id": f"fc_{number}_{i}",
            "call_id": f"call_{number}_{i}",
            "name": call.name,
            "arguments": call.arguments,
            "status": status,
        }
        for i, call in enumerate(turn.calls)
    ]
    usage: Any = turn.usage and {
        "input_tokens": turn.usage["input"],
        "input_tokens_details": {"cached_tokens": turn.usage["cached"]},
        "output_tokens": turn.usage["output"],
        "output_tokens_details": {"reasoning_tokens": turn.usage["reasoning"]},
        "total_tokens": turn.usage["input"] + turn.usage["output"],
    }
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 0,
        "model": SERVED_MODEL,
        "status": status,
        "incomplete_details": {"reason": "max_output_tokens"} if turn.truncated else None,
        "error": None,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": usage,
    }


def _chat_body(turn: Turn, number: int) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": turn.text, "refusal": turn.refusal}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}_{i}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for i, call in enumerate(turn.calls)
        ]
    reason = "length" if turn.truncated else "tool_calls" if turn.calls else "stop"
    usage: Any = turn.usage and {
        "prompt_tokens": turn.usage["input"],
        "prompt_tokens_details": {"cached_tokens": turn.usage["cached"]},
        "completion_tokens": turn.usage["output"],
        "completion_tokens_details": {"reasoning_tokens": turn.usage["reasoning"]},
        "total_tokens": turn.usage["input"] + turn.usage["output"],
    }
    return {
        "id": f"chatcmpl_{number}",
        "object": "chat.completion",
        "created": 0,
        "model": SERVED_MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": usage,
    }


PIECE_LENGTH = 7
"""Of a streamed text, in characters: words, numbers and citations are torn apart."""


def stream_pieces(turn: Turn, request: Request, number: int) -> list[bytes]:
    """Return the events of a turn, as the ``number``-th reply to a streaming request."""
    if request.wire == "chat":
        wants_usage = bool((request.body.get("stream_options") or {}).get("include_usage"))
        events = _chat_events(turn, number, wants_usage=wants_usage)
        return [*(_event(event) for event in events), b"data: [DONE]\n\n"]
    return [_event(event) for event in _responses_events(turn, number)]


def _event(data: Mapping[str, Any]) -> bytes:
    name = f"event: {data['type']}\n" if "type" in data else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


def _cut(text: str) -> list[str]:
    return [text[i : i + PIECE_LENGTH] for i in range(0, len(text), PIECE_LENGTH)]


def _responses_events(turn: Turn, number: int) -> Iterator[dict[str, Any]]:
    body = _responses_body(turn, number)
    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    for i, item in enumerate(body["output"]):
        place = {"output_index": i, "item_id": item["id"]}
        bare = {**item, "content": []} if item["type"] == "message" else {**item, "arguments": ""}
        yield {"type": "response.output_item.added", "output_index": i, "item": bare}
        if item["type"] == "function_call":
            kind = "response.function_call_arguments"
            for piece in _cut(item["arguments"]):
                yield {"type": f"{kind}.delta", **place, "delta": piece}
            yield {"type": f"{kind}.done", **place, "arguments": item["arguments"]}
        for j, part in enumerate(item.get("content", ())):
            field = "text" if part["type"] == "output_text" else "refusal"
            kind = f"response.{part['type']}"
            at = {**place, "content_index": j}
            yield {"type": "response.content_part.added", **at, "part": {**part, field: ""}}
            for piece in _cut(part[field]):
                yield {"type": f"{kind}.delta", **at, "delta": piece, "logprobs": []}
            yield {"type": f"{kind}.done", **at, field: part[field], "logprobs": []}
            yield {"type": "response.content_part.done", **at, "part": part}
        yield {"type": "response.output_item.done", "output_index": i, "item": item}
    yield {"type": f"response.{body['status']}", "response": body}


def _chat_events(turn: Turn, number: int, *, wants_usage: bool) -> Iterator[dict[str, Any]]:
    body = _chat_body(turn, number)
    choice = body["choices"][0]
    message = choice["message"]

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        return {**body, "object": "chat.completion.chunk", "choices": choices, "usage": None}

    yield chunk({"role": "assistant"})
    for part in ("content", "refusal"):
        for piece in _cut(message[part] or ""):
            yield chunk({part: piece})
    for i, call in enumerate(message.get("tool_calls") or ()):
        name = {"name": call["function"]["name"], "arguments": ""}
        begin = {"index": i, "id": call["id"], "type": "function", "function": name}
        yield chunk({"tool_calls": [begin]})
        for piece in _cut(call["function"]["arguments"]):
            yield chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})
    yield chunk({}, choice["finish_reason"])
    if wants_usage:
        yield {**chunk({}), "choices": [], "usage": body["usage"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve one script until the process is killed."""
    parser = argparse.ArgumentParser(description="a scripted OpenAI-compatible server")
    parser.add_argument("--script", choices=sorted(SCRIPTS), default="well-behaved")
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(arguments)
    with llm_server(SCRIPTS[options.script](), port=options.port) as server:
        sys.stdout.write(json.dumps({"url": server.url}) + "\n")
        sys.stdout.flush()
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    main()
