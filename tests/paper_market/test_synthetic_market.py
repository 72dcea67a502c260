"""Views are functions of (seed, time); the listing follows the exchange's calendar."""

from __future__ import annotations

import itertools
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from callwright.domain.base import from_ms
from callwright.domain.instrument import option_name
from callwright.domain.market import OptionListing, decimal_of
from callwright.errors import DataInvalid
from callwright.paper.depth import instrument_keys
from callwright.paper.synthetic.listing import expiries_at, last_friday, listed_on, strike_unit
from callwright.paper.synthetic.market import SyntheticSource
from callwright.paper.synthetic.path import START

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def assert_same_view(one: Any, two: Any) -> None:
    assert (one.as_of, one.source, one.depth_model) == (two.as_of, two.source, two.depth_model)
    for coin, market in one.underlyings.items():
        other = two.underlyings[coin]
        assert market.index_usd == other.index_usd
        assert np.array_equal(market.history.times_ms, other.history.times_ms)
        assert np.array_equal(market.history.prices_usd, other.history.prices_usd)
        assert market.chain.listing.names == other.chain.listing.names
        for column in fields(market.chain)[1:-1]:
            name = column.name
            a, b = getattr(market.chain, name), getattr(other.chain, name)
            assert np.array_equal(a, b, equal_nan=name in ("bid_coin", "ask_coin")), name


def test_a_view_is_the_same_after_a_restart_and_whatever_was_asked_before() -> None:
    at = START + 40 * DAY + timedelta(hours=5, minutes=17, seconds=3)
    fresh = SyntheticSource(7).view(at)
    walked = SyntheticSource(7)
    for other in (START, at + 900 * DAY, at - 3 * HOUR, at + HOUR):
        walked.view(other)
        walked.delivery_price("ETH", datetime(2026, 3, 6, 8, tzinfo=UTC))
    assert_same_view(fresh, walked.view(at))


def test_the_path_grows_without_changing_what_was_there() -> None:
    source = SyntheticSource(4)
    at = START + 100 * DAY
    before = source.view(at)
    assert source.index_at("BTC", START + 3_000 * DAY) > 0
    assert_same_view(before, source.view(at))
    assert source.index_at("BTC", START + 3_000 * DAY) == SyntheticSource(4).index_at(
        "BTC", START + 3_000 * DAY
    )


def test_seeds_and_scenarios_differ_and_are_named() -> None:
    names = [
        SyntheticSource(seed, scenario=scenario).name
        for seed in (1, 2)
        for scenario in ("base", "crash", "negative-premium")
    ]
    assert names == [
        "synthetic:1",
        "synthetic:crash-1",
        "synthetic:negative-premium-1",
        "synthetic:2",
        "synthetic:crash-2",
        "synthetic:negative-premium-2",
    ]
    at = START + 3 * DAY
    one, two = SyntheticSource(1).view(at), SyntheticSource(2).view(at)
    assert one.underlyings["BTC"].index_usd != two.underlyings["BTC"].index_usd


@pytest.mark.parametrize("step", [timedelta(seconds=1), HOUR, timedelta(days=3)])
def test_time_moves_by_the_step(step: Any) -> None:
    source = SyntheticSource(1, step=step)
    assert source.start() == START
    assert source.next_after(START) == START + step


@pytest.mark.parametrize("into", [timedelta(0), timedelta(minutes=25, seconds=7)])
def test_history_is_thirty_days_of_hourly_closes_and_the_price_now(into: Any) -> None:
    source = SyntheticSource(2)
    at = START + 2 * DAY + into
    history = source.view(at).underlyings["ETH"].history
    assert from_ms(int(history.times_ms[0])) == START + 2 * DAY - 30 * DAY
    assert from_ms(int(history.times_ms[-1])) == at
    assert history.prices_usd[-1] == source.index_at("ETH", at)
    assert len(history.times_ms) == 30 * 24 + 1 + bool(into)
    assert history.prices_usd[0] == source.index_at("ETH", START + 2 * DAY - 30 * DAY)


