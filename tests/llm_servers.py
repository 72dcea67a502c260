"""A scripted OpenAI-compatible server on loopback, for both wires, that behaves or misbehaves.

    with llm_server(well_behaved()) as server:
        ...  # LLM_BASE_URL = server.url

``llm_scripts`` says what is answered, in the words of ``llm_replies``, and ``llm_wires`` how either
wire writes that; what tests need of them is imported from here. Run as a process of its own it
prints ``{"url": …}`` and serves until it is killed:

    python tests/llm_servers.py --script well-behaved
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llm_replies import (
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
)
from llm_scripts import (
    MISBEHAVIOURS,
    OPEN_UNKNOWN,
    PROPOSE,
    READ_TOOLS,
    SCRIPTS,
    always,
    counted,
    in_turn,
    open_first_passing,
    proposal,
    propose,
    reads_then,
    well_behaved,
)
from llm_wires import SERVED_MODEL, WIRES, reply_body, stream_pieces

__all__ = [
    "MISBEHAVIOURS", "OPEN_UNKNOWN", "PROPOSE", "READ_TOOLS", "SCRIPTS", "SERVED_MODEL",
    "WIRES", "BrokenStream", "Call", "Disconnect", "Endless", "Hang", "LlmServer", "Raw", "Reply",
    "Request", "Script", "Turn", "always", "counted", "in_turn", "llm_server", "main",
    "open_first_passing", "proposal", "propose", "reads_then", "reply_body", "stream_pieces",
    "well_behaved",
]  # fmt: skip


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
