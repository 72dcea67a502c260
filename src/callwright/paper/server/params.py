"""The params of one request, read liberally: numbers and booleans may come as strings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from callwright.paper.refusals import INVALID_PARAMS, ExchangeError

W = TypeVar("W", bound=str)

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_TEXT_LENGTH_MAX = 1_024
_DIGITS_MAX, _DECIMALS_MAX = 15, 30
"""Before and behind the point: no amount, price or time needs more, and arithmetic stays exact."""


class Params:
    """Named params; what a method does not ask for is ignored, null counts as left out.

    Every getter raises ``ExchangeError`` -32602 with the name of the param.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str) -> str:
        """Return a string that must be there."""
        value = self._required(name)
        if not isinstance(value, str) or len(value) > _TEXT_LENGTH_MAX:
            raise invalid(name, "must be a string")
        return value

    def text_or(self, name: str, default: str) -> str:
        """Return a string, or the default."""
        return self.text(name) if name in self else default

    def number(self, name: str) -> Decimal:
        """Return a finite number of ordinary size, with the digits it was written with."""
        value = self._required(name)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = Decimal(value)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise invalid(name, "must be a number")
        number = Decimal(value)
        decimals = number.as_tuple().exponent
        if not (isinstance(decimals, int) and decimals >= -_DECIMALS_MAX):
            raise invalid(name, "must be a finite number of ordinary size")
        if number.adjusted() >= _DIGITS_MAX:
            raise invalid(name, "must be a finite number of ordinary size")
        return number

    def number_or_none(self, name: str) -> Decimal | None:
        """Return a number, or None when it was left out."""
        return self.number(name) if name in self else None

    def whole(self, name: str) -> int:
        """Return a whole number that must be there."""
        number = self.number(name)
        if number != number.to_integral_value():
            raise invalid(name, "must be a whole number")
        return int(number)

    def whole_or(self, name: str, default: int) -> int:
        """Return a whole number, or the default."""
        return self.whole(name) if name in self else default

    def count(self, *, default: int, most: int) -> int:
        """Return how many rows are asked for: 1 to ``most``."""
        count = self.whole_or("count", default)
        if not 1 <= count <= most:
            raise invalid("count", f"must be 1 to {most}")
        return count

    def flag(self, name: str) -> bool:
        """Return a boolean; false when it was left out."""
        value = self._values.get(name)
        if isinstance(value, str):
            value = {"true": True, "false": False}.get(value.lower())
        elif value is None:
            value = False
        if not isinstance(value, bool):
            raise invalid(name, "must be true or false")
        return value

    def choice(self, name: str, words: Sequence[W], *, default: W | None = None) -> W:
        """Return one of ``words``; without a default it must be there."""
        if default is not None and name not in self:
            return default
        value = self.text(name)
        for word in words:
            if word == value:
                return word
        raise invalid(name, f"must be one of {', '.join(words)}")

    def _required(self, name: str) -> object:
        value = self._values.get(name)
        if value is None:
            raise invalid(name, "is required")
        return value


def invalid(name: str, why: str) -> ExchangeError:
    """Return the refusal of one param."""
    return ExchangeError(INVALID_PARAMS, f"param={name} {why}")
