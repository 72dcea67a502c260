"""Request credits: how long to wait before the venue would refuse for coming too often.

Every pool is a bucket that fills steadily; a request that finds too little waits for its turn. The
table is Deribit's default tier; a tier with more is merely used less than it could be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple


class Pool(NamedTuple):
    """Credits that a request costs, that there are at most, and that come back each second."""

    cost: float
    most: float
    per_second: float


NON_MATCHING = Pool(500, 50_000, 10_000)
MATCHING = Pool(1, 20, 5)
# Sustained 1 a second; how many at once is not known, so hardly any.
INSTRUMENTS = Pool(10_000, 20_000, 10_000)
TRANSACTION_LOG = Pool(10_000, 80_000, 10_000)

POOLS = {
    "private/buy": MATCHING,
    "private/sell": MATCHING,
    "private/cancel": MATCHING,
    "public/get_instruments": INSTRUMENTS,
    "private/get_transaction_log": TRANSACTION_LOG,
}
"""By method; all others are ``NON_MATCHING``. Source: rate limits article, read 2026-08."""


class Throttle:
    """Waits until a request may be sent.

    Args:
        clock: Seconds that only grow.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._left: dict[Pool, tuple[float, float]] = {}

    async def wait(self, method: str) -> None:
        """Pay for one request of this method, and return when its credits are there."""
        pool = POOLS.get(method, NON_MATCHING)
        # Paid before the wait, possibly into debt, so that whoever comes next waits behind.
        left = self._refilled(pool) - pool.cost
        self._left[pool] = left, self._clock()
        if left < 0:
            await self._sleep(-left / pool.per_second)

    def refused(self, method: str) -> None:
        """Note that the venue counts less than we do: the pool is empty."""
        pool = POOLS.get(method, NON_MATCHING)
        self._left[pool] = min(self._refilled(pool), 0.0), self._clock()

    def _refilled(self, pool: Pool) -> float:
        left, since = self._left.get(pool, (pool.most, self._clock()))
        return min(pool.most, left + (self._clock() - since) * pool.per_second)


class NoThrottle(Throttle):
    """Never waits: for a paper server, which counts nothing."""

    async def wait(self, method: str) -> None:
        """Return at once."""

    def refused(self, method: str) -> None:
        """Keep no account."""
