"""The volatility surface as a covered-call desk needs it: ATM term structure, skew, IV over RV.

Everything is read from mark IVs. An expiry whose strikes do not surround the point that is asked
for is left out; nothing is extrapolated across strikes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter

from callwright.analytics.realized_vol import returns_in_window, windowed_realized_vol
from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.limits import ScanSettings
from callwright.domain.market import (
    Bools,
    Floats,
    Ints,
    OptionChain,
    OptionListing,
    UnderlyingMarket,
)
from callwright.domain.scan import TermPoint, VolState
from callwright.errors import InsufficientData

_QUANTILE_75 = NormalDist().inv_cdf(0.75)

TENOR_STRETCH_MAX = 2.0
"""Outside the listed expiries the nearest IV serves tenors up to this factor away from its DTE."""


def atm_term_structure(chain: OptionChain, at: datetime) -> tuple[TermPoint, ...]:
    """Return the at-the-money IV of each expiry that lives at ``at``, nearest first.

    The mark IV of each strike's out-of-the-money side (the other side where only that is listed),
    interpolated linearly in ln(K / F) to K = F, F being the expiry's own forward.
    """
    return _term(_key_ivs(chain, at))


def constant_maturity_iv(term: Sequence[TermPoint], tenor_days: float) -> float | None:
    """Return the ATM IV at a tenor: linear in total variance IV² × days between expiries.

    Outside the listed expiries the IV is flat, up to a factor of ``TENOR_STRETCH_MAX`` from the
    nearest DTE; beyond that, or without any expiry, None.

    Args:
        term: Nearest expiry first, as ``atm_term_structure`` gives it.
    """
    return _at_tenor([p.dte_days for p in term], [p.atm_iv_annual for p in term], tenor_days)


def skew_25d(chain: OptionChain, at: datetime, tenor_days: float) -> float | None:
    """Return IV of the 25-delta call less IV of the 25-delta put, at a tenor, or None.

    In each expiry both IVs are interpolated linearly in d1, the normal quantile of delta; each is
    then taken to the tenor as ``constant_maturity_iv`` does. Expiries that lack either wing, or go
    through it twice, are left out.
    """
    return _skew(_key_ivs(chain, at), tenor_days)


def vol_state(market: UnderlyingMarket, at: datetime, settings: ScanSettings) -> VolState:
    """Return IV, RV, IV / RV, skew and term structure of one underlying.

    Without a constant-maturity IV the status is ``NO_SURFACE``; without realized volatility it is
    ``INSUFFICIENT_HISTORY``, the IV is kept, and ``rv_annual`` and ``ivrv`` are None.
    """
    ivs = _key_ivs(market.chain, at)
    term = _term(ivs)
    iv = constant_maturity_iv(term, settings.iv_tenor_days)
    rv: float | None = None
    try:
        rv, samples = windowed_realized_vol(
            market.history,
            at,
            window_days=settings.rv_window_days,
            samples_min=settings.rv_samples_min,
        )
    except InsufficientData:
        samples = returns_in_window(market.history, at, settings.rv_window_days)
    return VolState(
        underlying=market.underlying,
        status="NO_SURFACE" if iv is None else "INSUFFICIENT_HISTORY" if rv is None else "OK",
        iv_annual=iv,
        iv_tenor_days=settings.iv_tenor_days,
        rv_annual=rv,
        rv_window_days=settings.rv_window_days,
        rv_samples=samples,
        ivrv=None if iv is None or rv is None else iv / rv,
        skew_25d_annual=_skew(ivs, settings.iv_tenor_days),
        term_structure=term,
    )


class _Grid(NamedTuple):
    """A listing as one row for each (expiry, strike), ascending: calls and puts side by side.

    The last two columns hold three copies in a row, one for each of the points in ``_KeyIvs``.
    """

    expiry_ms: Ints  # [expiries]
    expiry_of: Ints  # [strikes], index into expiry_ms
    strike_usd: Floats  # [strikes]
    call_row: Ints  # [strikes], the put's where no call is listed
    put_row: Ints  # [strikes], and the other way round
    has_next: Bools  # [3 * strikes - 1], the next strike belongs to the same expiry
    place: Ints  # [3 * strikes], the expiry's place among 3 * expiries


class _KeyIvs(NamedTuple):
    """IVs at three points of each live expiry, nearest first; NaN where no strikes surround one."""

    dte_days: list[float]
    atm: list[float]
    call_25d: list[float]
    put_25d: list[float]


# A listing lasts about a day and is shared by all views of it, so its grid is worked out once; the
# cache is small because recorded markets have a new listing in every view.
@lru_cache(maxsize=16)
def _grid(listing: OptionListing) -> _Grid:
    call_row, put_row = _mirrored_rows(listing) or _paired_rows(listing)
    expiry, strike = listing.expiry_ms[call_row], listing.strike_usd[call_row]
    is_next = np.zeros(len(expiry), dtype=np.bool_)
    is_next[1:] = expiry[1:] != expiry[:-1]
    expiry_of = is_next.cumsum()
    expiries = expiry[is_next | (np.arange(len(expiry)) == 0)]
    place = np.concatenate([expiry_of + point * len(expiries) for point in range(3)])
    return _Grid(
        expiry_ms=expiries,
        expiry_of=expiry_of,
        strike_usd=strike,
        call_row=call_row,
        put_row=put_row,
        has_next=place[1:] == place[:-1],
        place=place,
    )


def _mirrored_rows(listing: OptionListing) -> tuple[Ints, Ints] | None:
    """Return ``_paired_rows`` of a listing of all calls in that order, then their puts, or None.

    A synthetic market lists so, and anew every few hours of its time: sorting would be half the
    cost of its volatility.
    """
    half = len(listing) // 2
    expiry, strike = listing.expiry_ms[:half], listing.strike_usd[:half]
    ascends = (expiry[1:] > expiry[:-1]) | (
        (expiry[1:] == expiry[:-1]) & (strike[1:] > strike[:-1])
    )
    if (
        ascends.all()
        and listing.is_call[:half].all()
        and not listing.is_call[half:].any()
        and np.array_equal(expiry, listing.expiry_ms[half:])
        and np.array_equal(strike, listing.strike_usd[half:])
    ):
        rows = np.arange(2 * half)
        return rows[:half], rows[half:]
    return None


def _paired_rows(listing: OptionListing) -> tuple[Ints, Ints]:
    """Return each (expiry, strike)'s rows of call and put, one of them twice if the other lacks."""
    order = np.lexsort((listing.strike_usd, listing.expiry_ms))
    expiry, strike = listing.expiry_ms[order], listing.strike_usd[order]
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = (np.diff(expiry) != 0) | (np.diff(strike) != 0)
    cell = np.cumsum(is_first) - 1
    call_row, put_row = np.full((2, int(is_first.sum())), -1, dtype=np.int64)
    is_call = listing.is_call[order]
    call_row[cell[is_call]] = order[is_call]
    put_row[cell[~is_call]] = order[~is_call]
    return np.where(call_row < 0, put_row, call_row), np.where(put_row < 0, call_row, put_row)


