"""Term structure, constant maturity and skew by hand; states that say what is missing."""

from __future__ import annotations

from datetime import timedelta
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest

from builders import NOW, a_history, an_underlying_market, scan_settings
from callwright.analytics.surface import (
    atm_term_structure,
    constant_maturity_iv,
    skew_25d,
    vol_state,
)
from callwright.domain.base import to_ms
from callwright.domain.market import OptionChain, OptionListing, UnderlyingMarket
from callwright.domain.scan import TermPoint

FORWARD = 100_000.0
CALL, PUT = True, False


def a_chain(*rows: Any, forward: Any = FORWARD) -> Any:
    """A chain of (days to expiry, strike, is_call, mark IV); nothing else of it is read here."""
    n = len(rows)
    days, strikes, is_call, ivs = zip(*rows, strict=True) if rows else ((), (), (), ())
    listing = OptionListing(
        underlying="BTC",
        names=tuple(str(i) for i in range(n)),
        strike_usd=np.array(strikes, dtype=np.float64),
        expiry_ms=np.array([to_ms(NOW + timedelta(days=d)) for d in days], dtype=np.int64),
        is_call=np.array(is_call, dtype=np.bool_),
    )
    nothing = np.zeros(n)
    return OptionChain(
        listing=listing,
        forward_usd=np.full(n, forward),
        mark_iv_annual=np.array(ivs, dtype=np.float64),
        mark_coin=nothing,
        bid_coin=np.full(n, np.nan),
        ask_coin=np.full(n, np.nan),
        bid_amount_coin=nothing,
        ask_amount_coin=nothing,
        open_interest_coin=nothing,
        as_of_ms=np.full(n, to_ms(NOW), dtype=np.int64),
    )


def a_smile(days: Any, *points: Any) -> Any:
    """Rows of one expiry that have these (d1, IV): K = F exp(v² / 2 - d1 v), v = IV sqrt(T)."""
    rows = []
    for d1, iv in points:
        v = iv * sqrt(days / 365)
        strike = FORWARD * exp(v * v / 2 - d1 * v)
        rows += [(days, strike, CALL, iv), (days, strike, PUT, iv)]
    return rows


def test_atm_iv_is_interpolated_in_log_moneyness_between_put_and_call() -> None:
    chain = a_chain((7, 95_000, PUT, 0.60), (7, 105_000, CALL, 0.50))
    # ln 0.95 = -0.0512933, ln 1.05 = +0.0487902: the forward lies 0.5125052 of the way up.
    (point,) = atm_term_structure(chain, NOW)
    assert point.dte_days == 7.0
    assert point.atm_iv_annual == pytest.approx(0.60 - 0.10 * 0.5125052, abs=1e-8)


def test_the_out_of_the_money_side_of_each_strike_counts() -> None:
    chain = a_chain(
        (7, 95_000, PUT, 0.60),
        (7, 95_000, CALL, 9.0),
        (7, 105_000, CALL, 0.50),
        (7, 105_000, PUT, 9.0),
    )
    (point,) = atm_term_structure(chain, NOW)
    assert 0.50 < point.atm_iv_annual < 0.60


def test_the_other_side_serves_where_only_that_is_listed() -> None:
    chain = a_chain((7, 95_000, CALL, 0.60), (7, 105_000, CALL, 0.50))
    (point,) = atm_term_structure(chain, NOW)
    assert 0.50 < point.atm_iv_annual < 0.60


