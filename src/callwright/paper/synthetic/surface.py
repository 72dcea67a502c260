"""The implied volatility surface and the marks on it.

SSVI (Gatheral and Jacquier 2014) with a power-law curvature: total variance
``w(x) = θ/2 (1 + ρφx + sqrt((φx + ρ)² + 1 − ρ²))``, ``φ = η / sqrt(θ(1 + θ))``. With
``η(1 + |ρ|) ≤ 2`` and θ rising in maturity there is no static arbitrage (their theorem 4.2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from callwright.domain.market import Floats
from callwright.paper.synthetic.path import HOURS_PER_YEAR, AssetModel, AssetPath

_nodes, _weights = np.polynomial.legendre.leggauss(6)
_NODES: Floats = ((_nodes + 1) / 2)[:, None] * HOURS_PER_YEAR
_WEIGHTS: Floats = _weights / 2
_LN2 = math.log(2.0)


class Marks(NamedTuple):
    """Call marks on the surface, float64[strikes] each.

    Attributes:
        strike_over_forward: K / F.
        iv_annual: Implied volatility of call and put alike.
        call_coin: Black-76 price over the forward; the put is ``call - 1 + K/F``.
        delta: N(d1) of the call.
    """

    strike_over_forward: Floats
    iv_annual: Floats
    call_coin: Floats
    delta: Floats


def atm_total_variance(model: AssetModel, path: AssetPath, hour: int, years: Floats) -> Floats:
    """Return at-the-money total variance θ by maturity, float64[expiries], never falling.

    It is the expected average variance of the two log-OU factors from their state at ``hour``, plus
    the variance of jumps, times the squared volatility premium; Gauss-Legendre over the maturity.

    Args:
        years: Times to expiry, ascending, positive.
    """
    fast, slow = float(path.fast[hour]), float(path.slow[hour])
    ahead = _NODES * years
    decay_fast = np.exp(ahead * (-_LN2 / model.fast_half_life))
    decay_slow = np.exp(ahead * (-_LN2 / model.slow_half_life))
    mean = fast * decay_fast + slow * decay_slow
    long_run = model.fast_sd**2 + model.slow_sd**2
    spread = (
        long_run - model.fast_sd**2 * decay_fast**2 - model.slow_sd**2 * decay_slow**2
    )  # Variance of the log-volatility seen from now.
    # A log-normal's moments: E[e^2x] for the variance, E[e^x] for the jump rate.
    level = np.exp(mean + (0.5 * spread - 0.5 * long_run))
    jump_variance = model.jumps_per_year * (model.jump_sd**2 + model.jump_mean**2)
    variance = model.vol_annual**2 * level * level * np.exp(spread) + jump_variance * level
    premium = math.exp(2 * float(path.log_premium[hour]))
    theta: Floats = np.maximum.accumulate((_WEIGHTS @ variance) * years * premium)
    return theta


def marks(
    theta: Floats,
    years: Floats,
    forward_usd: Floats,
    *,
    eta: float | Floats,
    skew: float | Floats,
    expiry_index: npt.NDArray[np.intp],
    strike_usd: Floats,
) -> Marks:
    """Return marks of every strike; ``theta``, ``years`` and ``forward_usd`` are by expiry.

    ``eta`` and ``skew`` are one number or one by expiry: expiries of several coins may stand side
    by side.
    """
    by_expiry = np.empty((6, len(theta)))
    by_expiry[0] = 1 / forward_usd
    by_expiry[1] = 0.5 * theta
    by_expiry[2] = eta / np.sqrt(theta * (1 + theta))
    by_expiry[3] = 1 / np.sqrt(years)
    by_expiry[4] = skew
    by_expiry[5] = 1 - by_expiry[4] * by_expiry[4]
    inverse_forward, half_theta, curvature, inverse_root, tilt, bend = by_expiry.take(
        expiry_index, axis=1
    )
    ratio = strike_usd * inverse_forward
    moneyness = np.log(ratio)
    y = curvature * moneyness
    shifted = y + tilt
    variance = half_theta * (1 + tilt * y + np.sqrt(shifted * shifted + bend))
    deviation = np.sqrt(variance)
    centre = moneyness / -deviation
    half = 0.5 * deviation
    n1, n2 = ndtr(np.array([centre + half, centre - half]))
    return Marks(ratio, deviation * inverse_root, n1 - ratio * n2, n1)
