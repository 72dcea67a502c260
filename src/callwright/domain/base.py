"""What every domain model shares: frozen, closed to unknown fields, free of NaN, times in UTC.

Wrong data stops a cycle here; it is never rounded to zero.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Frozen(BaseModel):
    """An immutable model: unknown fields, NaN and infinity are refused."""

    # By default pydantic would write NaN as null: unknown must not look like absent.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants"
    )


def _aware_utc(value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise ValueError("the time has no time zone; give it in UTC, as 2026-01-05T08:00:00Z")
    return value.astimezone(UTC)


UtcTime = Annotated[datetime, AfterValidator(_aware_utc)]
"""A timezone-aware time, converted to UTC; a naive one is refused."""

Amount = Annotated[Decimal, Field(allow_inf_nan=False)]
"""A finite Decimal: whatever reaches an order or a ledger."""

Positive = Annotated[Decimal, Field(allow_inf_nan=False, gt=0)]
NonNegative = Annotated[Decimal, Field(allow_inf_nan=False, ge=0)]

MS_PER_DAY = 86_400_000
DAYS_PER_YEAR = 365.0
"""Crypto has no weekend: years are 365 days in every formula here."""


def to_ms(at: datetime) -> int:
    """Return whole milliseconds since 1970-01-01 UTC, the venues' time stamp."""
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """Return the UTC time of a venue's millisecond stamp, exactly."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def iso_utc(at: datetime) -> str:
    """Return ``2026-01-05T08:00:00.000Z``: fixed width, so text sorts as time does."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def several(count: int, noun: str) -> str:
    """Return "1 roll", "1,043 rolls"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def minute_of(stamp: str) -> str:
    """Return an ISO time as a person reads it, ``2026-01-05 08:30``."""
    return stamp[:16].replace("T", " ")
