"""How data is shown to a model: as JSON inside a fence that data cannot close.

Instrument names, reasons and venue messages come from outside. They reach a model only as JSON
strings, without control characters, cut to a length, and with ``<`` and ``>`` escaped, so that no
text can end the fence and speak outside it. A small model is told sentences that quote them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

FENCE_OPEN, FENCE_CLOSE = "<data>", "</data>"
TEXT_LENGTH_MAX = 120
_TAG = re.compile(r"<(?![\s=\d])")


def fenced(value: Mapping[str, Any]) -> str:
    """Return ``value`` as compact JSON between the fences.

    Raises:
        ValueError: A number is not finite; show what is unknown as None.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    # In JSON these two stand in strings only, and there the escape means the same.
    return FENCE_OPEN + text.replace("<", "\\u003c").replace(">", "\\u003e") + FENCE_CLOSE


def fenced_lines(lines: Sequence[str]) -> str:
    """Return sentences between the fences as they are: a small model copies every escape of JSON.

    What could be read as a fence is broken up.
    """
    return f"{FENCE_OPEN}\n{_TAG.sub('(', chr(10).join(lines))}\n{FENCE_CLOSE}"


def outside_text(text: str, *, length_max: int = TEXT_LENGTH_MAX) -> str:
    """Return a text that others wrote, in one line, printable, at most ``length_max`` long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * length_max]).split())
    return line if len(line) <= length_max else line[: length_max - 1] + "…"


def printable(value: Any, *, length_max: int) -> Any:
    """Return JSON values with every text and name in them as ``outside_text`` leaves it."""
    if isinstance(value, str):
        return outside_text(value, length_max=length_max)
    if isinstance(value, Mapping):
        return {
            outside_text(str(name), length_max=length_max): printable(item, length_max=length_max)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [printable(item, length_max=length_max) for item in value]
    return value


def number(value: float | Decimal | None, digits: int = 4) -> float | int | None:
    """Return a number to ``digits`` significant digits; None when it is unknown or not finite."""
    if value is None or not math.isfinite(value):
        return None
    if isinstance(value, int):
        return value
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded
