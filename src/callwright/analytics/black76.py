"""Black-76 price, greeks and implied volatility of whole chains at once, undiscounted (r = 0).

Deribit's inverse marks are these prices divided by the forward, and its delta is the N(d1) here
(venues.md: read 2026-10). Floats only: nothing here may become an order price by itself.

Inputs broadcast as numpy does. A row that makes no sense (NaN, a negative volatility) answers NaN;
nothing raises or warns for the sake of one row.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx, ndtr, ndtri

Floats = npt.NDArray[np.float64]

_INV_SQRT_2PI = 1 / sqrt(2 * pi)
_SQRT_HALF = sqrt(0.5)

_IV_STEPS_MAX = 8
# Halley's errors shrink cubically, e -> ~0.1 e^3: after a step this small only rounding is left.
_IV_STEP_ENOUGH = 3e-5


class Greeks(NamedTuple):
    """One float64 array a column, shaped as the inputs broadcast.

    Attributes:
        price_usd: Option value; divided by the forward it is an inverse option's price in coin.
        delta: N(d1) for calls, N(d1) - 1 for puts, on the forward; not premium-adjusted.
        gamma: Change of delta for 1 USD of forward.
        vega: USD for 1.00 of volatility (100 vol points).
        theta: USD for one year passing; negative.
    """

    price_usd: Floats
    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats


def price_greeks(
    is_call: npt.ArrayLike,
    forward_usd: npt.ArrayLike,
    strike_usd: npt.ArrayLike,
    years: npt.ArrayLike,
    iv_annual: npt.ArrayLike,
) -> Greeks:
    """Return price and greeks of European options on a forward.

    Args:
        is_call: True for calls, False for puts.
        forward_usd, strike_usd: Positive.
        years: To expiry, of 365 days. At or below zero the limits hold: intrinsic value; delta 0
            or 1 (put: -1 or 0), half-way at the money; gamma, vega and theta 0.
        iv_annual: Fraction, zero or more; zero has the same limits.

    Source: Black (1976); Hull (10th ed.) 18.7, with r = 0.
    """
    sign = _signs(is_call)
    forward, strike, time, iv = _floats(forward_usd, strike_usd, years, iv_annual)
    with np.errstate(all="ignore"):
        root_time = np.sqrt(np.maximum(time, 0.0))
        d1, v = _d1(forward, strike, iv * root_time)
        n1 = ndtr(sign * d1)
        price = sign * (forward * n1 - strike * ndtr(sign * (d1 - v)))
        density = _INV_SQRT_2PI * np.exp(-0.5 * d1 * d1)
        gamma = density / (forward * v)
        vega = forward * density * root_time
        theta = -0.5 * vega * iv / time
        if not (v > 0.0).all():
            gamma, vega, theta = (np.where(v == 0.0, 0.0, g) for g in (gamma, vega, theta))
    # Far out of the money the two terms cancel to a rounding error of either sign.
    return Greeks(np.maximum(price, 0.0), sign * n1, gamma, vega, theta)


def delta_of(
    is_call: npt.ArrayLike,
    forward_usd: npt.ArrayLike,
    strike_usd: npt.ArrayLike,
    years: npt.ArrayLike,
    iv_annual: npt.ArrayLike,
) -> Floats:
    """Return the delta of ``price_greeks`` alone: N(d1) for calls, N(d1) - 1 for puts."""
    sign = _signs(is_call)
    forward, strike, time, iv = _floats(forward_usd, strike_usd, years, iv_annual)
    with np.errstate(all="ignore"):
        d1, _ = _d1(forward, strike, iv * np.sqrt(np.maximum(time, 0.0)))
        delta: Floats = sign * ndtr(sign * d1)
    return delta


def implied_vol(
    price_usd: npt.ArrayLike,
    is_call: npt.ArrayLike,
    forward_usd: npt.ArrayLike,
    strike_usd: npt.ArrayLike,
    years: npt.ArrayLike,
) -> Floats:
    """Return the annual volatility at which Black-76 gives these undiscounted prices.

    Args:
        price_usd: USD; a price in coin times the forward.
        years: To expiry, of 365 days.

    Returns:
        Annual fractions, float64; NaN where the price is not strictly between intrinsic value and
        its upper bound (forward for calls, strike for puts), or the option has expired. Out of the
        money the error is within 1e-12; in the money it is as good as the time value's digits.

    Source: Halley's method on the logarithm of the normalised out-of-the-money price, after
    Jäckel, "Let's Be Rational" (2015); the Mills-ratio form of the price (erfcx) keeps the digits
    that a difference of normal distributions loses.
    """
    sign = _signs(is_call)
    price, forward, strike, time = _floats(price_usd, forward_usd, strike_usd, years)
    with np.errstate(all="ignore"):
        x = -np.abs(np.log(forward / strike))
        time_value = price - np.maximum(sign * (forward - strike), 0.0)
        possible = (time_value > 0.0) & (time_value < np.minimum(forward, strike)) & (time > 0.0)
        beta = np.where(possible, time_value, np.nan) / np.sqrt(forward * strike)
        iv: Floats = _normalised_iv(beta, x) / np.sqrt(time)
    return iv


def _normalised_iv(beta: Floats, x: Floats) -> Floats:
    """Return s with ``_normalised_price(x, s) == beta``; x <= 0 is the log-moneyness."""
    inflection, x_squared, log_beta = np.sqrt(-2.0 * x), x * x, np.log(beta)
    # First guesses. Below the inflection point: the inverse of beta / |x| in Bachelier's model, by
    # a curve of our own that is right to second order for large volatility and to leading order
    # for small (18% off at worst between them). Above: the at-the-money inverse, exact at x = 0.
    ratio = -x / beta
    guess_low = -x / np.sqrt(2.0 * np.log1p(ratio * (ratio / (1.0 + ratio)) / (4.0 * pi)))
    guess_high = np.maximum(inflection, -2.0 * ndtri(0.5 - 0.5 * beta * np.exp(-0.5 * x)))
    s = np.where(guess_low < inflection, guess_low, guess_high)
    for _ in range(_IV_STEPS_MAX):
        value, slope = _normalised_price(x, s)
        log_slope = slope / value
        newton = (np.log(value) - log_beta) / log_slope
        bend = x_squared / (s * s * s) - 0.25 * s - log_slope
        move = newton / np.maximum(1.0 - 0.5 * newton * bend, 0.5)
        s = s - move
        # NaN rows compare False, so they never keep the others waiting.
        if not (np.abs(move) > _IV_STEP_ENOUGH * s).any():
            break
    return s


def _normalised_price(x: Floats, s: Floats) -> tuple[Floats, Floats]:
    """Return the out-of-the-money price over sqrt(F K), and its derivative by s."""
    h, t = x / s, 0.5 * s
    e = np.exp(-0.5 * (h * h + t * t))
    price = 0.5 * e * (erfcx(-_SQRT_HALF * (h + t)) - erfcx(-_SQRT_HALF * (h - t)))
    return price, _INV_SQRT_2PI * e


def _d1(forward: Floats, strike: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Return (d1, v) with the limits of v = 0 put in and a negative v made NaN."""
    log_moneyness = np.log(forward / strike)
    d1 = log_moneyness / v + 0.5 * v
    if not (v > 0.0).all():
        v = np.where(v >= 0.0, v, np.nan)
        at_limit = np.where(log_moneyness == 0.0, 0.0, np.copysign(np.inf, log_moneyness))
        d1 = np.where(v == 0.0, at_limit, np.where(v > 0.0, d1, np.nan))
    return d1, v


def _signs(is_call: npt.ArrayLike) -> Floats:
    return np.asarray(is_call, dtype=np.float64) * 2.0 - 1.0


def _floats(*columns: npt.ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(column, dtype=np.float64) for column in columns)
