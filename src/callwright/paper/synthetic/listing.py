"""Which options are listed: Deribit's calendar of expiries and strikes in round steps.

Everything follows from the hourly index path and the time. A strike, once listed, stays until it
expires: its range grows with the running extremes of the index since the expiry was listed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache, partial
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from callwright.domain.base import to_ms
from callwright.domain.instrument import EXPIRY_TIME, option_name
from callwright.domain.market import Floats, Ints, OptionListing, decimal_of
from callwright.paper.depth import Keys, draws, instrument_keys, normal_table
from callwright.paper.synthetic.path import ORIGIN, AssetPath

_DAY = timedelta(days=1)
_TURN_HOUR = EXPIRY_TIME.hour
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
        keys: uint64[2 × strikes], see ``depth.instrument_keys``.
        open_interest_coin: float64[2 × strikes], constant through an option's life.
    """

    listing: OptionListing
    expiry_ms: Ints
    expiry_index: npt.NDArray[np.intp]
    strike_usd: Floats
    keys: Keys
    open_interest_coin: Floats


@lru_cache(maxsize=1_024)
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
    bounds: tuple[int, ...]
    step_usd: Floats
    reach_factor: Floats
    batch_usd: Floats
    low_usd: Floats
    high_usd: Floats


class _Block(NamedTuple):
    """One expiry's strikes, ascending, and the names of its calls and of its puts."""

    strike_usd: Floats
    calls: tuple[str, ...]
    puts: tuple[str, ...]


_Range = tuple[float, float, float]
"""A step in USD and the first and last of its multiples that are listed."""


class ListingBook:
    """Boards of one coin, each built once and shared by all views of it.

    A new board is joined from blocks, one an expiry: most of them are those of the board before.
    """

    def __init__(self, underlying: str, seed: int) -> None:
        self._underlying = underlying
        self._seed = seed
        self._rungs = lru_cache(maxsize=4)(self._rungs_of)
        self._board = lru_cache(maxsize=8)(self._build)
        self._block = lru_cache(maxsize=256)(self._block_of)
        self._stage = lru_cache(maxsize=256)(self._stage_of)
        self._names = lru_cache(maxsize=64)(partial(_Names, underlying))

    def board(self, path: AssetPath, hour: int) -> Board:
        """Return what is listed throughout this hour of the path."""
        opening = (hour - _TURN_HOUR) // 24 * 24 + _TURN_HOUR
        rungs = self._rungs(path, opening)
        today = path.index_usd[opening : hour + 1]
        # Extremes move in whole batches: strikes come a few at a time, most hours share a board.
        low = np.floor(np.minimum(rungs.low_usd, today.min()) / rungs.batch_usd)
        high = np.ceil(np.maximum(rungs.high_usd, today.max()) / rungs.batch_usd)
        return self._board(path, opening, low.tobytes(), high.tobytes())

    def _rungs_of(self, path: AssetPath, opening: int) -> _Rungs:
        expiries = expiries_at(ORIGIN + timedelta(hours=opening))
        rows: list[tuple[float, ...]] = []
        bounds = [0]
        for expiry in expiries:
            for begins, stage in _stages(expiry):
                # Later stages have not begun: nothing is known of the index there.
                if begins <= opening:
                    rows += self._stage(path, begins, stage)
            bounds.append(len(rows))
        begins_at, step_usd, reach_factor, batch_usd = np.array(rows).T.copy()
        # Extremes of the pieces between one beginning and the next, run together from the end.
        starts = np.array(sorted(set(begins_at.tolist()))).astype(np.intp)
        since, pieces = path.index_usd[starts[0] : opening + 1], starts - starts[0]
        low = np.minimum.accumulate(np.minimum.reduceat(since, pieces)[::-1])[::-1]
        high = np.maximum.accumulate(np.maximum.reduceat(since, pieces)[::-1])[::-1]
        place = starts.searchsorted(begins_at)
        return _Rungs(
            expiries, tuple(bounds), step_usd, reach_factor, batch_usd, low[place], high[place]
        )

    def _stage_of(self, path: AssetPath, begins: int, stage: int) -> list[tuple[float, ...]]:
        """Return (beginning, step, reach, batch) of each step of a stage that began then."""
        spot = float(path.index_usd[begins])
        unit = strike_unit(spot)
        return [
            (begins, step * unit, _reach(step * unit * steps / spot), _BATCH * unit)
            for step, steps in _STAGES[stage][1]
        ]

    def _build(self, path: AssetPath, opening: int, low: bytes, high: bytes) -> Board:
        rungs = self._rungs(path, opening)
        low_usd = np.frombuffer(low) * rungs.batch_usd
        high_usd = np.frombuffer(high) * rungs.batch_usd
        first = np.maximum(np.ceil(low_usd / rungs.reach_factor / rungs.step_usd), 1.0)
        last = np.floor(high_usd * rungs.reach_factor / rungs.step_usd)
        ranges = tuple(zip(rungs.step_usd.tolist(), first.tolist(), last.tolist(), strict=True))
        blocks = [
            self._block(expiry, ranges[begin:end])
            for expiry, (begin, end) in zip(rungs.expiries, pairwise(rungs.bounds), strict=True)
        ]
        strike_usd = np.concatenate([block.strike_usd for block in blocks])
        expiry_index = np.repeat(np.arange(len(blocks)), [len(b.strike_usd) for b in blocks])
        expiry_ms = np.array([_expiry_ms(day) for day in rungs.expiries], dtype=np.int64)
        both = np.concatenate([expiry_index, expiry_index])
        is_call = np.zeros(len(both), dtype=np.bool_)
        is_call[: len(strike_usd)] = True
        listing = OptionListing(
            underlying=self._underlying,
            names=tuple(chain(*(b.calls for b in blocks), *(b.puts for b in blocks))),
            strike_usd=np.concatenate([strike_usd, strike_usd]),
            expiry_ms=expiry_ms[both],
            is_call=is_call,
        )
        keys = instrument_keys(listing, self._seed)
        interest = _open_interest(self._underlying)[draws(keys, _INTEREST_STREAM)]
        # Views share it; nobody may write to it.
        interest.setflags(write=False)
        return Board(listing, expiry_ms, expiry_index, strike_usd, keys, interest)

    def _block_of(self, expiry: date, ranges: tuple[_Range, ...]) -> _Block:
        strikes: set[float] = set()
        for step, first, last in ranges:
            strikes.update((step * np.arange(first, last + 1)).tolist())
        names_of, ascending = self._names(expiry), sorted(strikes)
        calls, puts = zip(*[names_of[strike] for strike in ascending], strict=True)
        return _Block(np.array(ascending), calls, puts)


