"""Where the paper exchange gets its market from: the seam.

A source is a pure function of (its seed or files, time): a view can be asked again after a restart,
in any order, and is the same bit for bit. It never reads a clock.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from callwright.domain.market import MarketView

Scenario = Literal["base", "crash", "negative-premium"]


class DeliveryPrice(NamedTuple):
    """What options settle at: USD to the cent, and how it came about."""

    price_usd: Decimal
    source: Literal["twap_30m", "interpolated"]


class MarketSource(Protocol):
    """A market that can be looked at, at any of its times.

    Attributes:
        name: ``synthetic:7``, ``synthetic:crash-1``, ``recorded:5f2c91aa``: goes into every
            record, so it never holds a path.
        depth_model: How displayed sizes come about, in words.
        underlyings: The coins, in a fixed order.
    """

    @property
    def name(self) -> str: ...

    @property
    def depth_model(self) -> str: ...

    @property
    def underlyings(self) -> tuple[str, ...]: ...

    def start(self) -> datetime:
        """Return the first market time."""
        ...

    def next_after(self, at: datetime) -> datetime:
        """Return the market time that follows ``at``.

        Raises:
            MarketExhausted: A recorded market has no later snapshot.
        """
        ...

    def view(self, at: datetime) -> MarketView:
        """Return the whole market at ``at``.

        Raises:
            DataInvalid: There is no market at that time, or its file cannot be trusted.
        """
        ...

    def index_at(self, underlying: str, at: datetime) -> float:
        """Return the index price in USD at any time that the source covers.

        Raises:
            DataInvalid: The source does not cover that time.
        """
        ...

    def delivery_price(self, underlying: str, expiry: datetime) -> DeliveryPrice:
        """Return the price that options of ``expiry`` settle at.

        Raises:
            DataInvalid: The source does not cover that time.
        """
        ...
