"""Where the paper exchange gets its market from: the seam, and the one way to open a source.

A source is a pure function of (its seed or files, time): a view can be asked again after a restart,
in any order, and is the same bit for bit. It never reads a clock.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from callwright.errors import ConfigError

if TYPE_CHECKING:
    from callwright.domain.market import MarketView

Scenario = Literal["base", "crash", "negative-premium"]

_SYNTHETIC = re.compile(
    r"synthetic(?::(?:(?P<scenario>crash|negative-premium)(?:-(?P<seed>\d{1,18}))?|(?P<plain>\d{1,18})))?",
    re.ASCII,
)
_SPECS = (
    "use synthetic, synthetic:SEED, synthetic:crash-SEED, synthetic:negative-premium-SEED "
    "(SEED a whole number of at most 18 digits) or recorded:DIRECTORY"
)


class DeliveryPrice(NamedTuple):
    """What options settle at: USD to the cent, and how it came about."""

    price_usd: Decimal
    source: Literal["twap_30m", "interpolated"]


class MarketSource(Protocol):
    """A market that can be looked at, at any of its times.

    Attributes:
        name: ``synthetic:7``, ``synthetic:crash-1``, ``recorded``: goes into every record, so it
            never holds a path.
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


def open_source(spec: str, *, step: timedelta) -> MarketSource:
    """Return the market that ``spec`` names; a seed that is left out is 1.

    Args:
        spec: ``synthetic[:SEED]``, ``synthetic:crash[-SEED]``,
            ``synthetic:negative-premium[-SEED]`` or ``recorded:DIRECTORY``.
        step: How far a synthetic market moves at each step, a second or more; a recorded one moves
            from snapshot to snapshot.

    Raises:
        ConfigError: Not a market, an impossible step, or a directory without snapshots.
    """
    kind, _, place = spec.partition(":")
    if kind == "recorded" and place:
        from callwright.paper.recorded import RecordedSource

        return RecordedSource(Path(place))
    match = _SYNTHETIC.fullmatch(spec)
    if match is None:
        raise ConfigError(f"{spec!r} is not a market", remedy=_SPECS)
    if not step >= timedelta(seconds=1):
        raise ConfigError(
            f"a synthetic market cannot move by {step} a step", remedy="use a step of 1s or more"
        )
    from callwright.paper.synthetic.market import SyntheticSource

    scenario: Scenario = "base"
    if match["scenario"] == "crash":
        scenario = "crash"
    elif match["scenario"]:
        scenario = "negative-premium"
    return SyntheticSource(int(match["seed"] or match["plain"] or 1), scenario=scenario, step=step)
