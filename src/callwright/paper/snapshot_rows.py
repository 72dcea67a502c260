"""The rows of a chain snapshot file: read as columns, each row judged by itself.

A row that cannot be trusted gets a reason; a file that cannot be trusted is refused.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from callwright.domain.base import from_ms, to_ms
from callwright.domain.instrument import OptionInstrument, option_name, parse_option_name
from callwright.domain.market import Bools, Floats, Ints, decimal_of
from callwright.errors import DataInvalid

Texts = Mapping[str, list[str]]
Numbers = Mapping[str, Floats]

COLUMNS = (
    "timestamp",
    "instrument_name",
    "underlying",
    "underlying_name",
    "option_type",
    "strike",
    "expiry_datetime",
    "time_to_maturity",
    "bid_price",
    "ask_price",
    "mark_price",
    "mid_price",
    "futures_price",
    "futures_instrument_name",
    "implied_volatility",
    "delta",
    "vega",
    "open_interest",
    "volume",
    "bid_ask_spread",
    "currency",
    "index_price",
    "volume_usd",
)
_TEXTS = (
    "timestamp",
    "instrument_name",
    "option_type",
    "strike",
    "expiry_datetime",
    "currency",
)
_POSITIVE = ("futures_price", "index_price", "implied_volatility")
_NOT_NEGATIVE = ("mark_price", "open_interest")
_SIDES = ("bid_price", "ask_price")
RECORD_AGAIN = "record it again, or remove it"


def read_columns(path: Path) -> tuple[Texts, Numbers]:
    """Return the needed columns of a file: texts, and float64[rows] (NaN empty, inf not a number).

    Raises:
        DataInvalid: Torn, empty, or a column is missing; names the file and the line.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        header, widths, columns = _table(text)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as exc:
        raise DataInvalid(f"{path} is torn or not readable: {exc}", remedy=RECORD_AGAIN) from exc
    if not widths:
        raise DataInvalid(f"{path} is empty", remedy=RECORD_AGAIN)
    needed = (*_TEXTS, *_POSITIVE, *_NOT_NEGATIVE, *_SIDES)
    missing = sorted(set(needed) - set(header))
    if missing:
        raise DataInvalid(
            f"{path} line 1: no column {', '.join(missing)}",
            remedy="it must have the columns that `callwright chain --record` writes",
        )
    for number, width in enumerate(widths, start=1):
        if width != len(header):
            raise DataInvalid(
                f"{path} line {number}: {width} fields instead of {len(header)}, torn there",
                remedy=RECORD_AGAIN,
            )
    if len(widths) == 1:
        raise DataInvalid(f"{path} has a header and no rows", remedy=RECORD_AGAIN)
    at = {name: place for place, name in enumerate(header)}
    return {name: columns(at[name]) for name in _TEXTS}, {
        name: _numbers(columns(at[name])) for name in (*_POSITIVE, *_NOT_NEGATIVE, *_SIDES)
    }


class _Table(NamedTuple):
    """A file's fields.

    Attributes:
        widths: How many fields each line has, the header's first.
        column: Returns a column below the header by its place; only while all widths are one.
    """

    header: list[str]
    widths: list[int]
    column: Callable[[int], list[str]]


def _table(text: str) -> _Table:
    if '"' in text or "\r" in text:
        rows = list(csv.reader(io.StringIO(text)))
        header = rows[0] if rows else []
        return _Table(header, list(map(len, rows)), lambda place: [row[place] for row in rows[1:]])
    # Without quotes fields are what stands between commas: cut all of them at once, and a column
    # is every so manieth. That is several times as fast as a list for each row.
    text = text.removesuffix("\n")
    lines = text.split("\n")
    header, fields = lines[0].split(","), text.replace("\n", ",").split(",")
    return _Table(
        header,
        # A line without anything has no fields, as the csv module counts.
        [line.count(",") + 1 if line else 0 for line in lines] if text else [],
        lambda place: fields[len(header) + place :: len(header)],
    )


def _numbers(column: Sequence[str]) -> Floats:
    distinct = set(column)
    if 2 * len(distinct) < len(column):
        # Forwards, the index and prices on ticks repeat: each text is read once.
        numbers = {field: _number(field) for field in distinct}
        return np.array([numbers[field] for field in column])
    try:
        return np.array([float(field) if field else math.nan for field in column])
    except ValueError:
        return np.array([_number(field) for field in column])


def _number(field: str) -> float:
    try:
        return float(field) if field else math.nan
    except ValueError:
        # Infinity is refused on every side; a NaN would pass for an empty quote.
        return math.inf