def test_expiries_come_nearest_first_whatever_the_rows_order() -> None:
    rows = [
        (days, strike, is_call, iv)
        for days, iv in ((30, 0.7), (1, 0.5), (7, 0.6))
        for strike, is_call in ((110_000, CALL), (90_000, PUT))
    ]
    points = atm_term_structure(a_chain(*rows), NOW)
    assert [(p.dte_days, round(p.atm_iv_annual, 12)) for p in points] == [
        (1.0, 0.5),
        (7.0, 0.6),
        (30.0, 0.7),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="empty-chain"),
        pytest.param([(7, 105_000, CALL, 0.5)], id="one-strike"),
        pytest.param([(7, 105_000, CALL, 0.5), (7, 110_000, CALL, 0.5)], id="all-above"),
        pytest.param([(7, 80_000, PUT, 0.5), (7, 90_000, PUT, 0.5)], id="all-below"),
        pytest.param([(7, 90_000, PUT, 0.5), (14, 110_000, CALL, 0.5)], id="not-the-same-expiry"),
        pytest.param([(0, 90_000, PUT, 0.5), (0, 110_000, CALL, 0.5)], id="expiring-now"),
        pytest.param([(-1, 90_000, PUT, 0.5), (-1, 110_000, CALL, 0.5)], id="expired"),
    ],
)
def test_an_expiry_without_strikes_around_the_forward_is_left_out(rows: Any) -> None:
    assert atm_term_structure(a_chain(*rows), NOW) == ()
    assert skew_25d(a_chain(*rows), NOW, 7.0) is None


TERM = (
    TermPoint(dte_days=4.0, atm_iv_annual=0.50),
    TermPoint(dte_days=11.0, atm_iv_annual=0.60),
)


@pytest.mark.parametrize(
    ("term", "tenor_days", "iv"),
    [
        # 0.25 * 4 = 1.00 and 0.36 * 11 = 3.96; three sevenths of the way: 2.268571; / 7, root.
        pytest.param(TERM, 7.0, sqrt((1.0 + 3 / 7 * 2.96) / 7), id="between-in-total-variance"),
        pytest.param(TERM, 4.0, 0.50, id="at-the-nearer"),
        pytest.param(TERM, 11.0, 0.60, id="at-the-farther"),
        pytest.param(TERM, 2.0, 0.50, id="flat-down-to-half"),
        pytest.param(TERM, 1.99, None, id="below-half-the-nearest"),
        pytest.param(TERM, 22.0, 0.60, id="flat-up-to-twice"),
        pytest.param(TERM, 22.01, None, id="above-twice-the-farthest"),
        pytest.param(TERM[:1], 7.0, 0.50, id="one-expiry-near-enough"),
        pytest.param(TERM[:1], 9.0, None, id="one-expiry-too-far"),
        pytest.param((), 7.0, None, id="none"),
    ],
)
def test_constant_maturity_iv(term: Any, tenor_days: Any, iv: Any) -> None:
    found = constant_maturity_iv(term, tenor_days)
    assert found == (None if iv is None else pytest.approx(iv, rel=1e-12))


SMILE = ((0.8, 0.60), (0.5, 0.56), (0.0, 0.50), (-0.5, 0.52), (-0.8, 0.55))


def test_skew_is_the_25_delta_call_less_the_25_delta_put() -> None:
    # N(d1) = 0.75 and 0.25 are at d1 = +-0.6744898, which is 0.5816325 of the way from 0.5 to 0.8.
    # Put 0.56 + 0.04 * 0.5816325 = 0.5832653, call 0.52 + 0.03 * 0.5816325 = 0.5374490.
    chain = a_chain(*a_smile(7, *SMILE))
    assert skew_25d(chain, NOW, 7.0) == pytest.approx(0.5374490 - 0.5832653, abs=2e-7)


def test_each_wing_goes_to_the_tenor_in_total_variance() -> None:
    lower = tuple((d1, iv - 0.1) for d1, iv in SMILE)
    chain = a_chain(*a_smile(14, *SMILE), *a_smile(4, *lower))
    call = sqrt((0.4374490**2 * 4 + 0.3 * (0.5374490**2 * 14 - 0.4374490**2 * 4)) / 7)
    put = sqrt((0.4832653**2 * 4 + 0.3 * (0.5832653**2 * 14 - 0.4832653**2 * 4)) / 7)
    assert skew_25d(chain, NOW, 7.0) == pytest.approx(call - put, abs=3e-7)


def test_a_flat_smile_has_no_skew() -> None:
    assert skew_25d(an_underlying_market(iv=0.5).chain, NOW, 7.0) == pytest.approx(0.0, abs=1e-12)