class _Names(dict[float, tuple[str, str]]):
    """The names of one expiry's call and put by strike, each written when it is first listed."""

    def __init__(self, underlying: str, expiry: date) -> None:
        super().__init__()
        # A name's last two parts are the strike's and the type's.
        self._stem = _name(underlying, expiry, 1.0).removesuffix("1-C")

    def __missing__(self, strike_usd: float) -> tuple[str, str]:
        text = self._stem + _strike_text(strike_usd)
        self[strike_usd] = names = f"{text}-C", f"{text}-P"
        return names


@lru_cache(maxsize=8_192)
def _strike_text(strike_usd: float) -> str:
    return _name("BTC", ORIGIN.date(), strike_usd).split("-")[2]


def _name(underlying: str, expiry: date, strike_usd: float) -> str:
    return option_name(
        underlying=underlying,
        expiry=expiry,
        strike_usd=decimal_of(strike_usd),
        option_type="call",
    )


@lru_cache(maxsize=256)
def _stages(expiry: date) -> list[tuple[int, int]]:
    """Return (the hour of the path at which it begins, its place) of each stage of an expiry."""
    first_day = listed_on(expiry)
    life_days = (expiry - first_day).days
    return [
        # Expiries older than the path count from its first hour: no more is known of them.
        (_hour_of(max(first_day, expiry - days * _DAY)), stage)
        for stage, (days, _) in enumerate(_STAGES)
        if life_days >= _STAGE_LIFE_MIN * days
    ]


def _reach(log_reach: float) -> float:
    return math.exp(min(log_reach, _REACH_MAX))


def _hour_of(day: date) -> int:
    return max((_turn_of(day) - ORIGIN) // timedelta(hours=1), 0)


@lru_cache(maxsize=256)
def _expiry_ms(day: date) -> int:
    return to_ms(_turn_of(day))


def _turn_of(day: date) -> datetime:
    return datetime.combine(day, EXPIRY_TIME)


@cache
def _open_interest(underlying: str) -> Floats:
    median = 60.0 if underlying == "BTC" else 900.0
    table: Floats = np.round(median * np.exp(1.5 * normal_table()), 1)
    table.setflags(write=False)
    return table
