"""A Deribit of a few lines: answers by method, every request counted, no socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from builders import NOW
from callwright.domain.base import to_ms
from callwright.venues.deribit.client import DeribitClient
from callwright.venues.deribit.rate import NoThrottle
from callwright.venues.deribit.venue import DeribitVenue

TESTNET = "https://test.deribit.com/api/v2"
CLIENT_ID, CLIENT_SECRET = "the-key-id-of-a-test", "the-key-secret-of-a-test"
TOKEN = "the-token-of-a-test"
NOW_MS = to_ms(NOW)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Refusal(Exception):
    """Makes a stub answer with an error."""

    def __init__(self, code: int, message: str = "refused", **data: str) -> None:
        super().__init__(code)
        self.error = {"code": code, "message": message, "data": data}


class Seconds:
    """A clock that is set by hand, and what was slept by it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


Answerer = Callable[[dict[str, Any]], Any]


class StubDeribit(httpx.AsyncBaseTransport):
    """Implements a transport of httpx.

    Args:
        answers: By method: a result, or a function of the params that returns one, returns a whole
            ``httpx.Response``, or raises (``Refusal``, an exception of httpx).
    """

    def __init__(self, answers: Mapping[str, Any] | None = None, *, now_ms: int = NOW_MS) -> None:
        self.answers: dict[str, Any] = {"public/auth": self.auth, **(answers or {})}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.requests: list[httpx.Request] = []
        self.now_ms = now_ms
        self.envelope: dict[str, Any] = {"testnet": True}
        self.scope = "account:read trade:read_write"
        self.expires_in = 900

    def auth(self, params: dict[str, Any]) -> dict[str, Any]:
        return {
            "access_token": TOKEN,
            "refresh_token": "another",
            "expires_in": self.expires_in,
            "scope": self.scope,
            "token_type": "bearer",
        }

    def count(self, method: str) -> int:
        return sum(name == method for name, _ in self.asked)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        envelope = json.loads(await request.aread(), parse_float=Decimal)
        method = envelope["method"]
        assert request.url.path == f"/api/v2/{method}"
        self.requests.append(request)
        self.asked.append((method, envelope["params"]))
        found = self.answers[method]
        status, content = 200, {"result": found}
        try:
            if callable(found):
                content = {"result": found(envelope["params"])}
        except Refusal as refusal:
            status, content = 400, {"error": refusal.error}
        if isinstance(content.get("result"), httpx.Response):
            whole: httpx.Response = content["result"]
            return whole
        body = _ENCODER.encode(
            {
                "jsonrpc": "2.0",
                "id": envelope["id"],
                "usIn": self.now_ms * 1000,
                "usOut": self.now_ms * 1000 + 999,
                "usDiff": 999,
                **self.envelope,
                **content,
            }
        )
        return httpx.Response(
            status,
            stream=httpx.ByteStream(body),
            headers={"content-type": "application/json; charset=utf-8"},
        )


def a_client(stub: StubDeribit, *, url: str = TESTNET, **changes: Any) -> DeribitClient:
    fields: dict[str, Any] = {
        "client_id": SecretStr(CLIENT_ID),
        "client_secret": SecretStr(CLIENT_SECRET),
        "throttle": NoThrottle(),
        "transport": stub,
    }
    return DeribitClient(url, **(fields | changes))


def a_deribit(stub: StubDeribit, **changes: Any) -> DeribitVenue:
    return DeribitVenue(a_client(stub, **changes), "deribit-test")
