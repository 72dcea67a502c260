"""The state path: index prices and the volatility state of BTC and ETH, hour by hour.

Two log-OU volatility factors, jumps that come more often when volatility is high and then raise it,
hour-of-day and weekend seasonality. ETH takes 0.85 of every Gaussian shock from BTC and jumps when
BTC jumps. Calibrated to the daily moments of BTC and ETH in 2022-24 and to nothing about options:
the volatility premium is an input, so profit and loss here is never evidence of edge.

Every component draws from its own counter-based stream (Philox, Salmon et al. 2011) in the order of
time, so a longer path repeats a shorter one exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy.signal import lfilter

from callwright.domain.market import Bools, Floats
from callwright.paper.source import Scenario

START = datetime(2026, 1, 5, tzinfo=UTC)
"""The first market time, a Monday."""

HISTORY_DAYS = 35
ORIGIN = START - timedelta(days=HISTORY_DAYS)
"""Hour 0 of the path, a Monday as well: five weeks of index history come before the start."""

HOURS_PER_YEAR = 8760.0
SHARED_SHOCK = 0.85
"""Correlation of ETH's Gaussian shocks with BTC's."""


@dataclass(frozen=True)
class AssetModel:
    """Parameters of one coin. Volatilities are annual fractions, half-lives hours.

    Attributes:
        asset_id: Names the random streams; never changes.
        start_usd: Index at ``START``.
        drift_annual, carry_annual: Of the index, and of the forward over it.
        vol_annual: Diffusive volatility when both factors are zero.
        fast_*, slow_*: Half-life, stationary standard deviation and correlation with the return
            shock of each log-volatility factor.
        jumps_per_year, jump_mean, jump_sd: Of log-price jumps at average volatility.
        jump_vol_kick: What a jump of one ``jump_sd`` adds to the fast factor.
        premium, premium_sd, premium_half_life: Implied over expected volatility, log-OU around it.
        smile_eta, skew, skew_sd, skew_half_life: SSVI curvature; correlation, OU around its mean.
    """

    asset_id: int
    start_usd: float
    vol_annual: float
    jumps_per_year: float
    jump_sd: float
    drift_annual: float = 0.15
    carry_annual: float = 0.07
    fast_half_life: float = 72.0
    fast_sd: float = 0.30
    fast_leverage: float = -0.12
    slow_half_life: float = 1800.0
    slow_sd: float = 0.28
    slow_leverage: float = -0.05
    jump_mean: float = -0.006
    jump_vol_kick: float = 0.12
    premium: float = 1.12
    premium_sd: float = 0.06
    premium_half_life: float = 240.0
    smile_eta: float = 0.75
    skew: float = -0.12
    skew_sd: float = 0.09
    skew_half_life: float = 288.0


BTC = AssetModel(asset_id=1, start_usd=92_000, vol_annual=0.42, jumps_per_year=14, jump_sd=0.045)
ETH = AssetModel(asset_id=2, start_usd=3_150, vol_annual=0.54, jumps_per_year=16, jump_sd=0.055)


def models(scenario: Scenario) -> dict[str, AssetModel]:
    """Return the coins of a scenario; a negative premium sells options too cheaply."""
    premium = 0.85 if scenario == "negative-premium" else BTC.premium
    return {"BTC": replace(BTC, premium=premium), "ETH": replace(ETH, premium=premium)}


@dataclass(frozen=True, eq=False)
class AssetPath:
    """One coin's path, float64[hours] each; entry h is known at hour h after ``ORIGIN``.

    Attributes:
        index_usd: Index, to the cent.
        hour_vol: Standard deviation of the diffusive log return from h to h + 1.
        jump: Log-price jump between h and h + 1; zero in most hours.
        fast, slow: Log-volatility factors, stationary mean zero; jumps are in ``fast``.
        log_premium: Log of implied over expected volatility.
        skew: SSVI correlation.
    """

    index_usd: Floats
    hour_vol: Floats
    jump: Floats
    fast: Floats
    slow: Floats
    log_premium: Floats
    skew: Floats

    def __len__(self) -> int:
        return len(self.index_usd)


def generate(seed: int, scenario: Scenario, hours: int) -> dict[str, AssetPath]:
    """Return the first ``hours`` hours of both coins; a longer path starts with the shorter one."""
    coins = models(scenario)
    shocks = _Shocks(seed, coins["BTC"], hours, None)
    crash = _crash(seed, hours) if scenario == "crash" else np.zeros(hours)
    paths: dict[str, AssetPath] = {}
    jump_rate: Floats | None = None
    for name, model in coins.items():
        if name != "BTC":
            shocks = _Shocks(seed, model, hours, shocks)
        # ETH falls harder than BTC in the crash, as it did on 12 March 2020.
        paths[name], jump_rate = _asset_path(
            model, shocks, crash if name == "BTC" else 1.1 * crash, jump_rate
        )
    return paths


def stream(seed: int, asset_id: int, component: int, position: int = 0) -> np.random.Generator:
    """Return the random stream of one component of one coin; ``position`` addresses an hour."""
    # Philox takes two 64-bit key words and a 256-bit counter: no streams overlap.
    bits = np.random.Philox(key=[seed, asset_id << 8 | component], counter=[0, 0, position, 0])
    return np.random.Generator(bits)


RETURN, FAST, SLOW, PREMIUM, SKEW, JUMP_SIZE, JUMP_TIME, CRASH_DAY, WITHIN_HOUR = range(9)


class _Shocks:
    """Standard normals by component, one more than there are hours: the first is the start state.

    ETH's are mixed from BTC's. Jump times are BTC's for both coins.
    """

    def __init__(self, seed: int, model: AssetModel, hours: int, leader: _Shocks | None) -> None:
        self.normal: list[Floats] = []
        for component in range(JUMP_SIZE + 1):
            own = stream(seed, model.asset_id, component).standard_normal(hours + 1)
            self.normal.append(
                own
                if leader is None
                else SHARED_SHOCK * leader.normal[component] + (1 - SHARED_SHOCK**2) ** 0.5 * own
            )
        self.jump_uniform: Floats = (
            stream(seed, model.asset_id, JUMP_TIME).random(hours)
            if leader is None
            else leader.jump_uniform
        )


def _asset_path(
    model: AssetModel, shocks: _Shocks, crash: Floats, jump_rate: Floats | None
) -> tuple[AssetPath, Floats]:
    """Return the path, and its jump intensity (per year) for the coin that jumps along."""
    hours = len(crash)
    # In the hours of a crash the fall is all that moves, so that its day is what it should be.
    diffusion = np.where(crash < 0, 0.0, shocks.normal[RETURN][1:])
    fast = _ou(model.fast_half_life, model.fast_sd, model.fast_leverage, shocks, FAST)
    slow = _ou(model.slow_half_life, model.slow_sd, model.slow_leverage, shocks, SLOW)
    convexity = 0.5 * (model.fast_sd**2 + model.slow_sd**2)
    rate = np.exp(fast + slow - convexity) if jump_rate is None else jump_rate
    hourly_rate = model.jumps_per_year / HOURS_PER_YEAR * rate
    hit: Bools = shocks.jump_uniform < hourly_rate
    jump = np.where(hit, model.jump_mean + model.jump_sd * shocks.normal[JUMP_SIZE][1:], 0.0)
    jump += crash
    # A jump raises the fast factor from the next hour on; the kick decays as the factor does.
    decay = 0.5 ** (1 / model.fast_half_life)
    kick = lfilter([1.0], [1.0, -decay], model.jump_vol_kick / model.jump_sd * np.abs(jump))
    fast[1:] += kick[:-1]

    vol = model.vol_annual * np.exp(fast + slow - convexity)
    hour_vol = vol * _season(hours) / HOURS_PER_YEAR**0.5
    drift = (model.drift_annual - 0.5 * vol**2) / HOURS_PER_YEAR - hourly_rate * model.jump_mean
    log_price = np.concatenate([[0.0], np.cumsum(drift + hour_vol * diffusion + jump)[:-1]])
    log_price -= log_price[HISTORY_DAYS * 24]
    index_usd = np.round(model.start_usd * np.exp(log_price), 2)
    # Histories in views are slices of it; nobody may write to them.
    index_usd.setflags(write=False)
    path = AssetPath(
        index_usd=index_usd,
        hour_vol=hour_vol,
        jump=jump,
        fast=fast,
        slow=slow,
        log_premium=np.log(model.premium)
        + _ou(model.premium_half_life, model.premium_sd, -0.1, shocks, PREMIUM),
        skew=np.clip(
            model.skew + _ou(model.skew_half_life, model.skew_sd, 0.15, shocks, SKEW), -0.6, 0.6
        ),
    )
    return path, rate


def _ou(half_life: float, sd: float, leverage: float, shocks: _Shocks, component: int) -> Floats:
    # Exact discretisation: x[h+1] = a x[h] + sd sqrt(1 - a²) ε[h], x[0] from the stationary law.
    decay = 0.5 ** (1 / half_life)
    own, returns = shocks.normal[component], shocks.normal[RETURN]
    noise = leverage * returns[1:-1] + (1 - leverage**2) ** 0.5 * own[1:-1]
    noise = np.concatenate([[own[0] / (1 - decay**2) ** 0.5], noise])
    factor: Floats = lfilter([sd * (1 - decay**2) ** 0.5], [1.0, -decay], noise)
    return factor


# Multipliers of hourly volatility by weekday (Monday first) and by hour UTC, from hourly BTC prices
# of 2024: weekends move less, the American morning most.
_WEEKDAY = np.array([1.04, 1.10, 1.08, 1.10, 1.06, 0.72, 0.80])
_CLOCK = np.arange(24)
_HOUR = (
    1
    + 0.28 * np.cos(2 * np.pi * (_CLOCK - 15.5) / 24)
    + 0.08 * np.cos(4 * np.pi * (_CLOCK - 14) / 24)
)
_WEEK = np.outer(_WEEKDAY, _HOUR).ravel()
_WEEK /= np.sqrt(np.mean(_WEEK**2))


def _season(hours: int) -> Floats:
    return np.resize(_WEEK, hours)


# How the fall of the crash day is spread, hour by hour from 06:00 UTC across that day's expiry.
_CRASH_SHARE = np.array(
    [0.08, 0.20, 0.22, 0.15, 0.10, 0.06, 0.04, 0.03, 0.03, 0.02, 0.02, 0.01, 0.01, 0.01]
    + [0.005] * 4
)
_CRASH_LOG = np.log(0.52) * _CRASH_SHARE


def crash_day(seed: int) -> datetime:
    """Return the day of the crash, 20 to 40 days after the start."""
    return START + timedelta(days=20 + int(stream(seed, BTC.asset_id, CRASH_DAY).integers(0, 21)))


def _crash(seed: int, hours: int) -> Floats:
    falls = np.zeros(hours)
    first = int((crash_day(seed) - ORIGIN) / timedelta(hours=1)) + 6
    window = falls[first : first + len(_CRASH_LOG)]
    window[:] = _CRASH_LOG[: len(window)]
    return falls