def test_a_missing_wing_is_not_extrapolated() -> None:
    chain = a_chain(*a_smile(7, *SMILE[1:]))
    assert len(atm_term_structure(chain, NOW)) == 1
    assert skew_25d(chain, NOW, 7.0) is None


def test_a_smile_that_passes_the_wing_twice_has_no_skew() -> None:
    # A mark IV of 300% far out of the money puts its delta back above 0.25.
    far = (7, FORWARD * 1.4, CALL, 3.0)
    beyond = (7, FORWARD * 3.0, CALL, 0.5)
    assert skew_25d(a_chain(*a_smile(7, *SMILE), far, beyond), NOW, 7.0) is None


def test_vol_state_puts_iv_over_rv() -> None:
    state = vol_state(an_underlying_market(iv=0.50, realized_vol=0.40), NOW, scan_settings())
    rv = 0.40 * sqrt(168 / 167)  # 168 alternating hourly returns, sample deviation
    assert (state.status, state.rv_samples, len(state.term_structure)) == ("OK", 168, 4)
    assert state.iv_annual == pytest.approx(0.50)
    assert state.rv_annual == pytest.approx(rv)
    assert state.ivrv == pytest.approx(0.50 / rv)
    assert state.skew_25d_annual == pytest.approx(0.0, abs=1e-12)


def test_too_little_history_keeps_the_iv_and_is_never_zero() -> None:
    state = vol_state(an_underlying_market(history_days=3), NOW, scan_settings())
    assert (state.status, state.rv_annual, state.ivrv) == ("INSUFFICIENT_HISTORY", None, None)
    assert state.rv_samples == 72
    assert state.iv_annual == pytest.approx(0.5)


def test_without_a_surface_the_realized_volatility_is_kept() -> None:
    market = UnderlyingMarket("BTC", FORWARD, NOW, a_chain(), a_history())
    state = vol_state(market, NOW, scan_settings())
    assert (state.status, state.iv_annual, state.ivrv) == ("NO_SURFACE", None, None)
    assert state.skew_25d_annual is None
    assert state.rv_annual == pytest.approx(0.4, rel=0.01)


def test_a_tenor_that_no_expiry_serves_is_no_surface() -> None:
    market = an_underlying_market(dte_days=(60, 90))
    state = vol_state(market, NOW, scan_settings(iv_tenor_days=7.0))
    assert state.status == "NO_SURFACE"
    assert len(state.term_structure) == 2


@pytest.mark.parametrize("order", ["calls then puts", "by strike", "backwards", "mixed"])
def test_the_surface_does_not_depend_on_the_order_of_rows(order: Any) -> None:
    points = [(1.5, 0.7), (0.9, 0.6), (0.3, 0.52), (-0.2, 0.5), (-0.8, 0.55), (-1.4, 0.62)]
    by_strike = [*a_smile(3, *points), *a_smile(9, *points), *a_smile(30, *points)]
    mirrored = sorted(by_strike, key=lambda row: not row[2])
    rows = {
        "calls then puts": mirrored,
        "by strike": by_strike,
        "backwards": mirrored[::-1],
        "mixed": [by_strike[i * 7 % len(by_strike)] for i in range(len(by_strike))],
    }[order]
    chain, expected = a_chain(*rows), a_chain(*by_strike)
    assert atm_term_structure(chain, NOW) == atm_term_structure(expected, NOW)
    assert len(atm_term_structure(chain, NOW)) == 3
    assert skew_25d(chain, NOW, 7.0) == skew_25d(expected, NOW, 7.0) is not None


def test_a_listing_whose_halves_differ_is_not_taken_for_calls_and_their_puts() -> None:
    # Two calls, then two puts, of other strikes: each strike has only one side.
    rows = [(7, 100_500.0, CALL, 0.5), (7, 101_000.0, CALL, 0.5)]
    rows += [(7, 99_000.0, PUT, 0.7), (7, 99_500.0, PUT, 0.7)]
    (point,) = atm_term_structure(a_chain(*rows), NOW)
    # Linear in ln(K / F) between 99,500 and 100,500: half-way but for the log's curve.
    assert point.atm_iv_annual == pytest.approx(0.6, abs=1e-3)
