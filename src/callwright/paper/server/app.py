"""The ASGI application: HTTP in, envelopes out, and the faults that break a connection."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from callwright.domain.base import to_ms
from callwright.domain.hosts import is_loopback
from callwright.errors import CallwrightError
from callwright.paper.faults import ConnectionFailed, RequestTimedOut, ServerFailed, TransportFault
from callwright.paper.refusals import (
    FORBIDDEN,
    INTERNAL_SERVER_ERROR,
    INVALID_CREDENTIALS,
    INVALID_REQUEST,
    UNAUTHORIZED,
    ExchangeError,
)
from callwright.paper.server.dispatch import Dispatcher
from callwright.paper.server.envelope import (
    BadRequest,
    Id,
    RpcRequest,
    error_body,
    read_get,
    read_post,
    result_body,
)

TRANSPORT = "callwright.transport"
"""Where the scope carries the connection, so that a fault can cut it."""

_BODY_BYTES_MAX = 64 * 1024
_SILENCE_S_MAX = 60.0

_log = logging.getLogger(__name__)


class PaperApp:
    """Serves a dispatcher. Not a router: method names are data, and every path gets an envelope."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._silent: set[asyncio.Transport] = set()

    def hang_up(self) -> None:
        """Cut the connections that a fault keeps waiting: the server ends."""
        for transport in self._silent:
            transport.abort()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        except RequestTimedOut as fault:
            await self._keep_silent(request, fault)
        except ConnectionFailed:
            await Response("service unavailable", 503, media_type="text/plain")(
                scope, receive, send
            )
        except ServerFailed:
            page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
            await Response(page, 502, media_type="text/html")(scope, receive, send)
        except TransportFault as fault:
            await _cut(request, fault)
        else:
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        in_us = self._now_us()
        request_id: Id = None
        status = 400
        try:
            rpc = await _read(request)
            request_id = rpc.id
            result = self._dispatcher.answer(rpc, request.headers)
            body = result_body(result, request_id, in_us=in_us, out_us=self._now_us())
            return _json(body, 200)
        except BadRequest as exc:
            error, request_id = exc.error, exc.request_id
        except ExchangeError as exc:
            error = exc
            if exc.code in (INVALID_CREDENTIALS, UNAUTHORIZED):
                status = 401
        except (TransportFault, ClientDisconnect):
            raise
        except CallwrightError as exc:
            error, status = ExchangeError(INTERNAL_SERVER_ERROR, exc.message), 500
        except Exception:  # noqa: BLE001 - the outermost frame: callers get an envelope, we the log.
            _log.exception("the paper server failed")
            error, status = ExchangeError(INTERNAL_SERVER_ERROR), 500
        return _json(error_body(error, request_id, in_us=in_us, out_us=self._now_us()), status)

    async def _keep_silent(self, request: Request, fault: RequestTimedOut) -> None:
        """Let the caller wait, until it gives up or the fault's time is over; then cut."""
        transport = request.scope.get(TRANSPORT)
        if isinstance(transport, asyncio.Transport):
            self._silent.add(transport)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(fault.seconds, _SILENCE_S_MAX)):
                    while (await request.receive())["type"] != "http.disconnect":
                        pass
            self._silent.discard(transport)
        await _cut(request, fault)

    def _now_us(self) -> int:
        return to_ms(self._dispatcher.exchange.now) * 1000


def _json(body: bytes, status: int) -> Response:
    return Response(body, status, media_type="application/json")


async def _read(request: Request) -> RpcRequest:
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    if (
        "origin" in request.headers
        or request.headers.get("sec-fetch-site", "none") != "none"
        or not is_loopback(host.strip("[]"))
    ):
        # Any web page may send requests to this machine, under a name of its own for it, too; none
        # of them is a desk.
        raise BadRequest(ExchangeError(FORBIDDEN, "web pages are not served"))
    path = request.scope["path"]
    if request.method == "GET":
        return read_get(path, request.scope["query_string"].decode("latin-1"))
    if request.method != "POST":
        raise BadRequest(ExchangeError(INVALID_REQUEST, "use GET or POST"))
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _BODY_BYTES_MAX:
            raise BadRequest(ExchangeError(INVALID_REQUEST, "the request is too large"))
    return read_post(path, bytes(body))


async def _cut(request: Request, fault: TransportFault) -> None:
    """Close the connection without a word; without one, as in tests, the fault is the answer."""
    transport = request.scope.get(TRANSPORT)
    if not isinstance(transport, asyncio.Transport):
        raise fault
    transport.abort()
    while (await request.receive())["type"] != "http.disconnect":
        pass
