"""Two sides of an agreement, and what only one of them names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Side(NamedTuple):
    """The names that one place has."""

    place: str
    names: frozenset[str]


def side(place: str, names: Iterable[str]) -> Side:
    return Side(place, frozenset(names))


def within(part: Side, whole: Side) -> Iterator[str]:
    """Yield a sentence for each name of ``part`` that ``whole`` has not."""
    for name in sorted(part.names - whole.names):
        yield f"{part.place} says {name}, and {whole.place} does not"


def equal(one: Side, other: Side) -> Iterator[str]:
    """Yield a sentence for each name that only one of the two has."""
    yield from within(one, other)
    yield from within(other, one)
