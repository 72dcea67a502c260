"""The wire to a model's server: checked addresses, bounded replies, and replies that are replies.

Underneath the OpenAI client, because only here everything is seen: which address is connected to
(the one that was checked, so a name that resolves differently a second time gains nothing), how
long the body is, and what the reply says of itself before any SDK reads it. Redirects are refused;
no proxy or other setting is taken from the environment.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from callwright.agents.endpoint import Endpoint
from callwright.agents.failures import ModelFailed
from callwright.agents.masking import KEY_LENGTH_MIN
from callwright.agents.recorded import Tape
from callwright.agents.replies import FACTS, ReplyFacts, bad_reply, examine
from callwright.agents.streams import EventStream, connection_errors, pieces_of
from callwright.crashpoints import reach
from callwright.domain.failure import ModelFailure
from callwright.tools.fences import outside_text

# At DEBUG it writes a reply's headers down, whatever a server has put there.
logging.getLogger("httpcore2").setLevel(logging.INFO)
# The SDK reports failed requests to whoever listens; with nobody listening, to the terminal.
logging.getLogger("openai.agents").addHandler(logging.NullHandler())

RETRY_AFTER_S_MAX = 60.0

_SENT = frozenset(
    {
        b"accept",
        b"authorization",
        b"connection",
        b"content-length",
        b"content-type",
        b"host",
        b"transfer-encoding",
        b"user-agent",
    }
)
"""The client adds an organisation, facts about this machine and whatever the environment says."""


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Resolves a host, checks every address of it, and connects to one of just these."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the backend's own signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        addresses = await self._checked(host, port)
        failed = httpcore2.ConnectError("the host has no address")
        for address in addresses:
            try:
                return await self._inner.connect_tcp(
                    address,
                    port,
                    timeout=timeout,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except httpcore2.ConnectError as exc:
                failed = exc
        raise failed

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as exc:
            raise httpcore2.ConnectError("the host has no address") from exc
        addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
        for address in addresses:
            why = self._endpoint.refusal(address)
            if why is not None:
                raise ModelFailed(ModelFailure.UNAVAILABLE, f"not connected: {why}", was_sent=False)
        return addresses


class _PinnedTransport(httpx2.AsyncHTTPTransport):
    """The library's own transport over connections to checked addresses.

    A subclass, so that what records the library's transport records this one.
    """

    def __init__(self, endpoint: Endpoint, ssl_context: ssl.SSLContext | None) -> None:
        super().__init__(verify=ssl_context or False, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=4,
            network_backend=_CheckedBackend(endpoint),
        )


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Carries requests to one endpoint; raises ``ModelFailed`` for whatever is no good reply.

    Args:
        tape: Stands in front of the network: a player, which has none, or a recorder.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        ssl_context: ssl.SSLContext | None,
        tape: Tape | None = None,
    ) -> None:
        def network() -> httpx2.AsyncBaseTransport:
            return _PinnedTransport(endpoint, ssl_context)

        self._inner = network() if tape is None else tape.transport(network)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return its reply: read to the end, or piece by piece if so asked.

        Raises:
            ModelFailed: No reply, an error, or something that is no reply of the protocol.
        """
        facts = FACTS.get() or ReplyFacts()
        with connection_errors():
            response = await self._send(request)
        headers = response.headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_good = 200 <= response.status_code < 300
        is_plain = headers.get("content-encoding", "identity").lower() == "identity"
        if is_good and is_plain and facts.is_streamed and kind == "text/event-stream":
            return httpx2.Response(
                response.status_code,
                headers={"content-type": kind},
                stream=EventStream(
                    response,
                    path=request.url.path,
                    facts=facts,
                    clean=lambda piece: _without_key(piece, request),
                ),
                request=request,
            )
        body = bytearray()
        try:
            async for chunk in pieces_of(response):
                body += chunk
        finally:
            await response.aclose()
        whole = _without_key(bytes(body), request)
        if not is_good:
            raise _status_failure(response.status_code, headers, whole)
        if kind != "application/json":
            raise bad_reply(f"content type {outside_text(kind, length_max=40) or 'missing'}")
        if not is_plain:
            raise bad_reply("a compressed reply, although none was asked for")
        if request.method == "POST":
            examine(whole, request.url.path, facts)
        if facts.is_streamed:
            raise bad_reply("the whole reply at once, although it was asked for in pieces")
        return httpx2.Response(
            response.status_code,
            # No other header: a server may write the key into any of them.
            headers={"content-type": "application/json"},
            content=whole,
            request=request,
        )

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        # The request itself stays as it is: the client looks at its own headers again.
        headers = [(name, value) for name, value in request.headers.raw if name.lower() in _SENT]
        response = await self._inner.handle_async_request(
            httpx2.Request(
                request.method,
                request.url,
                headers=[*headers, (b"accept-encoding", b"identity")],
                stream=request.stream,
                extensions=request.extensions,
            )
        )
        reach("during_model_call")
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _without_key(body: bytes, request: httpx2.Request) -> bytes:
    """Return the body without the key, should a server send it back; before anything is cut."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    return body.replace(key.encode(), b"[secret]") if len(key) >= KEY_LENGTH_MIN else body


def _status_failure(status: int, headers: httpx2.Headers, body: bytes) -> ModelFailed:
    error = _error_of(body)
    text = f"HTTP {status}"
    if error.get("message"):
        text += f": {outside_text(str(error['message']), length_max=160)}"
    if status == 429:
        # An account without credit answers so as well, and no waiting helps it.
        is_spent = error.get("code") == "insufficient_quota"
        return ModelFailed(
            ModelFailure.RATE_LIMITED,
            text,
            is_transient=not is_spent,
            retry_after_s=_retry_after_s(headers),
        )
    if status == 402:
        return ModelFailed(ModelFailure.RATE_LIMITED, text)
    if status in (401, 403, 404):
        return ModelFailed(ModelFailure.NOT_AUTHORISED, text)
    if status in (408, 409) or status >= 500:
        return ModelFailed(
            ModelFailure.UNAVAILABLE,
            text,
            is_transient=True,
            retry_after_s=_retry_after_s(headers),
        )
    return bad_reply(text)


def _error_of(body: bytes) -> dict[str, Any]:
    try:
        error = json.loads(body)["error"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return {}
    return error if isinstance(error, dict) else {"message": error}


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(seconds, RETRY_AFTER_S_MAX) if seconds >= 0 else None
