"""Replies of a model recorded as they come over the wire, to be played by ``recorded.Player``.

Given to agents by ``scripts/record_demo.py`` and tests only: no setting reaches it. No header is
kept, ids that a server draws become numbers, and a secret keeps the recording from being written.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2

from callwright.agents.recorded import MakeTransport, asked_by, body_of, response_of
from callwright.errors import ConfigError
from callwright.recordings import Exchange, Origin, Recording, write_recording
from callwright.recordings.requests import Asked

_SECRET = re.compile(r"sk-[A-Za-z0-9_-]{16,}|Bearer [A-Za-z0-9]", re.ASCII)
_DRAWN_ID = re.compile(rb'"(?:id|call_id|tool_call_id|response_id|item_id)": ?"([^"]{6,})"')
_OUR_ID = b"recorded_"
_OUR_IDS = re.compile(rf'"{_OUR_ID.decode()}(\d+)"')
_KEY_LENGTH_MIN = 8


class Recorder:
    """Keeps what a model answers; the same request is asked once only.

    Args:
        base_url: Of the model's server.
        keys: Texts that no recording may hold.
        earlier: Replies that need not be asked for again: of a recording that was not finished.
        clock: Seconds that only ever grow.
    """

    is_played = False

    def __init__(
        self,
        base_url: str,
        origin: Origin,
        *,
        keys: tuple[str, ...] = (),
        earlier: Recording | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url
        self.origin = origin
        self._keys = tuple(key for key in keys if len(key) >= _KEY_LENGTH_MIN)
        self._wall = clock
        self._seconds = 0.0
        self._exchanges: dict[tuple[str, str], Exchange] = {}
        self._earlier = earlier
        used = () if earlier is None else earlier.exchanges
        numbers = [int(n) for e in used for n in _OUR_IDS.findall(e.body)]
        self._ids_before = max(numbers, default=0)
        self._ids: dict[bytes, bytes] = {}
        self._secrets = 0

    @property
    def facts(self) -> Mapping[str, str]:
        """Return model and day of the recording."""
        return self.origin.facts

    def clock(self) -> float:
        """Return the seconds that all replies so far took."""
        return self._seconds

    def transport(self, network: MakeTransport) -> httpx2.AsyncBaseTransport:
        """Return a transport that passes requests on and keeps the replies, good or not."""
        return _RecordingTransport(self, network())

    def known(self, asked: Asked) -> Exchange | None:
        """Return what this request was answered before."""
        found = self._exchanges.get((asked.wire, asked.sha256))
        if found is None and self._earlier is not None:
            found = self._earlier.find(asked)
        if found is not None:
            self._exchanges[asked.wire, asked.sha256] = found
            self._seconds += found.seconds
        return found

    def keep(
        self,
        asked: Asked,
        request: bytes,
        *,
        status: int,
        content_type: str,
        body: bytes,
        seconds: float,
    ) -> Exchange:
        """Keep a reply and return it as it is played later: with numbers for drawn ids."""
        for drawn in _DRAWN_ID.findall(body):
            if not drawn.startswith(_OUR_ID):
                number = self._ids_before + len(self._ids) + 1
                self._ids.setdefault(drawn, b"%s%d" % (_OUR_ID, number))
        # The longest first: one may be the beginning of another.
        for drawn in sorted(self._ids, key=len, reverse=True):
            body = body.replace(drawn, self._ids[drawn])
        text = body.decode(errors="replace")
        whole = f"{request.decode()}{text}{_spoken(text)}"
        self._secrets += bool(_SECRET.search(whole)) or any(key in whole for key in self._keys)
        exchange = Exchange(
            wire=asked.wire,
            sha256=asked.sha256,
            parts=asked.parts,
            status=status,
            content_type=content_type,
            body=text,
            seconds=round(seconds, 1),
        )
        self._exchanges[asked.wire, asked.sha256] = exchange
        self._seconds += exchange.seconds
        return exchange

    def save(self, path: Path, **facts: object) -> None:
        """Write the recording; ``facts`` are told in its origin.

        Raises:
            ConfigError: A secret would be in it; nothing is written.
            StorageError: The file cannot be written.
        """
        self._refuse_secrets()
        origin = self.origin.model_copy(update=facts)
        write_recording(path, origin, tuple(self._exchanges.values()))

    def save_unfinished(self, path: Path) -> None:
        """Write all that is known so far, to go on from later; nothing earlier is lost.

        Raises:
            ConfigError, StorageError: As ``save``.
        """
        self._refuse_secrets()
        earlier = () if self._earlier is None else self._earlier.exchanges
        known = {(e.wire, e.sha256): e for e in earlier} | self._exchanges
        write_recording(path, self.origin, tuple(known.values()))

    def _refuse_secrets(self) -> None:
        if self._secrets:
            raise ConfigError(
                f"{self._secrets} exchanges hold a secret, so nothing is written",
                remedy="find out how it came into a prompt or a reply",
            )


class _RecordingTransport(httpx2.AsyncBaseTransport):
    def __init__(self, recorder: Recorder, network: httpx2.AsyncBaseTransport) -> None:
        self._recorder = recorder
        self._network = network

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await body_of(request)
        asked = asked_by(request, body)
        known = self._recorder.known(asked)
        if known is not None:
            return response_of(known)
        started = self._recorder._wall()
        response = await self._network.handle_async_request(request)
        try:
            reply = b"".join([piece async for piece in response.aiter_raw()])
        finally:
            await response.aclose()
        return response_of(
            self._recorder.keep(
                asked,
                body,
                status=response.status_code,
                content_type=response.headers.get("content-type", ""),
                body=reply,
                seconds=self._recorder._wall() - started,
            )
        )

    async def aclose(self) -> None:
        await self._network.aclose()


def _spoken(body: str) -> str:
    """Return what a reply says that came in pieces, put together: a piece may be half a secret."""
    said: dict[str, list[str]] = {}
    for line in body.splitlines():
        if line.startswith("data:"):
            with suppress(ValueError, RecursionError):
                _collect(json.loads(line[5:]), "", said)
    return "\n".join("".join(pieces) for pieces in said.values())


def _collect(value: Any, name: str, said: dict[str, list[str]]) -> None:
    if isinstance(value, str):
        said.setdefault(name, []).append(value)
    for key, item in value.items() if isinstance(value, dict) else ():
        _collect(item, key, said)
    for item in value if isinstance(value, list) else ():
        _collect(item, name, said)
