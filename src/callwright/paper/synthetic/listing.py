"""Which options are listed: Deribit's calendar of expiries and strikes in round steps.

Everything follows from the hourly index path and the time. A strike, once listed, stays until it
expires: its range grows with the running extremes of the index since the expiry was listed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from callwright.domain.base import to_ms
from callwright.domain.instrument import EXPIRY_TIME, OptionType, option_name
from callwright.domain.market import Floats, Ints, OptionListing, decimal_of
from callwright.paper.depth import Keys, draws, instrument_keys, normal_table
from callwright.paper.synthetic.path import ORIGIN, AssetPath

_DAY = timedelta(days=1)
_TURN_HOUR = EXPIRY_TIME.hour
_TYPES: tuple[OptionType, ...] = ("call", "put")
_INTEREST_STREAM = -2
_FRIDAY = 4
_QUARTER_MONTHS = (3, 6, 9, 12)


@dataclass(frozen=True, eq=False)
class Board:
    """A listing with what pricing needs of it. Rows: all calls, then all puts, same strike order.

    Attributes:
        expiry_ms: int64[expiries], ascending.
        expiry_index: intp[strikes], each strike's expiry.
        strike_usd: float64[strikes].
        both: intp[2 × strikes], each row's expiry.
        keys: uint64[2 × strikes], see ``depth.instrument_keys``.
        open_interest_coin: float64[2 × strikes], constant through an option's life.
    """

    listing: OptionListing
    expiry_ms: Ints
    expiry_index: npt.NDArray[np.intp]
    strike_usd: Floats
    both: npt.NDArray[np.intp]
    keys: Keys
    open_interest_coin: Floats


def listed_on(expiry: date) -> date:
    """Return the day at whose 08:00 UTC this expiry was listed.

    Dailies are listed 4 days ahead, Fridays 4 weeks, the last Friday of a month when the third
    before it expires, that of March, June, September and December when last year's does.
    """
    days = [expiry - 4 * _DAY]
    if expiry.weekday() == _FRIDAY:
        days.append(expiry - 28 * _DAY)
        if expiry == last_friday(expiry.year, expiry.month):
            days.append(last_friday(*_months_before(expiry, 3)))
            if expiry.month in _QUARTER_MONTHS:
                days.append(last_friday(*_months_before(expiry, 12)))
    return min(days)


def last_friday(year: int, month: int) -> date:
    """Return the last Friday of a month."""
    last = date(year + month // 12, month % 12 + 1, 1) - _DAY
    return last - ((last.weekday() - _FRIDAY) % 7) * _DAY


def expiries_at(at: datetime) -> tuple[date, ...]:
    """Return the expiries listed at ``at``, nearest first."""
    # The exchange's day turns at 08:00 UTC: what expires then is gone, what is due appears.
    today = (at - timedelta(hours=_TURN_HOUR)).date()
    return _expiries_on(today)


@lru_cache(maxsize=64)
def _expiries_on(today: date) -> tuple[date, ...]:
    first_friday = (_FRIDAY - today.weekday()) % 7
    ahead = {1, 2, 3, 4, *range(first_friday, 372, 7)} - {0}
    days = (today + n * _DAY for n in sorted(ahead))
    return tuple(day for day in days if listed_on(day) <= today)


def _months_before(day: date, months: int) -> tuple[int, int]:
    index = day.year * 12 + day.month - 1 - months
    return index // 12, index % 12 + 1


# What an expiry gains as it comes near: (days before expiry, ((units a step, steps each way), …)).
# A stage is for expiries that live about as long; a weekly never has a yearly's far strikes.
_STAGES: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (4, ((1, 2), (2, 5))),
    (28, ((2, 4), (4, 5))),
    (98, ((4, 4), (10, 6))),
    (371, ((10, 6), (20, 7), (40, 6))),
)
_REACH_MAX = 1.5
_STAGE_LIFE_MIN = 0.8
_BATCH = 4


@lru_cache(maxsize=1_024)
def strike_unit(spot_usd: float) -> float:
    """Return the round step, 1, 2.5 or 5 times a power of ten, at or just above 0.5% of spot."""
    target = 0.005 * spot_usd
    power: float = 10.0 ** math.floor(math.log10(target))
    return next(power * m for m in (1.0, 2.5, 5.0, 10.0) if power * m >= target)


class _Rungs(NamedTuple):
    """A row for each (expiry, step): the strikes it adds follow from the extremes of the index."""

    expiries: tuple[date, ...]
    expiry_of: npt.NDArray[np.intp]
    step_usd: Floats
    reach_factor: Floats
    batch_usd: Floats
    low_usd: Floats
    high_usd: Floats


class ListingBook:
    """Boards of one coin, each built once and shared by all views of it."""

    def __init__(self, underlying: str, seed: int) -> None:
        self._underlying = underlying
        self._seed = seed
        self._rungs = lru_cache(maxsize=4)(_rungs)
        self._board = lru_cache(maxsize=8)(self._build)
        self._names = lru_cache(maxsize=256)(self._name_strikes)

    def board(self, path: AssetPath, hour: int) -> Board:
        """Return what is listed throughout this hour of the path."""
        opening = (hour - _TURN_HOUR) // 24 * 24 + _TURN_HOUR
        rungs = self._rungs(path, opening)
        today = path.index_usd[opening : hour + 1]
        # Extremes move in whole batches: strikes come a few at a time, most hours share a board.
        low = np.floor(np.minimum(rungs.low_usd, today.min()) / rungs.batch_usd)
        high = np.ceil(np.maximum(rungs.high_usd, today.max()) / rungs.batch_usd)
        first = np.ceil(low * rungs.batch_usd / rungs.reach_factor / rungs.step_usd)
        last = np.floor(high * rungs.batch_usd * rungs.reach_factor / rungs.step_usd)
        first = np.maximum(first, 1.0)
        return self._board(path, opening, first.tobytes(), last.tobytes())

    def _build(self, path: AssetPath, opening: int, first: bytes, last: bytes) -> Board:
        rungs = self._rungs(path, opening)
        ladder: list[set[float]] = [set() for _ in rungs.expiries]
        for expiry, step, low, high in zip(
            rungs.expiry_of, rungs.step_usd, np.frombuffer(first), np.frombuffer(last), strict=True
        ):
            ladder[expiry].update((step * np.arange(low, high + 1)).tolist())
        blocks = [tuple(sorted(strikes)) for strikes in ladder]
        strike_usd = np.array([strike for block in blocks for strike in block])
        expiry_index = np.repeat(np.arange(len(blocks)), [len(block) for block in blocks])
        expiry_ms = np.array([to_ms(_turn_of(day)) for day in rungs.expiries], dtype=np.int64)
        both = np.tile(expiry_index, 2)
        listing = OptionListing(
            underlying=self._underlying,
            names=tuple(
                chain.from_iterable(
                    self._names(expiry, block, option_type)
                    for option_type in _TYPES
                    for expiry, block in zip(rungs.expiries, blocks, strict=True)
                )
            ),
            strike_usd=np.tile(strike_usd, 2),
            expiry_ms=expiry_ms[both],
            is_call=np.repeat([True, False], len(strike_usd)),
        )
        keys = instrument_keys(listing, self._seed)
        interest = _open_interest(self._underlying)[draws(keys, _INTEREST_STREAM)]
        # Views share it; nobody may write to it.
        interest.setflags(write=False)
        return Board(listing, expiry_ms, expiry_index, strike_usd, both, keys, interest)

    def _name_strikes(
        self, expiry: date, strikes: tuple[float, ...], option_type: OptionType
    ) -> tuple[str, ...]:
        return tuple(_name(self._underlying, expiry, strike, option_type) for strike in strikes)


@lru_cache(maxsize=65_536)
def _name(underlying: str, expiry: date, strike: float, option_type: OptionType) -> str:
    return option_name(
        underlying=underlying,
        expiry=expiry,
        strike_usd=decimal_of(strike),
        option_type=option_type,
    )


def _rungs(path: AssetPath, opening: int) -> _Rungs:
    expiries = expiries_at(ORIGIN + timedelta(hours=opening))
    rows: list[tuple[int, float, float, float, float, float]] = []
    for index, expiry in enumerate(expiries):
        first_day = listed_on(expiry)
        life_days = (expiry - first_day).days
        for stage_days, ladder in _STAGES:
            begins = max(first_day, expiry - stage_days * _DAY)
            # Expiries older than the path count from its first hour: no more is known of them.
            since = path.index_usd[_hour_of(begins) : opening + 1]
            if len(since) and life_days >= _STAGE_LIFE_MIN * stage_days:
                spot = float(since[0])
                unit = strike_unit(spot)
                extremes = float(since.min()), float(since.max())
                rows += [
                    (
                        index,
                        step * unit,
                        _reach(step * unit * steps / spot),
                        _BATCH * unit,
                        *extremes,
                    )
                    for step, steps in ladder
                ]
    index_column, *columns = zip(*rows, strict=True)
    return _Rungs(expiries, np.array(index_column), *(np.array(c) for c in columns))


def _reach(log_reach: float) -> float:
    return math.exp(min(log_reach, _REACH_MAX))


def _hour_of(day: date) -> int:
    return max((_turn_of(day) - ORIGIN) // timedelta(hours=1), 0)


def _turn_of(day: date) -> datetime:
    return datetime.combine(day, EXPIRY_TIME)


@cache
def _open_interest(underlying: str) -> Floats:
    median = 60.0 if underlying == "BTC" else 900.0
    table: Floats = np.round(median * np.exp(1.5 * normal_table()), 1)
    table.setflags(write=False)
    return table
