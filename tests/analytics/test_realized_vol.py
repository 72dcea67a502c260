"""Realized volatility by hand, at even and uneven spacing, and what is too little history."""

from __future__ import annotations

from datetime import timedelta
from math import exp, log, sqrt
from typing import Any

import numpy as np
import pytest

from builders import NOW, a_history
from callwright.analytics.realized_vol import (
    realized_vol,
    returns_in_window,
    windowed_realized_vol,
)
from callwright.domain.base import to_ms
from callwright.domain.market import IndexHistory
from callwright.errors import InsufficientData

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def history_of(days_before: Any, prices: Any) -> Any:
    """An index history with closes that many days before NOW."""
    times = np.array([to_ms(NOW - timedelta(days=d)) for d in days_before], dtype=np.int64)
    return IndexHistory("BTC", times, np.array(prices, dtype=np.float64))


def test_even_daily_closes_by_hand() -> None:
    # Log returns +0.02, -0.01, +0.02: mean 0.01, squares of excess 1e-4 + 4e-4 + 1e-4 = 6e-4,
    # sample variance 6e-4 / 2 = 3e-4 a day, times 365: 0.1095; the root is 0.330908...
    closes = 100.0 * np.exp([0.0, 0.02, 0.01, 0.03])
    times = np.arange(4) * DAY_MS
    assert realized_vol(times, closes) == pytest.approx(sqrt(0.1095), rel=1e-12)


def test_uneven_closes_by_hand() -> None:
    # Gaps of 1, 3 and 1 days with log returns 0.01, 0.01, 0.03: sum 0.05 in T = 5 days, so the
    # drift is 0.01 a day; excess 0.00, -0.02, 0.02; squares sum to 8e-4.
    # Denominator 5 - (1 + 9 + 1) / 5 = 2.8 days. Variance 8e-4 / 2.8 a day, times 365.
    closes = 100.0 * np.exp([0.0, 0.01, 0.02, 0.05])
    times = np.array([0, 1, 4, 5]) * DAY_MS
    assert realized_vol(times, closes) == pytest.approx(sqrt(8e-4 / 2.8 * 365), rel=1e-12)


def test_even_spacing_equals_the_sample_standard_deviation() -> None:
    rng = np.random.default_rng(7)
    returns = 0.001 + 0.01 * rng.standard_normal(168)
    closes = 50_000.0 * np.exp(np.concatenate([[0.0], returns.cumsum()]))
    expected = returns.std(ddof=1) * sqrt(365 * 24)
    assert realized_vol(np.arange(169) * HOUR_MS, closes) == pytest.approx(expected, rel=1e-10)


def test_uneven_spacing_is_unbiased_in_variance() -> None:
    # 4,000 paths of volatility 0.6 on gaps from 1 hour to 4 days; the standard error of the mean
    # variance is below 1.5%, an estimator that ignored the gaps would be far off.
    rng = np.random.default_rng(11)
    gaps_ms = np.array([1, 96, 2, 30, 5, 48, 1, 24], dtype=np.int64) * HOUR_MS
    times = np.concatenate([[0], gaps_ms.cumsum()])
    deviation = 0.6 * np.sqrt(gaps_ms / (365 * DAY_MS))
    variances = [
        realized_vol(times, 100.0 * np.exp(np.concatenate([[0.0], path.cumsum()]))) ** 2
        for path in rng.standard_normal((4_000, len(gaps_ms))) * deviation
    ]
    assert np.mean(variances) == pytest.approx(0.36, rel=0.05)


def test_a_steady_drift_is_not_volatility() -> None:
    times = np.array([0, 1, 5, 6, 30]) * DAY_MS
    assert realized_vol(times, 100.0 * np.exp(times / DAY_MS * 0.01)) == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("closes", [0, 1, 2])
def test_fewer_than_three_closes_are_too_little(closes: Any) -> None:
    with pytest.raises(InsufficientData, match=f"there are {closes}"):
        realized_vol(np.arange(closes) * DAY_MS, np.full(closes, 100.0))


def test_the_builders_history_reads_back_its_volatility() -> None:
    rv = windowed_realized_vol(a_history(realized_vol=0.4), NOW, window_days=7, samples_min=5)
    # 168 returns that alternate +m and -m: mean 0, so the sample deviation is m sqrt(168 / 167).
    assert rv == pytest.approx((0.4 * sqrt(168 / 167), 168), rel=1e-9)


def test_the_window_starts_at_the_last_close_before_it() -> None:
    # The window of 4 days holds the closes of days 3, 2, 1 and 0; day 4.5 is the first point.
    history = history_of([9, 4.5, 3, 2, 1, 0], [50, 100, 101, 102, 101, 103])
    rv = windowed_realized_vol(history, NOW, window_days=4, samples_min=4)
    assert rv.samples == returns_in_window(history, NOW, 4) == 4
    assert rv.annual == realized_vol(history.times_ms[1:], history.prices_usd[1:])


def test_a_close_at_the_windows_start_is_its_first_point() -> None:
    history = history_of([5, 4, 3, 2, 1, 0], [50, 100, 101, 102, 101, 103])
    rv = windowed_realized_vol(history, NOW, window_days=4, samples_min=4)
    assert rv.annual == realized_vol(history.times_ms[1:], history.prices_usd[1:])


def test_a_gap_before_the_window_does_not_smuggle_in_an_old_move() -> None:
    # The close of day 9 is 5 days older than the window's start: it would be a 50% return.
    history = history_of([9, 3.8, 3, 2, 1, 0], [50, 100, 101, 102, 101, 103])
    rv = windowed_realized_vol(history, NOW, window_days=4, samples_min=4)
    assert rv.annual == realized_vol(history.times_ms[1:], history.prices_usd[1:])


def test_later_closes_are_not_known_yet() -> None:
    history = history_of([4, 3, 2, 1, 0, -1], [100, 101, 102, 101, 103, 200])
    rv = windowed_realized_vol(history, NOW, window_days=4, samples_min=4)
    assert rv.annual == realized_vol(history.times_ms[:-1], history.prices_usd[:-1])


@pytest.mark.parametrize(
    ("days_before", "prices", "message"),
    [
        pytest.param([], [], "0 returns", id="no-history"),
        pytest.param([0], [100], "0 returns", id="one-close"),
        pytest.param([4, 2, 1, 0], [100, 101, 102, 101], "3 returns in 4 days, 4", id="too-few"),
        pytest.param(
            [3.5, 3, 2, 1, 0], [100, 101, 100, 102, 99], "spans 3.50 of 4", id="too-short"
        ),
        pytest.param(
            [4, 3.5, 3, 2, 1], [100, 101, 100, 102, 99], "spans 3.00 of 4", id="ended-long-ago"
        ),
        pytest.param([4, 3, 2, 1, 0], [100] * 5, "did not move", id="frozen-index"),
        pytest.param([14, 13, 12, 11, 10], [100, 99, 98, 97, 96], "0 returns", id="all-too-old"),
    ],
)
def test_too_little_history_is_said_and_never_zero(
    days_before: Any, prices: Any, message: Any
) -> None:
    with pytest.raises(InsufficientData, match=message):
        windowed_realized_vol(history_of(days_before, prices), NOW, window_days=4, samples_min=4)


def test_nine_tenths_of_the_window_are_enough() -> None:
    prices = [100 * exp(x) for x in (0, log(1.01), 0, log(1.02), 0)]
    history = history_of([3.6, 3, 2, 1, 0], prices)
    assert windowed_realized_vol(history, NOW, window_days=4, samples_min=4).samples == 4
