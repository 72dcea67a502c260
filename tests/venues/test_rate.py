"""Request credits: bursts are free, then requests wait for their turn."""

from __future__ import annotations

import asyncio

import pytest

from callwright.venues.deribit.rate import Throttle
from venues.stubs import Seconds


def slept_for(method: str, times: int) -> list[float]:
    clock = Seconds()
    throttle = Throttle(clock, clock.sleep)

    async def ask() -> None:
        for _ in range(times):
            await throttle.wait(method)

    asyncio.run(ask())
    return clock.slept


@pytest.mark.parametrize(
    ("method", "burst", "then_s"),
    [
        pytest.param("public/ticker", 100, 0.05, id="non-matching-20-a-second"),
        pytest.param("private/sell", 20, 0.2, id="matching-5-a-second"),
        pytest.param("private/cancel", 20, 0.2, id="cancels-are-matching"),
        pytest.param("public/get_instruments", 2, 1.0, id="instruments-1-a-second"),
        pytest.param("private/get_transaction_log", 8, 1.0, id="transaction-log-1-a-second"),
    ],
)
def test_a_burst_is_free_and_then_each_request_waits(
    method: str, burst: int, then_s: float
) -> None:
    assert slept_for(method, burst) == []
    assert slept_for(method, burst + 3) == pytest.approx([then_s] * 3)


def test_pools_are_apart() -> None:
    clock = Seconds()
    throttle = Throttle(clock, clock.sleep)

    async def ask() -> None:
        for _ in range(20):
            await throttle.wait("private/sell")
        await throttle.wait("public/ticker")

    asyncio.run(ask())
    assert clock.slept == []


def test_requests_at_once_wait_one_behind_the_other() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def ask() -> None:
        throttle = Throttle(lambda: 0.0, sleep)
        await asyncio.gather(*(throttle.wait("private/buy") for _ in range(23)))

    asyncio.run(ask())
    assert waits == pytest.approx([0.2, 0.4, 0.6])


def test_a_venue_that_counts_less_empties_the_pool() -> None:
    clock = Seconds()
    throttle = Throttle(clock, clock.sleep)
    throttle.refused("private/sell")
    asyncio.run(throttle.wait("private/sell"))
    assert clock.slept == pytest.approx([0.2])
