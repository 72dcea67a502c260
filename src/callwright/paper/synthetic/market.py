"""The synthetic market: state path, surface, listing and spreads joined into views.

A view is a function of (seed, scenario, time) only. The path grows when the clock runs past its
end, and growing never changes what was there before.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np

from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.market import (
    Floats,
    IndexHistory,
    MarketView,
    OptionChain,
    UnderlyingMarket,
)
from callwright.errors import DataInvalid
from callwright.paper.depth import DEPTH_MODEL, displayed_sizes
from callwright.paper.source import DeliveryPrice, Scenario
from callwright.paper.synthetic.listing import ListingBook
from callwright.paper.synthetic.path import (
    ORIGIN,
    SHARED_SHOCK,
    START,
    WITHIN_HOUR,
    AssetPath,
    generate,
    models,
    stream,
)
from callwright.paper.synthetic.spreads import bid_ask
from callwright.paper.synthetic.surface import atm_total_variance, marks

_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_HOUR_MS = 3_600_000
_ORIGIN_MS = to_ms(ORIGIN)
_FIRST_HOURS = 2 * 8_760
_HISTORY_HOURS = 30 * 24


class SyntheticSource:
    """Seeded BTC and ETH markets.

    Args:
        seed: 0 or more; one market for each.
        scenario: ``base``; ``crash`` has a day near -48% 20 to 40 days in; ``negative-premium``
            sells options below the volatility to come.
        step: How far ``next_after`` moves.
    """

    depth_model = DEPTH_MODEL
    underlyings = ("BTC", "ETH")

    def __init__(
        self, seed: int = 1, *, scenario: Scenario = "base", step: timedelta = _HOUR
    ) -> None:
        self.name = f"synthetic:{seed}" if scenario == "base" else f"synthetic:{scenario}-{seed}"
        self._seed = seed
        self._scenario: Scenario = scenario
        self._step = step
        self._models = models(scenario)
        self._books = {name: ListingBook(name, seed) for name in self.underlyings}
        self._paths = generate(seed, scenario, _FIRST_HOURS)
        self._minutes = lru_cache(maxsize=64)(self._minutes_of)
        self._bridge = lru_cache(maxsize=64)(self._bridge_of)

    def start(self) -> datetime:
        """Return 2026-01-05T00:00:00Z."""
        return START

    def next_after(self, at: datetime) -> datetime:
        """Return ``at`` plus one step; this market has no end."""
        return at + self._step

    def index_at(self, underlying: str, at: datetime) -> float:
        """Return the index in USD, to the cent: hourly closes joined by a seeded bridge of minutes.

        Raises:
            DataInvalid: Earlier than the market's history, or not one of its coins.
        """
        hour, into = divmod(at - ORIGIN, _HOUR)
        path = self._path(underlying, hour + 1)
        if not into:
            return float(path.index_usd[hour])
        minute, rest = divmod(into, _MINUTE)
        low, high = self._minutes(underlying, hour)[minute : minute + 2]
        return round(low + (high - low) * (rest / _MINUTE), 2)

    def delivery_price(self, underlying: str, expiry: datetime) -> DeliveryPrice:
        """Return the mean of the index at each minute of the half hour that ends at ``expiry``."""
        points = [self.index_at(underlying, expiry - n * _MINUTE) for n in range(31)]
        return DeliveryPrice(Decimal(f"{sum(points) / len(points):.2f}"), "twap_30m")

    def view(self, at: datetime) -> MarketView:
        """Return the market at ``at``, a time from the start on.

        Raises:
            DataInvalid: Before the start.
        """
        if not at >= START:
            raise DataInvalid(f"{self.name} has no chains before {START:%Y-%m-%d}")
        return MarketView(
            as_of=at,
            source=self.name,
            depth_model=self.depth_model,
            underlyings={name: self._market(name, at) for name in self.underlyings},
        )

    def _market(self, underlying: str, at: datetime) -> UnderlyingMarket:
        at_ms = to_ms(at)
        hour = (at_ms - _ORIGIN_MS) // _HOUR_MS
        index_usd = self.index_at(underlying, at)
        path = self._path(underlying, hour + 1)
        model = self._models[underlying]
        board = self._books[underlying].board(path, hour)

        years = (board.expiry_ms - at_ms) / (MS_PER_DAY * DAYS_PER_YEAR)
        forward_usd = np.round(index_usd * np.exp(model.carry_annual * years), 2)
        on_surface = marks(
            atm_total_variance(model, path, hour, years),
            years,
            forward_usd,
            eta=model.smile_eta,
            skew=float(path.skew[hour]),
            expiry_index=board.expiry_index,
            strike_usd=board.strike_usd,
        )
        call = on_surface.call_coin
        mark_coin = np.array([call, call + (on_surface.strike_over_forward - 1)])
        # Eight decimals, as the venue publishes; rounding noise below zero becomes zero.
        mark_coin = np.maximum(np.round(mark_coin, 8), 0.0)
        bid, ask = bid_ask(
            on_surface,
            mark_coin,
            underlying=underlying,
            years=years,
            expiry_index=board.expiry_index,
            stress=0.8 + 0.2 * math.exp(float(path.fast[hour])),
            keys=board.keys,
            at_ms=at_ms,
        )
        bid_coin, ask_coin = bid.ravel(), ask.ravel()
        bid_amount, ask_amount = displayed_sizes(board.keys, underlying, at_ms, bid_coin, ask_coin)
        return UnderlyingMarket(
            underlying=underlying,
            index_usd=index_usd,
            index_as_of=at,
            chain=OptionChain(
                listing=board.listing,
                forward_usd=forward_usd[board.both],
                mark_iv_annual=np.concatenate([on_surface.iv_annual, on_surface.iv_annual]),
                mark_coin=mark_coin.ravel(),
                bid_coin=bid_coin,
                ask_coin=ask_coin,
                bid_amount_coin=bid_amount,
                ask_amount_coin=ask_amount,
                open_interest_coin=board.open_interest_coin,
                as_of_ms=np.full(len(board.listing), at_ms, dtype=np.int64),
            ),
            history=_history(underlying, path, hour, at_ms, index_usd),
        )

    def _path(self, underlying: str, hour: int) -> AssetPath:
        """Return the path of a coin, grown to hold ``hour``."""
        if underlying not in self._paths:
            raise DataInvalid(f"{self.name} has no {underlying}, only BTC and ETH")
        if not hour > 0:
            raise DataInvalid(f"{self.name} has no index before {ORIGIN:%Y-%m-%d}")
        length = len(self._paths[underlying])
        if hour >= length:
            while hour >= length:
                length *= 2
            self._paths = generate(self._seed, self._scenario, length)
        return self._paths[underlying]

    def _minutes_of(self, underlying: str, hour: int) -> list[float]:
        """Return the index at minutes 0 to 60 of an hour, not rounded."""
        path = self._path(underlying, hour + 1)
        first, last = np.log(path.index_usd[hour : hour + 2])
        z, jump_minute = self._bridge(underlying, hour)
        walk = np.concatenate([[0.0], np.cumsum(z)]) / np.sqrt(60)
        share = np.arange(61) / 60
        jump = path.jump[hour]
        # The diffusive part is a Brownian bridge; a jump falls within one minute.
        log_price = first + (last - first - jump) * share
        log_price += path.hour_vol[hour] * (walk - share * walk[-1])
        log_price += jump * (np.arange(61) > jump_minute)
        minutes: list[float] = np.exp(log_price).tolist()
        return minutes

    def _bridge_of(self, underlying: str, hour: int) -> tuple[Floats, int]:
        """Return a coin's 60 normals within an hour, and the minute in which a jump would fall."""
        random = stream(self._seed, self._models[underlying].asset_id, WITHIN_HOUR, hour)
        z, jump_minute = random.standard_normal(60), int(random.integers(0, 60))
        if underlying != "BTC":
            leader, jump_minute = self._bridge("BTC", hour)
            z = SHARED_SHOCK * leader + (1 - SHARED_SHOCK**2) ** 0.5 * z
        return z, jump_minute


def _history(
    underlying: str, path: AssetPath, hour: int, at_ms: int, index_usd: float
) -> IndexHistory:
    first = hour - _HISTORY_HOURS
    prices = path.index_usd[first : hour + 1]
    times = np.arange(_ORIGIN_MS + first * _HOUR_MS, at_ms + 1, _HOUR_MS, dtype=np.int64)
    if times[-1] != at_ms:
        times, prices = np.append(times, at_ms), np.append(prices, index_usd)
    return IndexHistory(underlying, times, prices)
