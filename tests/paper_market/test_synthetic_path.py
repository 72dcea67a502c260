"""The state path: the same for ever, calibrated, with the scenarios it promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from callwright.paper.markets import open_source
from callwright.paper.synthetic.path import (
    ORIGIN,
    START,
    generate,
    models,
)
from callwright.paper.synthetic.path import crash_day as crash_day_of
from callwright.paper.synthetic.surface import atm_total_variance

YEAR = 8_760
FIELDS = ("index_usd", "hour_vol", "jump", "fast", "slow", "log_premium", "skew")


@pytest.mark.parametrize("scenario", ["base", "crash", "negative-premium"])
@pytest.mark.parametrize("hours", [1_500, 1_501, 4_099])
def test_a_longer_path_starts_with_the_shorter_one(scenario: Any, hours: Any) -> None:
    short, long = generate(3, scenario, hours), generate(3, scenario, 3 * hours)
    for coin in ("BTC", "ETH"):
        for name in FIELDS:
            assert np.array_equal(getattr(short[coin], name), getattr(long[coin], name)[:hours]), (
                name
            )


def test_seeds_give_different_paths_and_the_start_is_the_stated_price() -> None:
    one, two = generate(1, "base", 2_000), generate(2, "base", 2_000)
    start = (START - ORIGIN) // timedelta(hours=1)
    assert one["BTC"].index_usd[start] == two["BTC"].index_usd[start] == 92_000.0
    assert one["ETH"].index_usd[start] == 3_150.0
    assert not np.array_equal(one["BTC"].index_usd, two["BTC"].index_usd)


@pytest.fixture(scope="module")
def pooled() -> Any:
    """Daily log returns of eight seeds, four years each, by coin; and the paths of the first."""
    paths = [generate(seed, "base", 4 * YEAR) for seed in range(1, 9)]
    daily = {
        coin: np.concatenate([np.diff(np.log(p[coin].index_usd[::24])) for p in paths])
        for coin in ("BTC", "ETH")
    }
    return daily, paths


@pytest.mark.parametrize(("coin", "vol"), [("BTC", 0.50), ("ETH", 0.66)])
def test_daily_returns_have_the_moments_of_the_real_coins(pooled: Any, coin: Any, vol: Any) -> None:
    # Real 2022-24: BTC 0.49 with excess kurtosis 4.5, ETH 0.60 with 6.3; absolute returns are
    # correlated from one day to the next (0.23, 0.22).
    returns = pooled[0][coin]
    centred = returns - returns.mean()
    kurtosis = np.mean(centred**4) / np.mean(centred**2) ** 2 - 3
    size = np.abs(centred)
    assert returns.std() * 365**0.5 == pytest.approx(vol, rel=0.12)
    assert 2.0 < kurtosis < 9.0
    assert 0.08 < np.corrcoef(size[1:], size[:-1])[0, 1] < 0.30
    assert np.mean(centred**3) < 0


def test_eth_follows_btc_and_jumps_when_btc_jumps(pooled: Any) -> None:
    for path in pooled[1]:
        btc, eth = path["BTC"], path["ETH"]
        hourly = np.corrcoef(np.diff(np.log(btc.index_usd)), np.diff(np.log(eth.index_usd)))[0, 1]
        assert 0.75 < hourly < 0.92
        assert (eth.jump[btc.jump != 0] != 0).all()
        # 14 jumps a year at average volatility, over four years.
        assert 25 < np.count_nonzero(btc.jump) < 110


def _implied_and_realized(scenario: Any, coin: Any = "BTC") -> Any:
    """Return per date: 7-day ATM IV, trailing 7-day RV, 30-day ATM IV, RV of the next 30 days."""
    years = np.array([7.0, 30.0]) / 365
    rows = []
    for seed in range(1, 7):
        path = generate(seed, scenario, 2 * YEAR)[coin]
        squares = np.concatenate([[0.0], np.cumsum(np.diff(np.log(path.index_usd)) ** 2)])
        for hour in range(24 * 40, 2 * YEAR - 24 * 31, 24 * 3):
            theta = atm_total_variance(models(scenario)[coin], path, hour, years)
            iv = np.sqrt(theta / years)
            past = np.sqrt((squares[hour] - squares[hour - 168]) / 168 * YEAR)
            ahead = np.sqrt((squares[hour + 720] - squares[hour]) / 720 * YEAR)
            rows.append((iv[0], past, iv[1], ahead))
    return np.array(rows).T


def test_implied_volatility_stands_above_realized_on_most_days() -> None:
    iv7, past, iv30, ahead = _implied_and_realized("base")
    low, middle, high = np.percentile(iv7 / past, [5, 50, 95])
    assert (low, middle, high) == (
        pytest.approx(0.77, abs=0.12),
        pytest.approx(1.22, abs=0.12),
        pytest.approx(1.76, abs=0.25),
    )
    assert 0.65 < np.mean(iv30 > ahead) < 0.85
    assert np.percentile(iv7, 50) == pytest.approx(0.51, abs=0.08)


def test_negative_premium_sells_options_below_the_volatility_to_come() -> None:
    iv7, past, iv30, ahead = _implied_and_realized("negative-premium")
    assert np.median(iv7 / past) < 1.0
    assert np.mean(iv30 > ahead) < 0.5


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_crash_scenario_has_its_day(seed: Any) -> None:
    paths = generate(seed, "crash", 2_400)
    day = (crash_day_of(seed) - ORIGIN).days
    assert 20 <= (crash_day_of(seed) - START).days <= 40
    for coin, fall in (("BTC", -0.48), ("ETH", -0.51)):
        path = paths[coin]
        daily = path.index_usd[24::24] / path.index_usd[:-24:24] - 1
        assert np.argmin(daily) == day
        assert daily[day] == pytest.approx(fall, abs=0.05)
        # Volatility jumps with it and calms down in the weeks after.
        theta = [
            float(atm_total_variance(models("crash")[coin], path, 24 * d, np.array([7 / 365]))[0])
            for d in (day, day + 1, day + 15)
        ]
        assert theta[1] > 2.5 * theta[0]
        assert theta[1] > 2.5 * theta[2]


def test_the_crash_belongs_to_its_scenario_only() -> None:
    source = open_source("synthetic:crash-2", step=timedelta(hours=1))
    calm = open_source("synthetic:2", step=timedelta(hours=1))
    assert source.name == "synthetic:crash-2"
    before, after = crash_day_of(2), crash_day_of(2) + timedelta(days=1)
    assert source.index_at("BTC", before) == calm.index_at("BTC", before)
    assert source.index_at("BTC", after) < 0.7 * calm.index_at("BTC", after)