class Rows(NamedTuple):
    """Judged rows: contract terms and time of each, and why it is dropped (empty: usable).

    Terms and times of a dropped row mean nothing.
    """

    reasons: list[str]
    times_ms: Ints
    strike_usd: Floats
    expiry_ms: Ints
    is_call: Bools


def judge(texts: Texts, numbers: Numbers) -> Rows:
    """Return what the columns of ``read_columns`` say, row by row."""
    names, types = texts["instrument_name"], texts["option_type"]
    times = list(map(_time_ms, texts["timestamp"]))
    stems = list(map(_stem, texts["currency"], texts["expiry_datetime"]))
    strikes = list(map(_strike, texts["strike"]))
    reasons = [
        "bad_time"
        if ms is None
        # The name that the terms make is the name: nothing of it has to be taken apart.
        else ""
        if name == f"{stem.text}{strike.text}{_ENDINGS.get(option_type)}"
        else _contract_problem(name, currency)
        for ms, name, stem, strike, option_type, currency in zip(
            times, names, stems, strikes, types, texts["currency"], strict=True
        )
    ]
    positive = np.array([numbers[name] for name in _POSITIVE])
    not_negative = np.array([numbers[name] for name in _NOT_NEGATIVE])
    sides = np.array([numbers[name] for name in _SIDES])
    finite = np.isfinite(positive).all(axis=0) & np.isfinite(not_negative).all(axis=0)
    finite &= ~np.isinf(sides).any(axis=0)
    # A side that is NaN is empty, and empty is fine.
    in_range = (positive > 0).all(axis=0) & (not_negative >= 0).all(axis=0)
    in_range &= ~(sides <= 0).any(axis=0)
    for row in np.flatnonzero(~(finite & in_range)).tolist():
        reasons[row] = reasons[row] or ("out_of_range" if finite[row] else "not_finite")
    if len(set(names)) < len(names):
        count = Counter(names)
        for row, name in enumerate(names):
            if count[name] > 1:
                # Nothing says which of them is right, so none is used.
                reasons[row] = "duplicate"
    return Rows(
        reasons,
        times_ms=np.array([ms or 0 for ms in times], dtype=np.int64),
        strike_usd=np.array([strike.usd for strike in strikes]),
        expiry_ms=np.array([stem.expiry_ms for stem in stems], dtype=np.int64),
        is_call=np.array([option_type == "call" for option_type in types], dtype=np.bool_),
    )


@lru_cache(maxsize=4_096)
def _time_ms(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text)
        return to_ms(at.astimezone(UTC)) if at.tzinfo else None
    except (ValueError, OverflowError):
        # At either end of the calendar, UTC can lie beyond it.
        return None


_ENDINGS = {"call": "-C", "put": "-P"}


class _Stem(NamedTuple):
    """``BTC-16JAN26-``, what the names of a coin's inverse options of an expiry begin with."""

    text: str
    expiry_ms: int


class _Strike(NamedTuple):
    """A strike as names write it."""

    text: str
    usd: float


_NO_STEM, _NO_STRIKE = _Stem("?", 0), _Strike("?", math.nan)


@lru_cache(maxsize=4_096)
def _stem(currency: str, expiry: str) -> _Stem:
    """Return the stem of these terms; one that no name begins with when there is no such option."""
    expiry_ms = _time_ms(expiry)
    if expiry_ms is None:
        return _NO_STEM
    stem = _name_of(currency, from_ms(expiry_ms).date(), Decimal(1)).removesuffix("1-C")
    option = _option(f"{stem}1-C")
    if option is None or option.settlement != "inverse" or to_ms(option.expiry) != expiry_ms:
        return _NO_STEM
    return _Stem(stem, expiry_ms)


@lru_cache(maxsize=65_536)
def _strike(text: str) -> _Strike:
    """Return a strike as names write it, or one that no name has."""
    usd = _number(text)
    if not 0 < usd < math.inf:
        return _NO_STRIKE
    name = _name_of("BTC", date(2026, 1, 9), decimal_of(usd))
    return _NO_STRIKE if _option(name) is None else _Strike(name.split("-")[2], usd)


def _name_of(currency: str, expiry: date, strike_usd: Decimal) -> str:
    return option_name(
        underlying=currency, expiry=expiry, strike_usd=strike_usd, option_type="call"
    )


def _option(name: str) -> OptionInstrument | None:
    try:
        return parse_option_name(name)
    except DataInvalid:
        return None


def _contract_problem(name: str, currency: str) -> str:
    """Return why the name of a row is not the one that its other terms make."""
    option = _option(name)
    if option is None:
        return "bad_name"
    if currency != option.underlying or option.settlement != "inverse":
        return "wrong_currency"
    return "contradicts_name"
