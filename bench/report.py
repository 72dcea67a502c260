"""Figures that are not the time of one repeatable call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Report(NamedTuple):
    """What was measured, and its figures, each name with its unit."""

    name: str
    figures: Mapping[str, float]

    def line(self) -> str:
        """Return both in one line."""
        figures = ", ".join(f"{name} {value:,.2f}" for name, value in self.figures.items())
        return f"{self.name:<62} {figures}"