def test_there_is_no_market_before_its_time_and_no_unknown_coin() -> None:
    source = SyntheticSource(1)
    with pytest.raises(DataInvalid, match="before 2026-01-05"):
        source.view(START - HOUR)
    with pytest.raises(DataInvalid, match="no index before 2025-12-01"):
        source.index_at("BTC", START - 36 * DAY)
    with pytest.raises(DataInvalid, match="no SOL"):
        source.index_at("SOL", START)


def test_minutes_join_the_hourly_closes() -> None:
    source = SyntheticSource(3)
    at = START + 10 * DAY
    minutes = [source.index_at("BTC", at + timedelta(minutes=m)) for m in range(61)]
    assert minutes[60] == source.index_at("BTC", at + HOUR)
    between = source.index_at("BTC", at + timedelta(minutes=7, seconds=30))
    assert between == pytest.approx((minutes[7] + minutes[8]) / 2, abs=0.011)
    assert len(set(minutes)) > 50


def test_minute_moves_have_the_volatility_of_the_hour() -> None:
    source = SyntheticSource(3)
    scaled = []
    for hour in range(24 * 5):
        at = START + hour * HOUR
        prices = [source.index_at("BTC", at + timedelta(minutes=m)) for m in range(61)]
        path = source._paths["BTC"]
        sd = path.hour_vol[35 * 24 + hour] / 60**0.5
        scaled.append(np.diff(np.log(prices)) / sd)
    assert np.std(np.concatenate(scaled)) == pytest.approx(1.0, abs=0.1)


def test_a_jump_falls_within_one_minute() -> None:
    source = SyntheticSource(1)
    jumps = source._paths["BTC"].jump
    hour = 840 + int(np.argmax(np.abs(jumps[840:])))
    at = START + (hour - 840) * HOUR
    prices = [source.index_at("BTC", at + timedelta(minutes=m)) for m in range(61)]
    moves = np.diff(np.log(prices))
    assert moves[np.argmax(np.abs(moves))] == pytest.approx(jumps[hour], rel=0.25)


def test_delivery_is_the_mean_of_the_last_half_hour() -> None:
    source = SyntheticSource(5)
    expiry = datetime(2026, 1, 9, 8, tzinfo=UTC)
    minutes = [
        source.index_at("BTC", datetime(2026, 1, 9, 7, 30, tzinfo=UTC) + timedelta(minutes=m))
        for m in range(31)
    ]
    price = source.delivery_price("BTC", expiry)
    assert price.source == "twap_30m"
    assert price.price_usd == Decimal(f"{np.mean(minutes):.2f}")
    assert price.price_usd != decimal_of(source.index_at("BTC", expiry))


# The calendar of Monday 5 January 2026, 12:00 UTC, by hand: dailies 6-9 January, Fridays 9, 16, 23
# and 30, last Fridays 30 January, 27 February and 27 March, quarters 27 March, 26 June,
# 25 September and 25 December.
ON_5_JANUARY = (
    [date(2026, 1, day) for day in (6, 7, 8, 9, 16, 23, 30)]
    + [date(2026, 2, 27), date(2026, 3, 27), date(2026, 6, 26)]
    + [date(2026, 9, 25), date(2026, 12, 25)]
)


def test_expiries_are_dailies_weeklies_monthlies_and_quarterlies() -> None:
    assert list(expiries_at(START + timedelta(hours=12))) == ON_5_JANUARY


def test_expiries_turn_at_eight() -> None:
    before = expiries_at(datetime(2026, 1, 5, 7, 59, tzinfo=UTC))
    after = expiries_at(datetime(2026, 1, 5, 8, tzinfo=UTC))
    assert set(before) - set(after) == {date(2026, 1, 5)}
    assert set(after) - set(before) == {date(2026, 1, 9)} - set(before)


def test_each_day_lists_eleven_to_fourteen_expiries() -> None:
    for day in range(800):
        expiries = expiries_at(START + day * DAY + timedelta(hours=9))
        assert 11 <= len(expiries) <= 14
        assert expiries == tuple(sorted(expiries))
        assert 240 <= (expiries[-1] - (START + day * DAY).date()).days <= 371


