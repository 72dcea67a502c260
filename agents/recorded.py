"""Replies of a model played from a recording: the innermost end of the wire to it.

Everything above stays in force: requests are booked, capped and timed, and a reply that is played
is examined as one that came over the network. A player has no network: a request that was not
recorded fails as such, and says how it differs from the recorded ones.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

import httpx2

from callwright.agents.failures import ModelFailed
from callwright.domain.failure import ModelFailure
from callwright.recordings import Exchange, Recording
from callwright.recordings.requests import Asked, asked_of

BASE_URL = "http://recorded.invalid/v1"
"""Where a player's requests go: nowhere. The name is reserved for that (RFC 2606)."""


MakeTransport = Callable[[], httpx2.AsyncBaseTransport]


class Tape(Protocol):
    """What stands between an agent and the network: a player or a recorder."""

    @property
    def facts(self) -> Mapping[str, str]:
        """Return what records say of the recording: ``model`` and ``date``."""
        ...

    @property
    def is_played(self) -> bool:
        """Whether nothing is sent."""
        ...

    def clock(self) -> float:
        """Return the seconds that all replies so far took when they were recorded."""
        ...

    def transport(self, network: MakeTransport) -> httpx2.AsyncBaseTransport:
        """Return what carries requests; only a recorder makes ``network``."""
        ...


class Player:
    """Answers from a recording."""

    is_played = True

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._seconds = 0.0

    @property
    def facts(self) -> Mapping[str, str]:
        """Return model and day of the recording."""
        return self._recording.origin.facts

    def clock(self) -> float:
        """Return the seconds that all replies so far took when they were recorded."""
        return self._seconds

    def transport(self, network: MakeTransport) -> httpx2.AsyncBaseTransport:
        """Return a transport without a network."""
        return _Playing(self)

    def reply(self, asked: Asked) -> Exchange:
        """Return what was answered to this request.

        Raises:
            ModelFailed: It was not recorded.
        """
        found = self._recording.find(asked)
        if found is None:
            why = self._recording.difference(asked)
            raise ModelFailed(
                ModelFailure.NOT_RECORDED, f"this request was not recorded: {why}", was_sent=False
            )
        self._seconds += found.seconds
        return found


class _Playing(httpx2.AsyncBaseTransport):
    def __init__(self, player: Player) -> None:
        self._player = player

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return response_of(self._player.reply(asked_by(request, await body_of(request))))


async def body_of(request: httpx2.Request) -> bytes:
    """Return the body of a request; it can be read again."""
    assert isinstance(request.stream, httpx2.AsyncByteStream)
    return b"".join([piece async for piece in request.stream])


def asked_by(request: httpx2.Request, body: bytes) -> Asked:
    """Return a request as it is compared.

    Raises:
        ModelFailed: It is no request to a model.
    """
    try:
        return asked_of(request.url.path, body)
    except (ValueError, AttributeError, TypeError) as exc:
        raise ModelFailed(
            ModelFailure.NOT_RECORDED, "this request is of no kind that is recorded", was_sent=False
        ) from exc


def response_of(exchange: Exchange) -> httpx2.Response:
    """Return a recorded reply, for whoever reads it as one that comes over a network."""
    return httpx2.Response(
        exchange.status,
        headers={"content-type": exchange.content_type},
        stream=_Whole(exchange.body.encode()),
    )


class _Whole(httpx2.AsyncByteStream):
    """A body that is there already, read as one that comes."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
