"""Marks without static arbitrage, quotes on the tick grid with measured spreads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from builders import a_spec, black76_coin, dec
from callwright.paper.synthetic.market import SyntheticSource
from callwright.paper.synthetic.path import START, generate, models
from callwright.paper.synthetic.surface import atm_total_variance, marks

DAY = timedelta(days=1)


@pytest.mark.parametrize("scenario", ["base", "crash", "negative-premium"])
@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_the_surface_holds_no_static_arbitrage(scenario: Any, coin: Any) -> None:
    days = np.array([0.04, 0.5, 1, 2, 3, 4, 7, 14, 28, 60, 90, 180, 270, 364.0])
    years = days / 365
    strikes = np.exp(np.linspace(-2.5, 2.5, 401))
    path, model = generate(5, scenario, 3_000)[coin], models(scenario)[coin]
    for hour in range(840, 3_000, 97):
        theta = atm_total_variance(model, path, hour, years)
        surface = marks(
            theta,
            years,
            np.ones(len(years)),
            eta=model.smile_eta,
            skew=float(path.skew[hour]),
            expiry_index=np.repeat(np.arange(len(years)), len(strikes)),
            strike_usd=np.tile(strikes, len(years)),
        )
        iv = surface.iv_annual.reshape(len(years), -1)
        # Calendar: total variance never falls with maturity at the same moneyness.
        assert (np.diff(iv**2 * years[:, None], axis=0) >= -1e-12).all()
        # Butterfly: the call price is falling and convex in strike, between -1 and 0 in slope.
        slope = np.diff(surface.call_coin.reshape(len(years), -1), axis=1) / np.diff(strikes)
        assert (slope <= 1e-12).all()
        assert (slope >= -1 - 1e-9).all()
        assert (np.diff(slope, axis=1) >= -1e-9).all()


@pytest.fixture(scope="module")
def view() -> Any:
    return SyntheticSource(7).view(START + timedelta(hours=9, minutes=30))


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_marks_are_black76_of_the_published_iv_on_the_published_forward(
    view: Any, coin: Any
) -> None:
    chain = view.underlyings[coin].chain
    years = chain.years_to_expiry(view.as_of)
    for row in range(0, len(chain), 7):
        price, _ = black76_coin(
            chain.forward_usd[row],
            chain.listing.strike_usd[row],
            years[row],
            chain.mark_iv_annual[row],
            is_call=bool(chain.listing.is_call[row]),
        )
        assert chain.mark_coin[row] == pytest.approx(price, abs=1e-8)


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_quotes_are_on_the_tick_grid_around_the_mark(view: Any, coin: Any) -> None:
    chain, spec = view.underlyings[coin].chain, a_spec(coin)
    for name in chain.listing.names:
        quote = chain.quote(name)
        assert quote.ask_coin is not None
        assert spec.is_on_tick(quote.ask_coin), name
        assert quote.ask_coin >= quote.mark_coin
        if quote.bid_coin is None:
            assert quote.bid_amount_coin == 0
        else:
            assert spec.is_on_tick(quote.bid_coin), name
            assert quote.bid_coin <= quote.mark_coin
            assert quote.bid_amount_coin >= spec.amount_min
        assert quote.ask_amount_coin % spec.amount_step == 0


def test_sizes_are_in_the_declared_range_and_change_by_the_minute(view: Any) -> None:
    source = SyntheticSource(7)
    same_minute = source.view(view.as_of + timedelta(seconds=59))
    next_minute = source.view(view.as_of + timedelta(minutes=1))
    for coin, low, high in (("BTC", 0.5, 25.0), ("ETH", 5.0, 300.0)):
        ask = view.underlyings[coin].chain.ask_amount_coin
        assert low <= ask.min() <= ask.max() <= high
        assert len(np.unique(ask)) > 50
        assert np.array_equal(ask, same_minute.underlyings[coin].chain.ask_amount_coin)
        later = next_minute.underlyings[coin].chain.ask_amount_coin
        assert np.mean(ask == later) < 0.1
        bid = view.underlyings[coin].chain.bid_amount_coin
        assert abs(np.corrcoef(ask, bid)[0, 1]) < 0.15


# Medians of (ask - bid)/mark of real calls by delta 0.1-0.2, 0.2-0.3, 0.3-0.4.
MEASURED = [
    ("BTC", 0, 10, (0.116, 0.098, 0.080), (0.182, 0.161, 0.136)),
    ("BTC", 10, 45, (0.090, 0.059, 0.039), (0.155, 0.099, 0.065)),
    ("BTC", 45, 400, (0.060, 0.035, 0.026), (0.100, 0.054, 0.037)),
    ("ETH", 0, 10, (0.120, 0.100, 0.068), (0.176, 0.162, 0.118)),
    ("ETH", 10, 45, (0.090, 0.054, 0.036), (0.150, 0.083, 0.059)),
    ("ETH", 45, 400, (0.056, 0.036, 0.025), (0.089, 0.052, 0.038)),
]


@pytest.fixture(scope="module")
def quotes() -> Any:
    """By coin: days to expiry, delta, relative spread of calls; and each view's share of bids."""
    columns, bids = {"BTC": [], "ETH": []}, {"BTC": [], "ETH": []}  # type: ignore[var-annotated]
    for seed in (1, 2, 3):
        source = SyntheticSource(seed)
        for day in range(5, 125, 3):
            view = source.view(START + day * DAY + timedelta(hours=9, minutes=30))
            for coin, market in view.underlyings.items():
                chain = market.chain
                years = chain.years_to_expiry(view.as_of)
                deviation = chain.mark_iv_annual * np.sqrt(years)
                d1 = np.log(chain.forward_usd / chain.listing.strike_usd) / deviation
                delta = ndtr(d1 + deviation / 2)
                rows = chain.listing.is_call & (delta > 0.1) & (delta < 0.4)
                spread = (chain.ask_coin - chain.bid_coin)[rows] / chain.mark_coin[rows]
                columns[coin].append(np.array([years[rows] * 365, delta[rows], spread]))
                bids[coin].append(np.isfinite(chain.bid_coin).mean())
    return {c: np.concatenate(x, axis=1) for c, x in columns.items()}, bids


@pytest.mark.parametrize(("coin", "above", "upto", "medians", "p90s"), MEASURED)
def test_spreads_are_those_of_real_chains(
    quotes: Any, coin: Any, above: Any, upto: Any, medians: Any, p90s: Any
) -> None:
    days, delta, spread = quotes[0][coin]
    for low, median, p90 in zip((0.1, 0.2, 0.3), medians, p90s, strict=True):
        chosen = spread[(days > above) & (days <= upto) & (delta > low) & (delta <= low + 0.1)]
        assert np.nanmedian(chosen) == pytest.approx(median, rel=0.15)
        assert np.nanpercentile(chosen, 90) == pytest.approx(p90, rel=0.25)


def test_nearly_all_rows_have_a_bid(quotes: Any) -> None:
    for shares in quotes[1].values():
        assert 0.92 < np.mean(shares) < 0.98


def test_prices_are_the_decimals_that_they_show(view: Any) -> None:
    chain = view.underlyings["BTC"].chain
    for price in chain.ask_coin[:200]:
        assert dec(float(price)) * 10_000 % 1 == 0
