"""Prices at one moment: option chains as columns, quotes one at a time, index history.

Analytics read columns (numpy, float64); orders read a ``Quote`` (Decimal). A missing bid or ask is
NaN in a column and None in a quote; nothing else here may be NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from math import inf, isnan

import numpy as np
import numpy.typing as npt

from callwright.domain.base import (
    DAYS_PER_YEAR,
    MS_PER_DAY,
    Frozen,
    Positive,
    UtcTime,
    from_ms,
    to_ms,
)
from callwright.domain.instrument import OptionInstrument, parse_option_name
from callwright.domain.orders import Side
from callwright.errors import DataInvalid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# What the methods of an array do in the end; a back-test checks thousands of columns a second.
_MIN, _MAX = np.minimum.reduce, np.maximum.reduce


class Quote(Frozen):
    """One option's market at ``as_of``; prices in coin per coin of underlying (inverse).

    Attributes:
        bid_coin, ask_coin: Best prices; None when that side is empty.
        bid_amount_coin, ask_amount_coin: Displayed sizes; zero when that side is empty.
        mark_coin: The venue's mark.
        mark_iv_annual: IV of the mark, annual fraction.
        forward_usd: The expiry's own future or synthetic.
        as_of: When the venue last updated this quote.
    """

    instrument: OptionInstrument
    bid_coin: Positive | None
    ask_coin: Positive | None
    bid_amount_coin: Decimal
    ask_amount_coin: Decimal
    mark_coin: Decimal
    mark_iv_annual: float
    forward_usd: float
    as_of: UtcTime

    @property
    def is_crossed(self) -> bool:
        return (
            self.bid_coin is not None
            and self.ask_coin is not None
            and self.bid_coin > self.ask_coin
        )

    def taker_price(self, side: Side) -> Decimal | None:
        """Return the price at which an order on ``side`` trades now: bid to sell, ask to buy."""
        return self.bid_coin if side == "sell" else self.ask_coin

    def taker_amount(self, side: Side) -> Decimal:
        """Return the size displayed at ``taker_price``, in coin."""
        return self.bid_amount_coin if side == "sell" else self.ask_amount_coin


@dataclass(frozen=True, eq=False)
class OptionListing:
    """Which options of one underlying are listed; built once, shared by all views of it.

    Attributes:
        names: Venue names, unique.
        strike_usd: float64[n], finite and positive.
        expiry_ms: int64[n], milliseconds since 1970.
        is_call: bool[n].

    Raises:
        DataInvalid: Columns differ in length, a name is double, or a strike is not positive.
    """

    underlying: str
    names: tuple[str, ...]
    strike_usd: Floats
    expiry_ms: Ints
    is_call: Bools

    def __post_init__(self) -> None:
        n = len(self.names)
        for name in ("strike_usd", "expiry_ms", "is_call"):
            if getattr(self, name).shape != (n,):
                raise DataInvalid(f"{self.underlying} listing: column {name} has not {n} rows")
        if len(self._row_of) != n:
            raise DataInvalid(f"{self.underlying} listing: an instrument is listed twice")
        if not _all_positive(self.strike_usd):
            raise DataInvalid(f"{self.underlying} listing: strikes must be finite and positive")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return dict(zip(self.names, range(len(self.names)), strict=True))

    def row(self, name: str) -> int | None:
        """Return the row of an instrument, or None when it is not listed."""
        return self._row_of.get(name)

    @classmethod
    def of_names(cls, underlying: str, names: Sequence[str]) -> OptionListing:
        """Return the listing of these venue names, each parsed.

        Raises:
            DataInvalid: A name is not an option's on ``underlying``, or stands twice.
        """
        parsed = [parse_option_name(name) for name in names]
        for option in parsed:
            if option.underlying != underlying:
                raise DataInvalid(f"{option.name} is not an option on {underlying}")
        return cls(
            underlying=underlying,
            names=tuple(names),
            strike_usd=np.array([float(o.strike_usd) for o in parsed], dtype=np.float64),
            expiry_ms=np.array([to_ms(o.expiry) for o in parsed], dtype=np.int64),
            is_call=np.array([o.is_call for o in parsed], dtype=np.bool_),
        )


@dataclass(frozen=True, eq=False)
class OptionChain:
    """The market of all listed options of one underlying, a row each, in the listing's order.

    Attributes:
        forward_usd, mark_iv_annual: float64[n]; finite, positive.
        mark_coin, open_interest_coin: float64[n]; finite, zero or more.
        bid_coin, ask_coin: float64[n]; NaN where that side is empty, else positive.
        bid_amount_coin, ask_amount_coin: float64[n]; zero where that side is empty, and where the
            venue's chains show no sizes until ``MarketReader.with_tickers`` has asked for them: a
            size of zero sells nothing.
        as_of_ms: int64[n], when the venue last updated each row's quote.
        dropped_rows: Rows that the source had and this chain refused, counted by reason; shown
            in the funnel, so that bad rows are never silent.

    Raises:
        DataInvalid: A column has another length than the listing, or a number is not as above.
    """

    listing: OptionListing
    forward_usd: Floats
    mark_iv_annual: Floats
    mark_coin: Floats
    bid_coin: Floats
    ask_coin: Floats
    bid_amount_coin: Floats
    ask_amount_coin: Floats
    open_interest_coin: Floats
    as_of_ms: Ints
    dropped_rows: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, underlying = len(self.listing), self.listing.underlying
        for name in _QUOTE_COLUMNS:
            if getattr(self, name).shape != (n,):
                raise DataInvalid(f"{underlying} chain: column {name} has not {n} rows")
        for name in ("forward_usd", "mark_iv_annual"):
            if not _all_positive(getattr(self, name)):
                raise DataInvalid(f"{underlying} chain: {name} must be finite and positive")
        for name in ("mark_coin", "bid_amount_coin", "ask_amount_coin", "open_interest_coin"):
            column = getattr(self, name)
            if n and not (_MIN(column) >= 0 and _MAX(column) < inf):
                raise DataInvalid(f"{underlying} chain: {name} must be finite, not negative")
        for name in ("bid_coin", "ask_coin"):
            quoted = getattr(self, name)
            # NaN means an empty side; fmin and fmax pass over it.
            if n and (np.fmin.reduce(quoted) <= 0 or np.fmax.reduce(quoted) == inf):
                raise DataInvalid(f"{underlying} chain: {name} must be positive where present")

    def __len__(self) -> int:
        return len(self.listing)

    @property
    def underlying(self) -> str:
        return self.listing.underlying

    def quote(self, name: str) -> Quote | None:
        """Return one option's market, or None when it is not listed."""
        if name not in self._quotes:
            row = self.listing.row(name)
            self._quotes[name] = None if row is None else self._quote(name, row)
        return self._quotes[name]

    @cached_property
    def _quotes(self) -> dict[str, Quote | None]:
        # One cycle asks for the same few quotes again and again, at every gate.
        return {}

    def _quote(self, name: str, row: int) -> Quote:
        bid, ask = float(self.bid_coin[row]), float(self.ask_coin[row])
        return Quote(
            instrument=parse_option_name(name),
            bid_coin=None if isnan(bid) else decimal_of(bid),
            ask_coin=None if isnan(ask) else decimal_of(ask),
            bid_amount_coin=decimal_of(float(self.bid_amount_coin[row])),
            ask_amount_coin=decimal_of(float(self.ask_amount_coin[row])),
            mark_coin=decimal_of(float(self.mark_coin[row])),
            mark_iv_annual=float(self.mark_iv_annual[row]),
            forward_usd=float(self.forward_usd[row]),
            as_of=from_ms(int(self.as_of_ms[row])),
        )

    def years_to_expiry(self, at: datetime) -> Floats:
        """Return each row's time to expiry in years of 365 days; zero or less once expired."""
        years: Floats = (self.listing.expiry_ms - to_ms(at)) / (MS_PER_DAY * DAYS_PER_YEAR)
        return years


