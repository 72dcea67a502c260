"""What of a text that a model is told stands within the fences, and what around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN


def outside_fences(text: str) -> str:
    return re.sub(f"{FENCE_OPEN}.*?{FENCE_CLOSE}", "", text, flags=re.DOTALL)


def inside_fences(text: str) -> str:
    """Return what the first pair of fences holds."""
    return text[text.index(FENCE_OPEN) + len(FENCE_OPEN) : text.index(FENCE_CLOSE)]


def strings_of(data: Any) -> Iterator[str]:
    """Yield every text within a JSON value, keys too."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield key
            yield from strings_of(value)
    elif isinstance(data, list):
        for value in data:
            yield from strings_of(value)
