"""The same paper exchange in process and over HTTP, each behind its venue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx
import stamina
from pydantic import SecretStr

from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan
from callwright.venues.deribit.client import READ_ATTEMPTS
from callwright.venues.deribit.simulated import SimulatedDeribit, open_simulated
from callwright.venues.paper import PaperVenue
from paper_exchange.steps import StepMarket, an_exchange
from paper_servers import CLIENT_ID, CLIENT_SECRET, serving

T = TypeVar("T")
Way = Literal["in-process", "over-http"]

SHORT = httpx.Timeout(5.0)


@dataclass(frozen=True)
class Rig:
    """A venue on a paper exchange of its own, whose faults can be armed.

    Attributes:
        posts: How often a read is tried when it fails in a way that passes.
    """

    way: Way
    venue: PaperVenue | SimulatedDeribit
    faults: FaultPlan
    posts: int
    _runner: asyncio.Runner
    _ask: Callable[[Callable[[PaperExchange], Any]], Any]

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(call)

    def ask(self, question: Callable[[PaperExchange], T]) -> T:
        """Return what the exchange itself says."""
        answer: T = self._ask(question)
        return answer


@contextmanager
def a_rig(way: Way, home: Path, source: StepMarket | None = None) -> Iterator[Rig]:
    """Open an exchange on ``source`` and the venue that leads to it; retries do not wait."""
    with asyncio.Runner() as runner:
        if way == "in-process":
            plan = FaultPlan()
            exchange = an_exchange(source, faults=plan)
            venue = PaperVenue(exchange, "paper-test")
            yield Rig(way, venue, plan, 1, runner, lambda question: question(exchange))
            exchange.close()
            return
        with (
            stamina.set_testing(True, attempts=READ_ATTEMPTS, cap=True),
            serving(home, exchange=lambda plan: an_exchange(source, faults=plan)) as server,
        ):
            remote = a_remote_venue(server.url)
            try:
                yield Rig(way, remote, server.faults, READ_ATTEMPTS, runner, server.ask)
            finally:
                runner.run(remote.aclose())


def a_remote_venue(url: str) -> SimulatedDeribit:
    return open_simulated(
        url,
        account_id="paper-test",
        client_id=SecretStr(CLIENT_ID),
        client_secret=SecretStr(CLIENT_SECRET),
        underlyings=("BTC", "ETH"),
        timeouts=SHORT,
    )
