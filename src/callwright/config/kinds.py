"""What a setting can be: coins and amounts of them, percent, deltas; and a group of settings."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

from callwright.domain.base import NonNegative

UNDERLYINGS = ("BTC", "ETH")
"""Coins whose inverse options the desk knows."""


def _per_underlying(value: Any) -> Any:
    """Accept 0.1 (for every coin), ``"BTC=0.1,ETH=1"`` or ``{"BTC": 0.1, "ETH": 1}``."""
    if isinstance(value, str) and "=" in value:
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        value = {key.strip(): number.strip() for key, _, number in pairs}
    elif isinstance(value, str) and value.strip().startswith("{"):
        raise ValueError("write BTC=0.1,ETH=1")
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - set(UNDERLYINGS))
        if unknown:
            raise ValueError(f"unknown coin {', '.join(unknown)}; known: {', '.join(UNDERLYINGS)}")
        return {coin: _decimal(number) for coin, number in value.items()}
    return dict.fromkeys(UNDERLYINGS, _decimal(value))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError("expected a number of coins")
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("expected a number of coins, as 0.1") from None


def _coin_list(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


CoinAmounts = Annotated[
    dict[str, NonNegative], NoDecode, BeforeValidator(_per_underlying), Field(min_length=1)
]
Percent = Annotated[float, Field(ge=0, le=100)]
Delta = Annotated[float, Field(ge=0, le=1)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
CoinNames = Annotated[
    tuple[Literal["BTC", "ETH"], ...],
    NoDecode,
    BeforeValidator(_coin_list),
    Field(min_length=1),
]


class KeyGroup(BaseModel):
    """Settings of one subject: a part of ``Settings``, which reads and checks them all at once.

    Every command waits for these classes. So a group is never built by itself, and its module does
    without postponed annotations: each would be evaluated twice.
    """

    model_config = ConfigDict(defer_build=True)
