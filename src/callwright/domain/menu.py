"""What is worth considering now, for a brain that chooses a proposal instead of writing one."""

from __future__ import annotations

from callwright.domain.base import Frozen
from callwright.domain.decision import CloseCoveredCall, OpenCoveredCall, RollCoveredCall


class Menu(Frozen):
    """Proposals without a reasoning; to hold is always possible, and is not listed.

    Attributes:
        in_danger: Names of the short calls that need care, most urgent first.
        rolls, closes: Of those; while one can be rolled there is nothing else.
        sales: Calls on coins whose volatility is worth selling, nearest to the target delta first.
        harvests: Rolls of short calls whose premium is earned.
    """

    in_danger: tuple[str, ...] = ()
    rolls: tuple[RollCoveredCall, ...] = ()
    closes: tuple[CloseCoveredCall, ...] = ()
    sales: tuple[OpenCoveredCall, ...] = ()
    harvests: tuple[RollCoveredCall, ...] = ()
