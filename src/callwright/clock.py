"""The wall clock, for desks on a market that moves by itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class WallClock:
    """Implements ``ports.Clock`` with this machine's time."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        await asyncio.sleep(seconds)
