"""Rows of market data into chains: columns, with every row that cannot be trusted left out.

Refused rows are counted by reason, so that none is silent; NaN and infinity never get in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from math import inf, isfinite, nan
from typing import NamedTuple

import msgspec
import numpy as np

from callwright.domain.base import to_ms
from callwright.domain.contract import ContractSpec, TickStep
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import (
    Bools,
    Floats,
    IndexHistory,
    OptionChain,
    OptionListing,
)
from callwright.errors import DataInvalid
from callwright.venues.deribit.rows import BookSummary, Instrument, Ticker

FEE_CAP_FRAC = Decimal("0.125")
"""No option fee exceeds this part of the price; no method tells it. Fees page, read 2026-07."""


_FLOATS = msgspec.json.Decoder(list[float])


class Terms(NamedTuple):
    """What a venue's options on one coin have in common, and which are listed on those terms.

    Attributes:
        listed: Names of the options that trade on ``spec``.
        others: Names of options on the coin that trade on other terms, so no order may use them.
    """

    spec: ContractSpec
    listed: frozenset[str]
    others: frozenset[str]


class _Contract(NamedTuple):
    amount_min: Decimal
    tick: Decimal
    steps: tuple[tuple[Decimal, Decimal], ...]
    maker: Decimal
    taker: Decimal


def terms_of(underlying: str, rows: Sequence[Instrument], *, read_at: datetime) -> Terms:
    """Return the terms of the inverse options on a coin: those of most of its instruments.

    Raises:
        DataInvalid: There is no inverse option on it, or the terms are impossible.
    """
    by_terms: dict[_Contract, list[str]] = {}
    others: set[str] = set()
    for row in rows:
        if row.instrument_type != "reversed" or not _agrees_with_name(row, underlying):
            others.add(row.instrument_name)
            continue
        contract = _Contract(
            row.min_trade_amount,
            row.tick_size,
            tuple((step.above_price, step.tick_size) for step in row.tick_size_steps),
            row.maker_commission,
            row.taker_commission,
        )
        by_terms.setdefault(contract, []).append(row.instrument_name)
    if not by_terms:
        raise DataInvalid(f"the venue lists no inverse options on {underlying}")
    usual = max(by_terms, key=lambda contract: len(by_terms[contract]))
    for contract, names in by_terms.items():
        if contract != usual:
            others.update(names)
    try:
        spec = ContractSpec(
            underlying=underlying,
            amount_min=usual.amount_min,
            amount_step=usual.amount_min,
            tick_base=usual.tick,
            tick_steps=tuple(TickStep(above_price=above, tick=tick) for above, tick in usual.steps),
            taker_fee_frac=usual.taker,
            maker_fee_frac=usual.maker,
            fee_cap_frac=FEE_CAP_FRAC,
            schedule_date=f"{read_at.astimezone(UTC):%Y-%m-%d}",
        )
    except ValueError as exc:
        raise DataInvalid(f"the venue's terms of {underlying} options are impossible") from exc
    return Terms(spec, frozenset(by_terms[usual]), frozenset(others))


def _agrees_with_name(row: Instrument, underlying: str) -> bool:
    try:
        option = parse_option_name(row.instrument_name)
    except DataInvalid:
        return False
    return (
        option.underlying == underlying
        and option.settlement == "inverse"
        and row.contract_size == 1
        and row.strike == float(option.strike_usd)
        and row.expiration_timestamp == to_ms(option.expiry)
        and row.option_type == option.option_type
    )


def chain_of(underlying: str, rows: Sequence[BookSummary], terms: Terms) -> OptionChain:
    """Return the chain of a coin, its rows in the venue's order, sizes zero: they are not shown.

    Raises:
        DataInvalid: No row is usable.
    """
    names = [row.instrument_name for row in rows]
    columns = _columns(rows)
    times = np.array([row.creation_timestamp for row in rows], dtype=np.int64)
    dropped: Mapping[str, int] = {}
    if not (_all_listed(names, terms) and _all_usable(columns)):
        reasons = _reasons(names, columns, terms)
        dropped = Counter(reason for reason in reasons if reason)
        kept = np.array([not reason for reason in reasons], dtype=np.bool_)
        if not kept.any():
            facts = ", ".join(f"{why} {n}" for why, n in sorted(dropped.items())) or "none listed"
            raise DataInvalid(f"the venue shows no usable {underlying} option ({facts})")
        names = [name for name, reason in zip(names, reasons, strict=True) if not reason]
        columns, times = columns[:, kept], times[kept]
    forward, iv, mark, interest, bid, ask = columns
    zeros = np.zeros(len(names))
    return OptionChain(
        listing=_listing(underlying, tuple(names)),
        forward_usd=forward,
        mark_iv_annual=iv,
        mark_coin=mark,
        bid_coin=bid,
        ask_coin=ask,
        bid_amount_coin=zeros,
        ask_amount_coin=zeros,
        open_interest_coin=interest,
        as_of_ms=times,
        dropped_rows=dict(sorted(dropped.items())),
    )


def _all_listed(names: Sequence[str], terms: Terms) -> bool:
    return terms.listed.issuperset(names) and len(set(names)) == len(names)


def _all_usable(columns: Floats) -> bool:
    """Return what ``_reasons`` finds out row by row, of all rows at once: none has a problem."""
    if not columns.size:
        return False
    # A comparison with NaN is False; a side that is NaN is empty, and fmin and fmax pass over it.
    lowest, highest = columns[:4].min(axis=1), columns[:4].max(axis=1)
    sides = columns[4:]
    return bool(
        (lowest[:2] > 0).all()
        and (lowest[2:] >= 0).all()
        and (highest < inf).all()
        and not np.fmin.reduce(sides, axis=None) <= 0
        and np.fmax.reduce(sides, axis=None) != inf
    )


def _reasons(names: Sequence[str], columns: Floats, terms: Terms) -> list[str]:
    """Return why each row is refused, its name first; empty where it is fine."""
    count = Counter(names)
    is_finite: Bools = np.asarray(np.isfinite(columns[:4]).all(axis=0))
    is_finite = is_finite & ~np.isinf(columns[4:]).any(axis=0)
    in_range = (columns[:2] > 0).all(axis=0) & (columns[2:4] >= 0).all(axis=0)
    # A side that is NaN is empty, and empty is fine.
    in_range &= ~(columns[4:] <= 0).any(axis=0)
    usable: Bools = np.asarray(is_finite & in_range)
    # Nothing says which of two is right, so none is used.
    reasons = ["duplicate" if count[name] > 1 else _name_problem(name, terms) for name in names]
    for row in np.flatnonzero(~usable).tolist():
        if not reasons[row]:
            reasons[row] = "out_of_range" if is_finite[row] else "not_finite"
    return reasons


def _name_problem(name: str, terms: Terms) -> str:
    if name in terms.listed:
        return ""
    if name in terms.others:
        return "other_terms"
    try:
        parse_option_name(name)
    except DataInvalid:
        return "bad_name"
    return "not_listed"


def _columns(rows: Sequence[BookSummary]) -> Floats:
    """Return float64[6, rows]: forward, IV, mark, open interest, bid and ask; null is NaN."""
    return np.array(
        [
            [row.underlying_price for row in rows],
            fractions([row.mark_iv for row in rows]),
            [row.mark_price for row in rows],
            [row.open_interest for row in rows],
            [row.bid_price for row in rows],
            [row.ask_price for row in rows],
        ],
        dtype=np.float64,
    )


@lru_cache(maxsize=16)
def _listing(underlying: str, names: tuple[str, ...]) -> OptionListing:
    # New options are listed once a day; between, every look has the same rows.
    return OptionListing.of_names(underlying, names)


def fraction(percent: Decimal) -> float:
    """Return a percentage as a fraction, the float that its digits stand for, or NaN."""
    try:
        return float(percent.scaleb(-2))
    except ArithmeticError:
        # Beyond what even a Decimal holds.
        return nan


def fractions(percents: Sequence[msgspec.Raw]) -> list[float]:
    """Return ``fraction`` of percentages, each given as JSON; NaN for what is no number."""
    if not percents:
        return []
    try:
        # An exponent moves the point of the digits, and one list is read at the speed of C.
        return _FLOATS.decode(b"[" + b"e-2,".join(percents) + b"e-2]")
    except msgspec.DecodeError:
        return [_fraction_or_nan(percent) for percent in percents]


def _fraction_or_nan(percent: msgspec.Raw) -> float:
    try:
        return fraction(msgspec.json.decode(percent, type=Decimal))
    except (msgspec.DecodeError, ArithmeticError):
        return nan


def with_ticker_rows(chain: OptionChain, tickers: Mapping[str, Ticker | None]) -> OptionChain:
    """Return the chain with these options' rows as their tickers show them, sizes included.

    A row whose option is gone (None), not open, or whose ticker cannot be trusted is refused: it
    leaves the chain and is counted.
    """
    columns = np.array(
        [
            chain.forward_usd,
            chain.mark_iv_annual,
            chain.mark_coin,
            chain.open_interest_coin,
            chain.bid_coin,
            chain.ask_coin,
            chain.bid_amount_coin,
            chain.ask_amount_coin,
        ]
    )
    times = chain.as_of_ms.copy()
    refused: dict[int, str] = {}
    for name, ticker in tickers.items():
        row = chain.listing.row(name)
        if row is None:
            continue
        problem = _ticker_problem(name, ticker)
        if ticker is None or problem:
            refused[row] = problem
            continue
        columns[:, row] = _ticker_column(ticker)
        times[row] = ticker.timestamp
    listing, dropped = chain.listing, chain.dropped_rows
    if refused:
        kept = np.ones(len(chain), dtype=np.bool_)
        kept[list(refused)] = False
        listing = OptionListing(
            underlying=listing.underlying,
            names=tuple(n for n, keep in zip(listing.names, kept.tolist(), strict=True) if keep),
            strike_usd=listing.strike_usd[kept],
            expiry_ms=listing.expiry_ms[kept],
            is_call=listing.is_call[kept],
        )
        columns, times = columns[:, kept], times[kept]
        dropped = added(dropped, Counter(refused.values()))
    forward, iv, mark, interest, bid, ask, bid_amount, ask_amount = columns
    return replace(
        chain,
        listing=listing,
        forward_usd=forward,
        mark_iv_annual=iv,
        mark_coin=mark,
        bid_coin=bid,
        ask_coin=ask,
        bid_amount_coin=bid_amount,
        ask_amount_coin=ask_amount,
        open_interest_coin=interest,
        as_of_ms=times,
        dropped_rows=dropped,
    )


def _ticker_problem(name: str, ticker: Ticker | None) -> str:
    """Return why a ticker cannot stand for its option; empty when it can."""
    if ticker is None:
        return "ticker_gone"
    if ticker.instrument_name != name:
        return "ticker_of_another"
    if ticker.state != "open":
        return "ticker_not_open"
    forward, iv, mark, interest, bid, ask, bid_amount, ask_amount = _ticker_column(ticker)
    numbers = (forward, iv, mark, interest, bid_amount, ask_amount)
    if not all(map(isfinite, numbers)):
        return "not_finite"
    is_fine = forward > 0 and iv > 0 and min(mark, interest, bid_amount, ask_amount) >= 0
    # An empty side is NaN, which is neither at most zero nor infinite.
    is_fine = is_fine and not any(side <= 0 or side == inf for side in (bid, ask))
    return "" if is_fine else "out_of_range"


def _ticker_column(ticker: Ticker) -> tuple[float, ...]:
    """Return forward, IV, mark, open interest, bid, ask and their sizes; null is NaN.

    Deribit writes an empty side as a price of zero or null; its size is zero either way.
    """
    bid, ask = ticker.best_bid_price or nan, ticker.best_ask_price or nan
    return (
        _or_nan(ticker.underlying_price),
        nan if ticker.mark_iv is None else fraction(ticker.mark_iv),
        _or_nan(ticker.mark_price),
        _or_nan(ticker.open_interest),
        bid,
        ask,
        0.0 if bid != bid else _or_nan(ticker.best_bid_amount),
        0.0 if ask != ask else _or_nan(ticker.best_ask_amount),
    )


def _or_nan(value: float | None) -> float:
    return nan if value is None else value


def added(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Return two counts of dropped rows as one, in the order of their reasons."""
    return dict(sorted((Counter(first) + Counter(second)).items()))


def history_of(
    underlying: str, points: Sequence[tuple[int, float]], *, until_ms: int | None = None
) -> IndexHistory:
    """Return the points of an index chart, oldest first, none later than ``until_ms``.

    Raises:
        DataInvalid: Times do not ascend, or a price is not one.
    """
    kept = [point for point in points if until_ms is None or point[0] <= until_ms]
    return IndexHistory(
        underlying,
        np.array([at_ms for at_ms, _ in kept], dtype=np.int64),
        np.array([price for _, price in kept], dtype=np.float64),
    )
