"""Chain snapshots as CSV files: written from any view, read back as the same chain.

One row an option, prices in coin, one file a moment, named by its UTC time. Numbers are written in
the shortest form that reads back exactly. The format has no sizes: they come from ``depth``.

A row that cannot be trusted is dropped and counted by reason in ``OptionChain.dropped_rows``; a
file that cannot be trusted is refused whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
from scipy.special import ndtr

from callwright.domain.base import from_ms, to_ms
from callwright.domain.market import (
    IndexHistory,
    MarketView,
    OptionChain,
    OptionListing,
    UnderlyingMarket,
)
from callwright.errors import DataInvalid, StorageError
from callwright.paper.depth import DEPTH_MODEL, displayed_sizes, instrument_keys
from callwright.paper.snapshot_rows import (
    COLUMNS,
    RECORD_AGAIN,
    Numbers,
    Rows,
    Texts,
    judge,
    read_columns,
)

UNDERLYINGS = ("BTC", "ETH")
PREFIX = "deribit_options_snapshot_"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"


def write_snapshot(view: MarketView, directory: Path) -> Path:
    """Write ``view`` to ``directory`` and return the file; the same view gives the same bytes.

    A file of the same second is replaced. The directory is made when it is missing.

    Raises:
        StorageError: The directory or the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for market in view.underlyings.values():
        writer.writerows(_rows(market, view.as_of))
    target = directory / f"{PREFIX}{view.as_of:{TIME_FORMAT}}.csv.gz"
    partial = target.with_suffix(".part")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # Without a time in its header, gzip output depends on the text only.
        partial.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
        partial.replace(target)
    except OSError as exc:
        raise StorageError(
            f"cannot write the snapshot {target}: {exc.strerror}",
            remedy="choose a directory that can be written, with free space",
        ) from exc
    return target


def read_snapshot(path: Path) -> MarketView:
    """Return the market in a snapshot file (``.csv`` or ``.csv.gz``).

    ``as_of`` is the newest time stamp of a usable row, cut to milliseconds; each row keeps its own.
    A coin's index is the median over its usable rows, as they were written at slightly different
    moments. The history holds this one price.

    Raises:
        DataInvalid: The file is torn, empty, lacks a column, or has no usable row of a coin.
    """
    texts, numbers = read_columns(path)
    rows = judge(texts, numbers)
    usable = np.array([not why for why in rows.reasons])
    if not usable.any():
        raise DataInvalid(f"{path} has no usable row", remedy=RECORD_AGAIN)
    at = from_ms(int(rows.times_ms[usable].max()))
    for row in np.flatnonzero(usable & ~(rows.expiry_ms > to_ms(at))).tolist():
        rows.reasons[row] = "expired"
    markets = {
        underlying: _market(path, underlying, texts, numbers, rows, at)
        for underlying in UNDERLYINGS
    }
    return MarketView(as_of=at, source="recorded", depth_model=DEPTH_MODEL, underlyings=markets)


def _rows(market: UnderlyingMarket, at: datetime) -> list[list[object]]:
    chain, listing = market.chain, market.chain.listing
    years = chain.years_to_expiry(at)
    root = np.sqrt(years)
    deviation = chain.mark_iv_annual * root
    d1 = np.log(chain.forward_usd / listing.strike_usd) / deviation + deviation / 2
    delta = ndtr(d1) - ~listing.is_call
    # A vol point is 0.01 of annual volatility.
    vega = 0.01 * chain.forward_usd * np.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi) * root
    columns = zip(
        listing.names,
        listing.is_call.tolist(),
        listing.strike_usd.tolist(),
        listing.expiry_ms.tolist(),
        years.tolist(),
        chain.bid_coin.tolist(),
        chain.ask_coin.tolist(),
        chain.mark_coin.tolist(),
        chain.forward_usd.tolist(),
        chain.mark_iv_annual.tolist(),
        delta.tolist(),
        vega.tolist(),
        chain.open_interest_coin.tolist(),
        chain.as_of_ms.tolist(),
        strict=True,
    )
    rows: list[list[object]] = []
    for (
        name,
        is_call,
        strike,
        expiry,
        t,
        bid,
        ask,
        mark,
        forward,
        iv,
        dlt,
        vg,
        interest,
        ms,
    ) in columns:
        future = name.rsplit("-", 2)[0]
        rows.append(
            [
                from_ms(ms).isoformat(timespec="milliseconds"),
                name,
                forward,
                future,
                "call" if is_call else "put",
                strike,
                from_ms(expiry).isoformat(),
                t,
                _or_empty(bid),
                _or_empty(ask),
                mark,
                _or_empty((bid + ask) / 2),
                forward,
                future,
                iv,
                round(dlt, 5),
                round(vg, 5),
                interest,
                0.0,
                _or_empty(ask - bid),
                market.underlying,
                market.index_usd,
                0.0,
            ]
        )
    return rows


def _or_empty(price: float) -> object:
    return price if price == price else ""


def _market(
    path: Path,
    underlying: str,
    texts: Texts,
    numbers: Numbers,
    judged: Rows,
    at: datetime,
) -> UnderlyingMarket:
    kept: list[int] = []
    dropped: Counter[str] = Counter()
    for row, (currency, why) in enumerate(zip(texts["currency"], judged.reasons, strict=True)):
        if currency == underlying and not why:
            kept.append(row)
        elif why and (currency == underlying or currency not in UNDERLYINGS):
            # A bad row of no known coin is shown with each of them, so that none is silent.
            dropped[why] += 1
    if not kept:
        facts = ", ".join(f"{why} {n}" for why, n in sorted(dropped.items())) or "none listed"
        raise DataInvalid(
            f"{path} has no usable row of {underlying} ({facts})", remedy=RECORD_AGAIN
        )
    rows, names = np.array(kept), texts["instrument_name"]
    listing = OptionListing(
        underlying=underlying,
        names=tuple([names[row] for row in kept]),
        strike_usd=judged.strike_usd[rows],
        expiry_ms=judged.expiry_ms[rows],
        is_call=judged.is_call[rows],
    )
    bid, ask = numbers["bid_price"][rows], numbers["ask_price"][rows]
    bid_amount, ask_amount = displayed_sizes(
        instrument_keys(listing, 0), underlying, to_ms(at), bid, ask
    )
    index_usd = float(np.median(numbers["index_price"][rows]))
    return UnderlyingMarket(
        underlying=underlying,
        index_usd=index_usd,
        index_as_of=at,
        chain=OptionChain(
            listing=listing,
            forward_usd=numbers["futures_price"][rows],
            mark_iv_annual=numbers["implied_volatility"][rows],
            mark_coin=numbers["mark_price"][rows],
            bid_coin=bid,
            ask_coin=ask,
            bid_amount_coin=bid_amount,
            ask_amount_coin=ask_amount,
            open_interest_coin=numbers["open_interest"][rows],
            as_of_ms=judged.times_ms[rows],
            dropped_rows=dict(sorted(dropped.items())),
        ),
        history=IndexHistory(underlying, np.array([to_ms(at)]), np.array([index_usd])),
    )
