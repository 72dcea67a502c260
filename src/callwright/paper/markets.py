"""Opening a market by its name: the one place that knows every kind of source."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from callwright.errors import ConfigError
from callwright.paper.source import MarketSource, Scenario

_SYNTHETIC = re.compile(
    r"synthetic(?::(?:(?P<scenario>crash|negative-premium)(?:-(?P<seed>\d{1,18}))?|(?P<plain>\d{1,18})))?",
    re.ASCII,
)
_SPECS = (
    "use synthetic, synthetic:SEED, synthetic:crash-SEED, synthetic:negative-premium-SEED "
    "(SEED a whole number of at most 18 digits) or recorded:DIRECTORY"
)


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
