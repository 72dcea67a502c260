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
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from callwright.domain.base import to_ms
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import Floats
from callwright.errors import DataInvalid

Texts = Mapping[str, tuple[str, ...]]
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
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as exc:
        raise DataInvalid(f"{path} is torn or not readable: {exc}", remedy=RECORD_AGAIN) from exc
    lines = csv.reader(io.StringIO(text))
    header = next(lines, None)
    if header is None:
        raise DataInvalid(f"{path} is empty", remedy=RECORD_AGAIN)
    needed = (*_TEXTS, *_POSITIVE, *_NOT_NEGATIVE, *_SIDES)
    missing = sorted(set(needed) - set(header))
    if missing:
        raise DataInvalid(
            f"{path} line 1: no column {', '.join(missing)}",
            remedy="it must have the columns that `callwright chain --record` writes",
        )
    rows = list(lines)
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DataInvalid(
                f"{path} line {number}: {len(row)} fields instead of {len(header)}, torn there",
                remedy=RECORD_AGAIN,
            )
    if not rows:
        raise DataInvalid(f"{path} has a header and no rows", remedy=RECORD_AGAIN)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {name: columns[name] for name in _TEXTS}, {
        name: _numbers(columns[name]) for name in (*_POSITIVE, *_NOT_NEGATIVE, *_SIDES)
    }


def _numbers(column: Sequence[str]) -> Floats:
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


def judge(texts: Texts, numbers: Numbers) -> tuple[list[str], list[int]]:
    """Return each row's reason to be dropped (empty: usable), and its time in milliseconds."""
    times = [_time_ms(text) for text in texts["timestamp"]]
    reasons = [
        "bad_time" if ms is None else _contract_problem(*contract)
        for ms, contract in zip(
            times,
            zip(*(texts[name] for name in _TEXTS[1:]), strict=True),
            strict=True,
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
    count = Counter(texts["instrument_name"])
    if len(count) < len(reasons):
        for row, name in enumerate(texts["instrument_name"]):
            if count[name] > 1:
                # Nothing says which of them is right, so none is used.
                reasons[row] = "duplicate"
    return reasons, [ms or 0 for ms in times]


@lru_cache(maxsize=4_096)
def _time_ms(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return to_ms(at.astimezone(UTC)) if at.tzinfo else None


@lru_cache(maxsize=65_536)
def _contract_problem(name: str, option_type: str, strike: str, expiry: str, currency: str) -> str:
    """Return why a row's contract terms cannot be right, or an empty text."""
    try:
        option = parse_option_name(name)
    except DataInvalid:
        return "bad_name"
    if currency != option.underlying or option.settlement != "inverse":
        return "wrong_currency"
    expiry_ms = _time_ms(expiry)
    if (
        option_type != option.option_type
        or expiry_ms != to_ms(option.expiry)
        or _number(strike) != float(option.strike_usd)
    ):
        return "contradicts_name"
    return ""
