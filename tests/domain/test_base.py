"""What every model shares: finite numbers, times in UTC, time stamps of one width."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from pydantic import BaseModel, ValidationError

from callwright.domain.base import Amount, NonNegative, Positive, UtcTime, iso_utc


class Plain(BaseModel):
    """Without the settings of ``Frozen``: the types alone refuse."""

    amount: Amount = Decimal(0)
    positive: Positive = Decimal(1)
    not_negative: NonNegative = Decimal(0)
    at: UtcTime = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("text", ["NaN", "sNaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["amount", "positive", "not_negative"])
@pytest.mark.parametrize("kind", [str, Decimal])
def test_what_is_not_finite_is_refused(text: str, field: str, kind: type) -> None:
    with pytest.raises(ValidationError):
        Plain.model_validate({field: kind(text)})


def test_a_naive_time_is_refused_and_any_other_becomes_utc() -> None:
    with pytest.raises(ValidationError, match="time zone"):
        Plain(at=datetime(2026, 1, 5))  # noqa: DTZ001 - that is the point
    plus_two = timezone(timedelta(hours=2))
    at = Plain(at=datetime(2026, 1, 5, 1, 30, tzinfo=plus_two)).at
    assert (at.tzinfo, at.isoformat()) == (UTC, "2026-01-04T23:30:00+00:00")


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 1, 5, tzinfo=UTC), "2026-01-05T00:00:00.000Z"),
        (datetime(2026, 1, 5, 8, 0, 0, 999_999, tzinfo=UTC), "2026-01-05T08:00:00.999Z"),
        (
            datetime(2026, 1, 5, 1, tzinfo=timezone(timedelta(hours=2))),
            "2026-01-04T23:00:00.000Z",
        ),
    ],
)
def test_a_time_stamp_is_utc_cut_to_milliseconds(at: datetime, text: str) -> None:
    assert iso_utc(at) == text