def _key_ivs(chain: OptionChain, at: datetime) -> _KeyIvs:
    grid = _grid(chain.listing)
    forward = chain.forward_usd[grid.call_row]
    iv = chain.mark_iv_annual[np.where(grid.strike_usd >= forward, grid.call_row, grid.put_row)]
    dte_days = (grid.expiry_ms - to_ms(at)) / MS_PER_DAY
    live = dte_days > 0
    # Expired rows are left out at the end; 1 only keeps their division quiet.
    v = iv * np.sqrt(np.where(live, dte_days, 1.0) / DAYS_PER_YEAR)[grid.expiry_of]
    # Along the strikes each row of ``rising`` goes up through zero at the point whose IV is wanted:
    # ln(K / F) = 0, then N(d1) = 0.25 (the call), then N(d1) = 0.75 (the put of delta -0.25).
    rising = np.empty((3, len(iv)))
    log_moneyness = np.log(grid.strike_usd / forward, out=rising[0])
    minus_d1 = log_moneyness / v - 0.5 * v
    np.subtract(minus_d1, _QUANTILE_75, out=rising[1])
    np.add(minus_d1, _QUANTILE_75, out=rising[2])
    flat = rising.ravel()
    up = flat > 0.0
    left = (up[1:] & ~up[:-1] & grid.has_next).nonzero()[0]
    low, high, strike, place = flat[left], flat[left + 1], left % len(iv), grid.place[left]
    found = np.full(3 * len(dte_days), np.nan)
    found[place] = iv[strike] + low / (low - high) * (iv[strike + 1] - iv[strike])
    # A smile that goes through a point twice has arbitrage in it and no single answer.
    found[place[1:][place[1:] == place[:-1]]] = np.nan
    return _KeyIvs(dte_days[live].tolist(), *found.reshape(3, -1)[:, live].tolist())


def _term(ivs: _KeyIvs) -> tuple[TermPoint, ...]:
    return _TERM.validate_python(
        [
            {"dte_days": dte, "atm_iv_annual": iv}
            for dte, iv in zip(ivs.dte_days, ivs.atm, strict=True)
            if iv > 0
        ]
    )


# Many small models in one go cost half of what they do one by one.
_TERM = TypeAdapter(tuple[TermPoint, ...])


def _skew(ivs: _KeyIvs, tenor_days: float) -> float | None:
    wings = [
        wing
        for wing in zip(ivs.dte_days, ivs.call_25d, ivs.put_25d, strict=True)
        if wing[1] > 0 and wing[2] > 0
    ]
    if not wings:
        return None
    dte_days, calls, puts = zip(*wings, strict=True)
    call, put = _at_tenor(dte_days, calls, tenor_days), _at_tenor(dte_days, puts, tenor_days)
    return None if call is None or put is None else call - put


def _at_tenor(
    dte_days: Sequence[float], iv_annual: Sequence[float], tenor_days: float
) -> float | None:
    after = bisect_right(dte_days, tenor_days)
    if 0 < after < len(dte_days):
        near, far = dte_days[after - 1], dte_days[after]
        near_var, far_var = iv_annual[after - 1] ** 2 * near, iv_annual[after] ** 2 * far
        weight = (tenor_days - near) / (far - near)
        return sqrt((near_var + weight * (far_var - near_var)) / tenor_days)
    edge = -1 if after else 0
    if dte_days and (
        tenor_days / TENOR_STRETCH_MAX <= dte_days[edge] <= tenor_days * TENOR_STRETCH_MAX
    ):
        return iv_annual[edge]
    return None
