"""A client of the application itself: no socket, no thread, the exchange at hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr

from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan
from callwright.paper.server.app import PaperApp
from callwright.paper.server.auth import Sessions
from callwright.paper.server.credits import CreditBuckets
from callwright.paper.server.dispatch import Dispatcher
from paper_exchange.steps import StepMarket, an_exchange

KEY: dict[str, Any] = {
    "grant_type": "client_credentials",
    "client_id": "paper",
    "client_secret": "a-secret",
}


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Wire:
    """The server over an exchange of its own, and a token to trade with.

    Args:
        source: The market; by default the same quotes at each of five steps.
        make: Makes another exchange.
        with_faults: Whether the fault header is obeyed.
    """

    def __init__(
        self,
        source: StepMarket | None = None,
        *,
        make: Callable[[FaultPlan], PaperExchange] | None = None,
        with_faults: bool = True,
        rate_limit: bool = False,
    ) -> None:
        self.clock = Seconds()
        self.faults = FaultPlan()
        self.exchange = make(self.faults) if make else an_exchange(source, faults=self.faults)
        self.sessions = Sessions(
            SecretStr(KEY["client_id"]), SecretStr(KEY["client_secret"]), clock=self.clock
        )
        self.app = PaperApp(
            Dispatcher(
                self.exchange,
                self.sessions,
                faults=self.faults if with_faults else None,
                credits=CreditBuckets(self.clock) if rate_limit else None,
            )
        )
        self.token = ""

    def send(
        self,
        path: str,
        *,
        verb: str = "POST",
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one HTTP request as it is."""

        async def sent() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await client.request(
                    verb, path, content=content, headers=headers, params=query
                )

        return asyncio.run(sent())

    def rpc(self, method: str, *, fault: str = "", **params: Any) -> httpx.Response:
        """Send an envelope to the method's path, with a token if the method needs one."""
        headers = {"X-Callwright-Fault": fault} if fault else {}
        if method.startswith("private/"):
            headers["Authorization"] = f"bearer {self.authenticated()}"
        body = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}
        return self.send(f"/api/v2/{method}", content=json.dumps(body).encode(), headers=headers)

    def authenticated(self) -> str:
        if not self.token:
            self.token = self.result("public/auth", **KEY)["access_token"]
        return self.token

    def result(self, method: str, *, fault: str = "", **params: Any) -> Any:
        """Return the result, numbers with a point as Decimal."""
        response = self.rpc(method, fault=fault, **params)
        assert response.status_code == 200, response.text
        return exact(response)["result"]

    def error(self, method: str, *, fault: str = "", **params: Any) -> Any:
        """Return the error of a refused request."""
        response = self.rpc(method, fault=fault, **params)
        assert response.status_code in (400, 401), response.text
        return exact(response)["error"]


def words(names: str) -> set[str]:
    """Return the names of fields that are written in one text."""
    return set(names.split())


def exact(response: httpx.Response) -> Any:
    """Return a reply with the digits it was written with."""
    assert response.headers["content-type"] == "application/json"
    return json.loads(response.content, parse_float=Decimal, parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")