@pytest.mark.parametrize(
    ("expiry", "listed"),
    [
        pytest.param(date(2026, 1, 7), date(2026, 1, 3), id="daily"),
        pytest.param(date(2026, 1, 16), date(2025, 12, 19), id="weekly"),
        pytest.param(date(2026, 2, 27), date(2025, 11, 28), id="monthly"),
        pytest.param(date(2026, 6, 26), date(2025, 6, 27), id="quarterly"),
    ],
)
def test_expiries_are_listed_when_their_turn_comes(expiry: Any, listed: Any) -> None:
    assert listed_on(expiry) == listed


def test_last_fridays() -> None:
    assert [last_friday(2026, m) for m in (1, 2, 10, 12)] == [
        date(2026, 1, 30),
        date(2026, 2, 27),
        date(2026, 10, 30),
        date(2026, 12, 25),
    ]


@pytest.mark.parametrize(
    ("spot", "unit"),
    [(92_000, 500), (100_000, 500), (100_001, 1_000), (40_000, 250), (3_150, 25), (1_400, 10)],
)
def test_strikes_come_in_round_steps_of_the_spot(spot: Any, unit: Any) -> None:
    assert strike_unit(float(spot)) == unit


@pytest.mark.parametrize("spec", [(11, "base"), (2, "crash")], ids=["base", "crash"])
def test_a_listed_strike_stays_until_it_expires(spec: Any) -> None:
    source = SyntheticSource(spec[0], scenario=spec[1])
    seen = {"BTC": {}, "ETH": {}}  # type: ignore[var-annotated]
    for hour in range(0, 24 * 50, 4):
        view = source.view(START + hour * HOUR)
        for coin, market in view.underlyings.items():
            listing = market.chain.listing
            alive = {n for n, expiry in seen[coin].items() if from_ms(expiry) > view.as_of}
            assert alive <= set(listing.names)
            assert (listing.expiry_ms > market.chain.as_of_ms).all()
            seen[coin].update(zip(listing.names, listing.expiry_ms.tolist(), strict=True))


def test_listings_are_large_dense_near_the_money_and_shared() -> None:
    source = SyntheticSource(6)
    sizes = []
    for day in range(0, 60, 3):
        at = START + day * DAY + timedelta(hours=10)
        view = source.view(at)
        again = source.view(at + timedelta(seconds=30))
        for coin, market in view.underlyings.items():
            listing = market.chain.listing
            assert again.underlyings[coin].chain.listing is listing
            sizes.append(len(listing))
            rows = listing.expiry_ms == np.min(listing.expiry_ms[listing.expiry_ms > 0])
            strikes = np.unique(listing.strike_usd[rows & listing.is_call])
            near = np.abs(strikes / market.index_usd - 1) < 0.02
            assert np.diff(strikes[near]).max() <= 0.012 * market.index_usd
            assert strikes[0] < 0.95 * market.index_usd < 1.05 * market.index_usd < strikes[-1]
    assert min(sizes) >= 500
    assert 600 <= np.median(sizes) <= 930
    assert max(sizes) <= 1_300


def test_names_are_those_of_the_exchange() -> None:
    listing = SyntheticSource(1).view(START).underlyings["ETH"].chain.listing
    again = OptionListing.of_names("ETH", listing.names)
    assert np.array_equal(again.strike_usd, listing.strike_usd)
    assert np.array_equal(again.expiry_ms, listing.expiry_ms)
    assert np.array_equal(again.is_call, listing.is_call)
    weekly = {date(2026, 1, 9), date(2026, 1, 16)}
    for expiry, option_type in itertools.product(weekly, ("call", "put")):
        name = option_name(
            underlying="ETH",
            expiry=expiry,
            strike_usd=Decimal(3_150),
            option_type=option_type,  # type: ignore[arg-type]
        )
        assert listing.row(name) is not None


def test_instrument_keys_are_all_different() -> None:
    view = SyntheticSource(1).view(START)
    keys = [instrument_keys(m.chain.listing, s) for m in view.underlyings.values() for s in (1, 2)]
    everything = np.concatenate(keys)
    assert len(np.unique(everything)) == len(everything)