_QUOTE_COLUMNS = (
    "forward_usd",
    "mark_iv_annual",
    "mark_coin",
    "bid_coin",
    "ask_coin",
    "bid_amount_coin",
    "ask_amount_coin",
    "open_interest_coin",
    "as_of_ms",
)


def _all_positive(column: Floats) -> bool:
    # A comparison with NaN is False, and min and max of a column with NaN are NaN.
    return not len(column) or bool(_MIN(column) > 0 and _MAX(column) < inf)


@dataclass(frozen=True, eq=False)
class IndexHistory:
    """Past index prices of one underlying, oldest first, at known but possibly uneven times.

    Attributes:
        times_ms: int64[n], strictly ascending.
        prices_usd: float64[n], finite and positive.
    """

    underlying: str
    times_ms: Ints
    prices_usd: Floats

    def __post_init__(self) -> None:
        if self.times_ms.shape != self.prices_usd.shape or self.times_ms.ndim != 1:
            raise DataInvalid(f"{self.underlying} index history: times and prices differ in length")
        if len(self.times_ms) > 1 and not (self.times_ms[1:] > self.times_ms[:-1]).all():
            raise DataInvalid(f"{self.underlying} index history: times must ascend")
        if not _all_positive(self.prices_usd):
            raise DataInvalid(
                f"{self.underlying} index history: a price is not finite and positive"
            )


@dataclass(frozen=True, eq=False)
class UnderlyingMarket:
    """One underlying: index price, chain and the index history known at that time."""

    underlying: str
    index_usd: float
    index_as_of: datetime
    chain: OptionChain
    history: IndexHistory

    def __post_init__(self) -> None:
        if not 0 < self.index_usd < float("inf"):
            raise DataInvalid(f"{self.underlying} index price is {self.index_usd}, not a price")


@dataclass(frozen=True, eq=False)
class MarketView:
    """All underlyings at one moment.

    Attributes:
        as_of: The market's time: the oldest of what the view was made from.
        source: What made it, ``synthetic:7`` or ``recorded``; copied into every record.
        depth_model: How displayed sizes came about, in words; ``venue`` when they are real.
    """

    as_of: datetime
    source: str
    depth_model: str
    underlyings: Mapping[str, UnderlyingMarket]

    def quote(self, name: str) -> Quote | None:
        """Return one option's market by its venue name, or None when it is not listed."""
        underlying = parse_option_name(name).underlying
        market = self.underlyings.get(underlying)
        return market.chain.quote(name) if market else None


def decimal_of(value: float) -> Decimal:
    """Return the shortest decimal that reads back as ``value``: 0.0305, never 0.03049999…"""
    # Zeros of both signs are one key, so they are not kept.
    return _decimal_of(value) if value else Decimal(repr(value))


@lru_cache(maxsize=16_384, typed=True)
def _decimal_of(value: float) -> Decimal:
    # Prices on ticks and sizes in lots come again and again.
    return Decimal(repr(value))
