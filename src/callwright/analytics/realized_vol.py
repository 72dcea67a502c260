"""Close-to-close realized volatility (RV) that is right for uneven samples.

One estimator only: range estimators read 8-11% higher on the same market, so mixing them would
move IV / RV by itself. Too little history raises; it is never zero.
"""

from __future__ import annotations

from datetime import datetime
from math import sqrt
from typing import NamedTuple

import numpy as np

from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.market import Floats, IndexHistory, Ints
from callwright.errors import InsufficientData

WINDOW_COVER_FRAC_MIN = 0.9
"""Closes must span at least this fraction of the window."""

ANCHOR_LEAD_FRAC_MAX = 0.25
"""The close before the window serves as its first point if it is at most this fraction older."""


class RealizedVol(NamedTuple):
    """``annual`` volatility as a fraction, from ``samples`` returns."""

    annual: float
    samples: int


def realized_vol(times_ms: Ints, closes_usd: Floats) -> float:
    """Return annualised close-to-close realized volatility.

    The drift is taken out in proportion to each gap, mu = sum(r) / T, and sum((r_i - mu dt_i)^2)
    is divided by T - sum(dt_i^2) / T. For prices that diffuse with constant volatility this is
    unbiased in variance at any spacing; at even spacing it is the sample standard deviation times
    the root of the bars in a year.

    Args:
        times_ms: int64[n], ascending, milliseconds; three or more.
        closes_usd: float64[n], positive.

    Returns:
        Annual fraction over years of 365 days; 0.54 means 54%.

    Raises:
        InsufficientData: Fewer than three closes.

    Source: Hull (10th ed.) 15.4 at even spacing; the denominator is E[sum] / sigma^2 for
    r_i ~ N(mu dt_i, sigma^2 dt_i).
    """
    if len(closes_usd) < 3:
        raise InsufficientData(
            f"realized volatility needs three closes or more, there are {len(closes_usd)}"
        )
    years = (times_ms[1:] - times_ms[:-1]) / (MS_PER_DAY * DAYS_PER_YEAR)
    logs = np.log(closes_usd)
    total = float(times_ms[-1] - times_ms[0]) / (MS_PER_DAY * DAYS_PER_YEAR)
    excess = logs[1:] - logs[:-1] - (logs[-1] - logs[0]) / total * years
    return sqrt(float(excess @ excess) / (total - float(years @ years) / total))


def windowed_realized_vol(
    history: IndexHistory, at: datetime, *, window_days: float, samples_min: int
) -> RealizedVol:
    """Return the realized volatility of the closes in ``(at - window_days, at]``.

    The last close at or before the window's start is its first point, unless it is older than the
    start by more than ``ANCHOR_LEAD_FRAC_MAX`` of the window: a gap must not smuggle in old moves.

    Raises:
        InsufficientData: Fewer than ``samples_min`` returns; closes that span less than
            ``WINDOW_COVER_FRAC_MIN`` of the window; or prices that never moved. The message says
            how much there was.
    """
    window = _window(history, at, window_days)
    times, closes = history.times_ms[window], history.prices_usd[window]
    samples = max(len(times) - 1, 0)
    if not samples >= samples_min:
        raise InsufficientData(
            f"{history.underlying}: {samples} returns in {window_days:g} days, "
            f"{samples_min} are needed"
        )
    span_days = float(times[-1] - times[0]) / MS_PER_DAY if samples else 0.0
    if not span_days >= WINDOW_COVER_FRAC_MIN * window_days:
        raise InsufficientData(
            f"{history.underlying}: index history spans {span_days:.2f} of {window_days:g} days"
        )
    annual = realized_vol(times, closes)
    if not annual > 0:
        raise InsufficientData(f"{history.underlying}: the index did not move in {samples} returns")
    return RealizedVol(annual, samples)


def returns_in_window(history: IndexHistory, at: datetime, window_days: float) -> int:
    """Return how many returns ``windowed_realized_vol`` would have to work with."""
    window = _window(history, at, window_days)
    return max(len(history.times_ms[window]) - 1, 0)


def _window(history: IndexHistory, at: datetime, window_days: float) -> slice:
    end_ms, window_ms = to_ms(at), int(window_days * MS_PER_DAY)
    # Rows at or before the window's start come before it.
    start, stop = history.times_ms.searchsorted((end_ms - window_ms, end_ms), side="right").tolist()
    lead_ms = ANCHOR_LEAD_FRAC_MAX * window_ms
    if start > 0 and end_ms - window_ms - history.times_ms[start - 1] <= lead_ms:
        start -= 1
    return slice(start, stop)
