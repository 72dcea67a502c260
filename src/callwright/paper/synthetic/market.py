"""The synthetic market: state path, surface, listing and spreads joined into views.

A view is a function of (seed, scenario, time) only. The path grows when the clock runs past its
end, and growing never changes what was there before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.market import (
    Floats,
    IndexHistory,
    Ints,
    MarketView,
    OptionChain,
    UnderlyingMarket,
)
from callwright.errors import DataInvalid
from callwright.paper.depth import DEPTH_MODEL, Keys, displayed_sizes
from callwright.paper.source import DeliveryPrice, Scenario
from callwright.paper.synthetic.listing import Board, ListingBook
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
from callwright.paper.synthetic.spreads import bid_ask, widths
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
        self._joined = lru_cache(maxsize=8)(_join)

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
        at_ms = to_ms(at)
        hour = (at_ms - _ORIGIN_MS) // _HOUR_MS
        index_usd = [self.index_at(name, at) for name in self.underlyings]
        paths = [self._path(name, hour + 1) for name in self.underlyings]
        boards = self._joined(
            *(
                self._books[name].board(path, hour)
                for name, path in zip(self.underlyings, paths, strict=True)
            )
        )
        sheet = self._sheet(boards, paths, index_usd, at_ms, hour)
        return MarketView(
            as_of=at,
            source=self.name,
            depth_model=self.depth_model,
            underlyings={
                name: UnderlyingMarket(
                    underlying=name,
                    index_usd=spot,
                    index_as_of=at,
                    chain=_chain(board, sheet[:, :, strikes], at_ms),
                    history=_history(name, path, hour, at_ms, spot),
                )
                for name, spot, board, strikes, path in zip(
                    self.underlyings,
                    index_usd,
                    boards.boards,
                    boards.strike_spans,
                    paths,
                    strict=True,
                )
            },
        )

    def _sheet(
        self,
        boards: _Boards,
        paths: Sequence[AssetPath],
        index_usd: Sequence[float],
        at_ms: int,
        hour: int,
    ) -> Floats:
        """Return float64[5, 2, strikes]: forward, IV, mark, bid and ask of calls and puts.

        All coins at once: on chains of this size numpy's cost is by the call, not by the row.
        """
        models = [self._models[name] for name in self.underlyings]
        by_coin = [
            (
                spot,
                model.carry_annual,
                model.smile_eta,
                path.skew[hour],
                0.8 + 0.2 * math.exp(float(path.fast[hour])),
            )
            for model, path, spot in zip(models, paths, index_usd, strict=True)
        ]
        by_expiry = np.array(by_coin).T.repeat(boards.expiry_counts, axis=1)
        spot_usd, carry, eta, skew, stress = by_expiry
        years = (boards.expiry_ms - at_ms) / (MS_PER_DAY * DAYS_PER_YEAR)
        forward_usd = np.round(spot_usd * np.exp(carry * years), 2)
        by_coin_years = [years[span] for span in boards.expiry_spans]
        theta = np.concatenate(
            [
                atm_total_variance(model, path, hour, own)
                for model, path, own in zip(models, paths, by_coin_years, strict=True)
            ]
        )
        width = np.concatenate(
            [widths(name, own) for name, own in zip(self.underlyings, by_coin_years, strict=True)],
            axis=1,
        )
        on_surface = marks(
            theta,
            years,
            forward_usd,
            eta=eta,
            skew=skew,
            expiry_index=boards.expiry_index,
            strike_usd=boards.strike_usd,
        )
        call = on_surface.call_coin
        mark_coin = np.array([call, call + (on_surface.strike_over_forward - 1)])
        # Eight decimals, as the venue publishes; rounding noise below zero becomes zero.
        mark_coin = np.maximum(np.round(mark_coin, 8), 0.0)
        sheet = np.empty((5, *mark_coin.shape))
        sheet[0] = forward_usd.take(boards.expiry_index)
        sheet[1] = on_surface.iv_annual
        sheet[2] = mark_coin
        sheet[3], sheet[4] = bid_ask(
            on_surface,
            mark_coin,
            width=width,
            stress=stress,
            expiry_index=boards.expiry_index,
            keys=boards.keys,
            at_ms=at_ms,
        )
        return sheet

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


class _Boards(NamedTuple):
    """The boards of all coins side by side: expiries and strikes of one after those of another.

    Attributes:
        expiry_counts: How many expiries each coin has.
        expiry_spans, strike_spans: Where each coin's are.
        expiry_ms: int64[expiries].
        expiry_index: intp[strikes], into all expiries.
        strike_usd: float64[strikes].
        keys: uint64[2, strikes], of calls and puts.
    """

    boards: tuple[Board, ...]
    expiry_counts: tuple[int, ...]
    expiry_spans: tuple[slice, ...]
    strike_spans: tuple[slice, ...]
    expiry_ms: Ints
    expiry_index: npt.NDArray[np.intp]
    strike_usd: Floats
    keys: Keys


def _join(*boards: Board) -> _Boards:
    expiry_spans = _spans([len(board.expiry_ms) for board in boards])
    return _Boards(
        boards=boards,
        expiry_counts=tuple(len(board.expiry_ms) for board in boards),
        expiry_spans=expiry_spans,
        strike_spans=_spans([len(board.strike_usd) for board in boards]),
        expiry_ms=np.concatenate([board.expiry_ms for board in boards]),
        expiry_index=np.concatenate(
            [
                board.expiry_index + span.start
                for board, span in zip(boards, expiry_spans, strict=True)
            ]
        ),
        strike_usd=np.concatenate([board.strike_usd for board in boards]),
        keys=np.concatenate([board.keys.reshape(2, -1) for board in boards], axis=1),
    )


def _spans(counts: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(begin, end) for begin, end in pairwise(accumulate(counts, initial=0)))


def _chain(board: Board, sheet: Floats, at_ms: int) -> OptionChain:
    forward_usd, iv_annual, mark_coin, bid_coin, ask_coin = sheet.reshape(5, -1)
    underlying = board.listing.underlying
    bid_amount, ask_amount = displayed_sizes(board.keys, underlying, at_ms, bid_coin, ask_coin)
    return OptionChain(
        listing=board.listing,
        forward_usd=forward_usd,
        mark_iv_annual=iv_annual,
        mark_coin=mark_coin,
        bid_coin=bid_coin,
        ask_coin=ask_coin,
        bid_amount_coin=bid_amount,
        ask_amount_coin=ask_amount,
        open_interest_coin=board.open_interest_coin,
        as_of_ms=np.full(len(board.listing), at_ms, dtype=np.int64),
    )


def _history(
    underlying: str, path: AssetPath, hour: int, at_ms: int, index_usd: float
) -> IndexHistory:
    first = hour - _HISTORY_HOURS
    prices = path.index_usd[first : hour + 1]
    times = np.arange(_ORIGIN_MS + first * _HOUR_MS, at_ms + 1, _HOUR_MS, dtype=np.int64)
    if times[-1] != at_ms:
        times, prices = np.append(times, at_ms), np.append(prices, index_usd)
    return IndexHistory(underlying, times, prices)
