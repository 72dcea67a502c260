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
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from callwright.agents.endpoint import Endpoint
from callwright.agents.failures import ModelFailed
from callwright.agents.masking import KEY_LENGTH_MIN
from callwright.crashpoints import reach
from callwright.domain.failure import ModelFailure
from callwright.tools.fences import outside_text

# At DEBUG it writes a reply's headers down, whatever a server has put there.
logging.getLogger("httpcore2").setLevel(logging.INFO)

REPLY_BYTES_MAX = 2_000_000
RETRY_AFTER_S_MAX = 60.0

_HEADERS_SENT = frozenset(
    {
        "accept",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    }
)
"""The client adds an organisation, facts about this machine and whatever the environment says."""


@dataclass
class ReplyFacts:
    """What the last reply said of itself; None is not known, never zero."""

    served_model: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


FACTS: ContextVar[ReplyFacts | None] = ContextVar("facts", default=None)
"""Where the transport leaves the facts of the request that this task makes."""


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


class CheckedTransport(httpx2.AsyncBaseTransport):
    """Carries requests to one endpoint; raises ``ModelFailed`` for whatever is no good reply."""

    def __init__(self, endpoint: Endpoint, ssl_context: ssl.SSLContext | None) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=4,
            network_backend=_CheckedBackend(endpoint),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and return its reply, read to the end and found to be one.

        Raises:
            ModelFailed: No reply, an error, or something that is no reply of the protocol.
        """
        for name in set(request.headers) - _HEADERS_SENT:
            del request.headers[name]
        request.headers["accept-encoding"] = "identity"
        try:
            status, headers, body = await self._exchange(request)
            body = _without_key(body, request)
        except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as exc:
            raise ModelFailed(
                ModelFailure.UNAVAILABLE,
                "the provider cannot be reached",
                is_transient=True,
                was_sent=False,
            ) from exc
        # The texts of these errors may quote headers, and so the key: their type is enough.
        except (
            httpcore2.NetworkError,
            httpcore2.TimeoutException,
            httpcore2.ProtocolError,
            ssl.SSLError,
            OSError,
        ) as exc:
            raise ModelFailed(
                ModelFailure.UNAVAILABLE,
                f"the connection broke: {type(exc).__name__}",
                is_transient=True,
            ) from exc
        if not 200 <= status < 300:
            raise _status_failure(status, headers, body)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise _bad(f"content type {outside_text(kind, length_max=40) or 'missing'}")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise _bad("a compressed reply, although none was asked for")
        if request.method == "POST":
            _examine(body, request.url.path)
        return httpx2.Response(
            status,
            # No other header: a server may write the key into any of them.
            headers={"content-type": "application/json"},
            content=body,
            request=request,
        )

    async def _exchange(self, request: httpx2.Request) -> tuple[int, httpx2.Headers, bytes]:
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        response = await self._pool.handle_async_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        reach("during_model_call")
        body = bytearray()
        try:
            async for chunk in response.aiter_stream():
                body += chunk
                if len(body) > REPLY_BYTES_MAX:
                    raise _bad(f"a reply of more than {REPLY_BYTES_MAX:,} bytes")
        finally:
            await response.aclose()
        return response.status, httpx2.Headers(response.headers), bytes(body)

    async def aclose(self) -> None:
        await self._pool.aclose()


def _without_key(body: bytes, request: httpx2.Request) -> bytes:
    """Return the body without the key, should a server send it back; before anything is cut."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    return body.replace(key.encode(), b"[secret]") if len(key) >= KEY_LENGTH_MIN else body


def _bad(message: str) -> ModelFailed:
    return ModelFailed(ModelFailure.BAD_REPLY, message)


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
    return _bad(text)


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


def _examine(body: bytes, path: str) -> None:
    """Note what a reply says of itself, and raise ``ModelFailed`` unless it is a whole one."""
    try:
        reply = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise _bad("the reply is not JSON") from exc
    if not isinstance(reply, dict):
        raise _bad("the reply is no object")
    if path.endswith("/chat/completions"):
        _note_usage(reply, is_chat=True)
        _examine_chat(reply)
    elif path.endswith("/responses"):
        _note_usage(reply, is_chat=False)
        _examine_response(reply)


def _examine_chat(reply: dict[str, Any]) -> None:
    choices = reply.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        raise _bad("the reply has no choices")
    if not isinstance(choices[0].get("message"), dict):
        raise _bad("the reply has no message")
    _require_finished(choices[0].get("finish_reason"))


def _examine_response(reply: dict[str, Any]) -> None:
    output = reply.get("output")
    if not (isinstance(output, list) and all(isinstance(item, dict) for item in output)):
        raise _bad("the reply has no output")
    status = reply.get("status", "completed")
    if status == "incomplete":
        details = reply.get("incomplete_details")
        _require_finished(details.get("reason") if isinstance(details, dict) else "length")
        raise ModelFailed(ModelFailure.TRUNCATED, "the answer is incomplete")
    if status == "failed":
        error = reply.get("error")
        text = str(error.get("message", "")) if isinstance(error, dict) else ""
        raise ModelFailed(
            ModelFailure.UNAVAILABLE,
            f"the provider failed: {outside_text(text)}",
            is_transient=True,
        )
    if status != "completed":
        raise _bad(f"the reply's status is {outside_text(str(status), length_max=30)}")


def _require_finished(reason: Any) -> None:
    if reason in ("length", "max_output_tokens", "max_tokens"):
        raise ModelFailed(ModelFailure.TRUNCATED, "the answer was cut off at the token limit")
    if reason == "content_filter":
        raise ModelFailed(ModelFailure.REFUSED, "the provider's content filter withheld the answer")


def _note_usage(reply: dict[str, Any], *, is_chat: bool) -> None:
    facts = FACTS.get()
    if facts is None:
        return
    model = reply.get("model")
    facts.served_model = outside_text(model, length_max=80) if isinstance(model, str) else None
    usage = reply.get("usage")
    if not isinstance(usage, dict):
        return
    prefix_in, prefix_out = ("prompt", "completion") if is_chat else ("input", "output")
    if usage.get(f"{prefix_in}_tokens") == 0:
        # No prompt has no tokens: this server counts nothing, and writes zeros.
        return
    facts.input_tokens = _count(usage, f"{prefix_in}_tokens")
    facts.output_tokens = _count(usage, f"{prefix_out}_tokens")
    details_in = usage.get(f"{prefix_in}_tokens_details")
    details_out = usage.get(f"{prefix_out}_tokens_details")
    facts.cached_tokens = _count(details_in, "cached_tokens")
    facts.cache_write_tokens = _count(details_in, "cache_write_tokens")
    facts.reasoning_tokens = _count(details_out, "reasoning_tokens")


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
