"""Is a written number a stored one? Units, rounding, sign.

Rounding is allowed to the digits shown, and by a tenth of the value at most.
"""

from __future__ import annotations

from callwright.explain.facts import Fact
from callwright.explain.fields import BY_KIND
from callwright.explain.names import SECONDS
from callwright.explain.reading import Number

RELATIVE_MAX = 0.10
"""Rounding may move a number by a tenth of it at most: 0.2 stands for 0.22, not for 0.15."""

_EPS = 1e-9


def agrees(number: Number, unit: str, fact: Fact, *, flips: bool = False) -> bool:
    """Return whether a written number is this fact, rounded to the digits shown."""
    scaled = in_unit_of(number, unit, fact)
    if scaled is None:
        return False
    said, half = scaled
    kinds = [BY_KIND[kind] for kind in fact.kinds if kind in BY_KIND]
    is_exact = fact.unit == "count" or any(kind.exact for kind in kinds)
    # "4k decisions" is rounded to what it shows; a strike never is.
    if is_exact and fact.unit in ("count", "tokens") and half >= 1:
        is_exact = False
    for value in (fact.value, -fact.value) if flips and fact.value < 0 else (fact.value,):
        gap = abs(said - value)
        if gap <= _EPS * abs(value):
            return True
        if is_exact or said * value <= 0:
            continue
        if gap <= half * (1 + 1e-6) and gap <= RELATIVE_MAX * abs(value) * (1 + 1e-6):
            return True
    return False


def in_unit_of(number: Number, unit: str, fact: Fact) -> tuple[float, float] | None:
    """Return value and half a last digit in the fact's unit; None when the units contradict."""
    value, half = number.value, number.half
    match fact.unit:
        case "frac":
            if unit == "pct":
                return value / 100, half / 100
            return (value, half) if unit == "" else None
        case "pct":
            if unit == "pct":
                return value, half
            return (value * 100, half * 100) if unit == "" and abs(value) <= 1 else None
        case "usd":
            return (value, half) if unit in ("usd", "") else None
        case "coin":
            if unit.startswith("coin"):
                coin = unit.removeprefix("coin").strip()
                if coin and fact.of.get("coin") not in (None, coin):
                    return None
                return value, half
            return (value, half) if unit == "" else None
        case "days" | "hours" | "s" | "ms":
            own = SECONDS[fact.unit]
            if unit in SECONDS:
                return value * SECONDS[unit] / own, half * SECONDS[unit] / own
            return (value, half) if unit == "" else None
        case "count":
            return (value, half) if unit in ("", "times") else None
        case "tokens":
            return (value, half) if unit in ("", "tokens") else None
        case _:
            if unit.startswith("coin"):
                # A net delta is stated in coin.
                coin = unit.removeprefix("coin").strip()
                return (value, half) if fact.of.get("coin") in (None, coin) else None
            return (value, half) if unit in ("", "times") else None
