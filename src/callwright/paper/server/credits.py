"""Deribit's two pools of request credits, as an option: without it nobody is ever slowed down.

Source: venues' rate limit page, read 2026-08; the matching pool is that of the lowest tier.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from callwright.paper.refusals import TOO_MANY_REQUESTS, ExchangeError


@dataclass(frozen=True, slots=True)
class Pool:
    """Credits that a request costs, that there are at most, and that come back each second."""

    cost: float
    most: float
    per_second: float


NON_MATCHING = Pool(cost=500, most=50_000, per_second=10_000)
MATCHING = Pool(cost=1, most=20, per_second=5)


class CreditBuckets:
    """One bucket a pool, full at first.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = {pool: (pool.most, clock()) for pool in (NON_MATCHING, MATCHING)}

    def take(self, pool: Pool) -> None:
        """Pay for one request, or refuse it with 10028 and charge nothing."""
        left, since = self._left[pool]
        now = self._clock()
        left = min(pool.most, left + (now - since) * pool.per_second)
        if not left >= pool.cost:
            self._left[pool] = left, now
            raise ExchangeError(TOO_MANY_REQUESTS)
        self._left[pool] = left - pool.cost, now
