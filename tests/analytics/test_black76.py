"""Black-76 against books, 40-digit arithmetic, vollib, and its own limits."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from math import exp, inf, nan, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from callwright.analytics.black76 import delta_of, implied_vol, price_greeks

FORWARD = 97_000.0
GRID = [
    (is_call, FORWARD, FORWARD * k, t, s)
    for is_call, k, t, s in itertools.product(
        (True, False),
        (0.35, 0.7, 0.9, 0.99, 1.0, 1.01, 1.1, 1.5, 3.0),
        (2 / 8760, 1 / 52, 0.25, 1.0),
        (0.15, 0.5, 1.2),
    )
]
COLUMNS = tuple(np.array(column) for column in zip(*GRID, strict=True))


@pytest.fixture(autouse=True)
def forty_digits() -> Iterator[Any]:
    with mp.workdps(40):
        yield


def exact_price(is_call: Any, forward: Any, strike: Any, years: Any, iv: Any) -> Any:
    """Black-76 in mpmath, by the textbook."""
    forward, strike, years, iv = map(mpf, (forward, strike, years, iv))
    v = iv * mp.sqrt(years)
    d1 = mp.log(forward / strike) / v + v / 2
    if is_call:
        return forward * mp.ncdf(d1) - strike * mp.ncdf(d1 - v)
    return strike * mp.ncdf(v - d1) - forward * mp.ncdf(-d1)


def derivative(i: Any, order: Any, row: Any, step: Any) -> Any:
    """Central difference of the exact price in argument ``i``; 40 digits leave room for it."""

    def at(shift: Any) -> Any:
        return exact_price(*(mpf(x) + shift if j == i else x for j, x in enumerate(row)))

    h = mpf(step)
    if order == 1:
        return (at(h) - at(-h)) / (2 * h)
    return (at(h) - 2 * at(mpf(0)) + at(-h)) / h**2


def test_hull_prices_an_at_the_money_futures_put_at_1_12() -> None:
    # Hull, example of Black's model: F = K = 20, r = 9%, T = 4 months, sigma = 25%.
    put = price_greeks(False, 20.0, 20.0, 4 / 12, 0.25).price_usd
    assert exp(-0.09 * 4 / 12) * put == pytest.approx(1.1166, abs=5e-5)


def test_haug_prices_a_futures_option_at_1_7011() -> None:
    # Haug, The Complete Guide to Option Pricing Formulas: F = K = 19, T = 0.75, r = 10%, 28%.
    for is_call in (True, False):
        price = price_greeks(is_call, 19.0, 19.0, 0.75, 0.28).price_usd
        assert exp(-0.10 * 0.75) * price == pytest.approx(1.7011, abs=5e-5)


def test_prices_hold_to_1e_14_of_the_forward() -> None:
    price = price_greeks(*COLUMNS).price_usd
    errors = [abs(mpf(float(p)) - exact_price(*row)) for p, row in zip(price, GRID, strict=True)]
    assert max(errors) <= 1e-14 * FORWARD


def test_deltas_hold_to_1e_13_and_puts_are_calls_less_one() -> None:
    delta = price_greeks(*COLUMNS).delta
    for got, (is_call, forward, strike, years, iv) in zip(delta, GRID, strict=True):
        v = mpf(iv) * mp.sqrt(years)
        exact = mp.ncdf(mp.log(mpf(forward) / mpf(strike)) / v + v / 2) - (0 if is_call else 1)
        assert abs(mpf(float(got)) - exact) <= 1e-13
    assert (delta_of(*COLUMNS) == delta).all()


def test_greeks_are_the_derivatives_of_the_price() -> None:
    greeks = price_greeks(*COLUMNS)
    for i, row in enumerate(GRID):
        # Forward moves of 1e-8 and a second difference of 1e-6 leave 1e-14 and better, relatively.
        gamma = derivative(1, 2, row, "1e-6")
        vega = derivative(4, 1, row, "1e-10")
        theta = -derivative(3, 1, row, "1e-14")
        assert float(greeks.delta[i]) == pytest.approx(
            float(derivative(1, 1, row, "1e-8")), abs=1e-12
        )
        assert float(greeks.gamma[i]) == pytest.approx(float(gamma), rel=1e-9, abs=1e-20)
        assert float(greeks.vega[i]) == pytest.approx(float(vega), rel=1e-9, abs=1e-9)
        assert float(greeks.theta[i]) == pytest.approx(float(theta), rel=1e-9, abs=1e-9)


def test_put_call_parity_holds_to_rounding() -> None:
    _, forward, strike, years, iv = COLUMNS
    call = price_greeks(True, forward, strike, years, iv).price_usd
    put = price_greeks(False, forward, strike, years, iv).price_usd
    assert np.abs(call - put - (forward - strike)).max() <= 2e-15 * strike.max()


def test_vollib_agrees_to_1e_12() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from vollib.black import undiscounted_black
    price = price_greeks(*COLUMNS).price_usd
    for got, (is_call, forward, strike, years, iv) in zip(price, GRID, strict=True):
        # Its argument order is (F, K, sigma, t, flag).
        theirs = undiscounted_black(forward, strike, iv, years, "c" if is_call else "p")
        assert abs(got - theirs) <= 1e-12 * FORWARD


@pytest.mark.parametrize(
    ("is_call", "strike", "years", "iv", "price", "delta"),
    [
        pytest.param(True, 90.0, 0.0, 0.5, 10.0, 1.0, id="expired-call-in-the-money"),
        pytest.param(True, 110.0, 0.0, 0.5, 0.0, 0.0, id="expired-call-out-of-the-money"),
        pytest.param(False, 110.0, 0.0, 0.5, 10.0, -1.0, id="expired-put-in-the-money"),
        pytest.param(False, 90.0, 0.0, 0.5, 0.0, 0.0, id="expired-put-out-of-the-money"),
        pytest.param(True, 90.0, -0.1, 0.5, 10.0, 1.0, id="past-expiry-is-as-expired"),
        pytest.param(True, 110.0, 1.0, 0.0, 0.0, 0.0, id="no-volatility-out-of-the-money"),
        pytest.param(False, 110.0, 1.0, 0.0, 10.0, -1.0, id="no-volatility-in-the-money"),
        pytest.param(True, 100.0, 0.0, 0.5, 0.0, 0.5, id="expired-at-the-money-is-half-way"),
        pytest.param(True, 110.0, 1e-12, 0.5, 0.0, 0.0, id="nearly-expired"),
        pytest.param(True, 90.0, 1.0, 1e-9, 10.0, 1.0, id="nearly-no-volatility"),
    ],
)
def test_limits_are_intrinsic_value_and_whole_deltas(
    is_call: Any, strike: Any, years: Any, iv: Any, price: Any, delta: Any
) -> None:
    greeks = price_greeks(is_call, 100.0, strike, years, iv)
    assert float(greeks.price_usd) == pytest.approx(price, abs=1e-12)
    assert float(greeks.delta) == delta
    assert (greeks.gamma, greeks.vega, greeks.theta) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize(
    ("strike", "years", "iv"),
    [(nan, 0.1, 0.5), (100.0, nan, 0.5), (100.0, 0.1, nan), (100.0, 0.1, -0.5)],
)
def test_a_senseless_row_is_nan_and_leaves_the_others_alone(
    strike: Any, years: Any, iv: Any
) -> None:
    greeks = price_greeks(True, 100.0, [strike, 105.0], [years, 0.1], [iv, 0.5])
    alone = price_greeks(True, 100.0, 105.0, 0.1, 0.5)
    for column, good in zip(greeks, alone, strict=True):
        assert np.isnan(column[0])
        assert column[1] == good


def test_prices_are_never_negative_far_out_of_the_money() -> None:
    strike = FORWARD * np.linspace(1.0, 8.0, 2_000)
    assert (price_greeks(True, FORWARD, strike, 0.02, 0.4).price_usd >= 0).all()


def test_iv_out_of_the_money_holds_to_1e_12() -> None:
    rows = [
        (is_call, FORWARD, FORWARD * k, t, s)
        for k, t, s in itertools.product(
            (0.13, 0.35, 0.7, 0.9, 0.99, 0.9999, 1.0, 1.0001, 1.01, 1.1, 1.5, 3.0, 6.1),
            (2 / 8760, 1 / 365, 1 / 52, 0.25, 1.0),
            (0.05, 0.15, 0.5, 1.2, 2.5),
        )
        for is_call in (k >= 1,)
    ]
    exact = [exact_price(*row) for row in rows]
    # Below this a double cannot hold the price with all its digits; above, no quote is that cheap.
    kept = [(float(p), row) for p, row in zip(exact, rows, strict=True) if p > 1e-250]
    assert len(kept) > 200
    price, (is_call, forward, strike, years, iv) = (
        np.array([p for p, _ in kept]),
        (np.array(c) for c in zip(*(row for _, row in kept), strict=True)),
    )
    assert np.abs(implied_vol(price, is_call, forward, strike, years) - iv).max() <= 1e-12


@settings(deadline=None)  # the first example pays for warming up
@given(
    moneyness=st.floats(-0.6, 0.6),
    years=st.floats(1 / 365, 2.0),
    iv=st.floats(0.08, 2.0),
)
def test_iv_of_a_price_gives_the_price_back(moneyness: Any, years: Any, iv: Any) -> None:
    # Prices within reach of a tick; beyond, rounding of the price decides and not the solver.
    strike = FORWARD * exp(moneyness * iv * sqrt(years) * 5)
    is_call = strike >= FORWARD
    price = price_greeks(is_call, FORWARD, strike, years, iv).price_usd
    found = implied_vol(price, is_call, FORWARD, strike, years)
    assert float(found) == pytest.approx(iv, rel=1e-9)
    again = price_greeks(is_call, FORWARD, strike, years, found).price_usd
    # An IV right to 1e-12 gives the price to d(ln price)/d(ln iv) times that, up to 10 here.
    assert float(again) == pytest.approx(float(price), rel=1e-11)


def test_iv_in_the_money_comes_from_the_time_value() -> None:
    price = price_greeks(True, FORWARD, 0.9 * FORWARD, 0.1, 0.5).price_usd
    assert float(implied_vol(price, True, FORWARD, 0.9 * FORWARD, 0.1)) == pytest.approx(
        0.5, rel=1e-11
    )


@pytest.mark.parametrize(
    ("price", "is_call", "strike", "years"),
    [
        pytest.param(9.99, True, 90.0, 0.1, id="below-intrinsic"),
        pytest.param(10.0, True, 90.0, 0.1, id="at-intrinsic"),
        pytest.param(0.0, True, 110.0, 0.1, id="worthless"),
        pytest.param(-1.0, True, 110.0, 0.1, id="negative"),
        pytest.param(100.0, True, 110.0, 0.1, id="call-at-the-forward"),
        pytest.param(90.0, False, 90.0, 0.1, id="put-at-the-strike"),
        pytest.param(1.0, True, 110.0, 0.0, id="expired"),
        pytest.param(1.0, True, 110.0, -0.1, id="past-expiry"),
        pytest.param(nan, True, 110.0, 0.1, id="nan-price"),
        pytest.param(inf, True, 110.0, 0.1, id="infinite-price"),
        pytest.param(1.0, True, nan, 0.1, id="nan-strike"),
        pytest.param(1.0, True, 0.0, 0.1, id="zero-strike"),
        pytest.param(1.0, True, -5.0, 0.1, id="negative-strike"),
    ],
)
def test_iv_out_of_bounds_is_nan_and_leaves_the_others_alone(
    price: Any, is_call: Any, strike: Any, years: Any
) -> None:
    good = float(price_greeks(True, 100.0, 105.0, 0.1, 0.5).price_usd)
    found = implied_vol([price, good], [is_call, True], 100.0, [strike, 105.0], [years, 0.1])
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(0.5, abs=1e-12)


def test_a_price_of_one_tick_has_an_iv() -> None:
    # 0.0001 coin is Deribit's smallest price: 9.70 USD on a forward of 97,000.
    found = float(implied_vol(9.70, True, FORWARD, 1.25 * FORWARD, 4 / 365))
    assert exact_price(True, FORWARD, 1.25 * FORWARD, 4 / 365, found) == pytest.approx(9.70, 1e-12)


def test_no_rows_give_no_answers() -> None:
    assert implied_vol([], True, [], [], []).shape == (0,)
    assert delta_of(True, [], [], [], []).shape == (0,)
