"""A reply that comes in pieces: bounded, examined piece by piece, and over when it says so.

Server-sent events as both wires send them (WHATWG HTML, server-sent events, read 2026-11-21): of
each event only the data are passed on, as one line. A connection that ends before the reply does
is a broken one, whatever came until then.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from callwright.agents.failures import ModelFailed
from callwright.agents.replies import (
    ReplyFacts,
    bad_reply,
    examine_response,
    json_object,
    note_usage,
    require_finished,
)
from callwright.domain.failure import ModelFailure
from callwright.tools.fences import outside_text

REPLY_BYTES_MAX = 2_000_000

_DONE = b"[DONE]"


@contextmanager
def connection_errors() -> Iterator[None]:
    """Turn what can happen to a connection into ``ModelFailed``."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as exc:
        raise ModelFailed(
            ModelFailure.UNAVAILABLE,
            "the provider cannot be reached",
            is_transient=True,
            was_sent=False,
        ) from exc
    # The texts of these errors may quote headers, and so the key: their type is enough.
    except (httpx2.TransportError, ssl.SSLError, OSError) as exc:
        raise ModelFailed(
            ModelFailure.UNAVAILABLE,
            f"the connection broke: {type(exc).__name__}",
            is_transient=True,
        ) from exc


async def pieces_of(response: httpx2.Response) -> AsyncIterator[bytes]:
    """Yield the body as it comes.

    Raises:
        ModelFailed: It is larger than ``REPLY_BYTES_MAX``, or the connection broke.
    """
    count = 0
    with connection_errors():
        async for chunk in response.aiter_raw():
            count += len(chunk)
            if count > REPLY_BYTES_MAX:
                raise bad_reply(f"a reply of more than {REPLY_BYTES_MAX:,} bytes")
            yield chunk


class EventStream(httpx2.AsyncByteStream):
    """The body of a streamed reply, for the client above; raises ``ModelFailed`` while it is read.

    Args:
        path: Of the request; it tells the wire.
        facts: Where model and tokens are noted.
        clean: Takes the key out of a piece.
    """

    def __init__(
        self,
        response: httpx2.Response,
        *,
        path: str,
        facts: ReplyFacts,
        clean: Callable[[bytes], bytes],
    ) -> None:
        self._response = response
        self._facts = facts
        self._clean = clean
        self._is_chat = path.endswith("/chat/completions")
        self._is_read = False
        self._may_end = False
        self._is_over = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield one event after the other, until the reply is over; a second time nothing."""
        if self._is_read:
            return
        self._is_read = True
        data: list[bytes] = []
        rest: list[bytes] = []
        try:
            async for chunk in pieces_of(self._response):
                rest.append(chunk)
                if b"\n" not in chunk:
                    continue
                *lines, last = b"".join(rest).split(b"\n")
                rest = [last]
                for line in (line.removesuffix(b"\r") for line in lines):
                    if line.startswith(b"data:"):
                        data.append(line[5:].strip())
                    elif not line and data:
                        payload = self._clean(b" ".join(data))
                        data.clear()
                        self._take(payload)
                        yield b"data: " + payload + b"\n\n"
                        if self._is_over:
                            return
        finally:
            await self._response.aclose()
        if not self._may_end:
            raise ModelFailed(
                ModelFailure.UNAVAILABLE, "the reply broke off in the middle", is_transient=True
            )

    async def aclose(self) -> None:
        """Close the connection, read to the end or not."""
        await self._response.aclose()

    def _take(self, payload: bytes) -> None:
        if payload == _DONE:
            if not self._may_end:
                raise bad_reply("the reply ended without saying why")
            self._is_over = True
            return
        event = json_object(payload)
        error = event.get("error")
        if error or event.get("type") == "error":
            text = error.get("message") if isinstance(error, dict) else event.get("message")
            raise ModelFailed(
                ModelFailure.UNAVAILABLE,
                f"the provider failed: {outside_text(str(text or ''))}",
                is_transient=True,
            )
        if self._is_chat:
            self._take_chat(event)
        else:
            self._take_response(event)

    def _take_chat(self, chunk: dict[str, Any]) -> None:
        choices = chunk.get("choices")
        if not (isinstance(choices, list) and all(isinstance(choice, dict) for choice in choices)):
            raise bad_reply("a piece of the reply has no choices")
        reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
        # The usage may follow in a piece of its own, and some servers send no end.
        self._may_end |= bool(reasons)
        if self._may_end or not choices:
            # Some count along with each piece; only the last count is what it took.
            note_usage(chunk, self._facts, is_chat=True)
        for reason in reasons:
            require_finished(reason)

    def _take_response(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind not in ("response.completed", "response.incomplete", "response.failed"):
            return
        response = event.get("response")
        if not isinstance(response, dict):
            raise bad_reply("the reply has no response")
        note_usage(response, self._facts, is_chat=False)
        examine_response(response)
        if kind != "response.completed":
            raise bad_reply(f"the reply ended with {kind}")
        self._is_over = self._may_end = True
