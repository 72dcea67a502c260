"""One underlying's option book, valued on the chain's own mark IVs.

A position that cannot be valued is named, and makes the deltas unknown rather than too small.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from callwright.analytics.black76 import delta_of
from callwright.domain.account import Position
from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import OptionChain, OptionListing, decimal_of
from callwright.domain.scan import ShortCall, UnderlyingBook
from callwright.domain.snapshot import Snapshot


def underlying_book(snapshot: Snapshot, underlying: str) -> UnderlyingBook:
    """Return the short calls, deltas and unvalued positions of one underlying of the market.

    ``net_delta`` sums signed amount × N(d1) over all inverse options of the coin, puts and longs
    included. Linear options, expired or unlisted ones, futures and whatever else bears the coin's
    name are ``unvalued``. ``total_delta`` needs the coin's balance; without that it is None.

    Raises:
        KeyError: The market does not hold ``underlying``.
    """
    chain = snapshot.market.underlyings[underlying].chain
    at_ms = to_ms(snapshot.as_of)
    valued: list[Position] = []
    rows: list[int] = []
    unvalued: list[str] = []
    for position in snapshot.account.positions:
        name = position.instrument_name
        if _coin_of(name) == underlying:
            row = _live_inverse_row(chain.listing, name, at_ms)
            if row is None:
                unvalued.append(name)
            else:
                valued.append(position)
                rows.append(row)
    deltas = _deltas(chain, rows, at_ms)
    coin = snapshot.account.coins.get(underlying)
    net_delta = (
        None
        if unvalued
        else sum(float(p.amount_coin) * d for p, d in zip(valued, deltas, strict=True))
    )
    shorts = [
        _short_call(snapshot, chain, position, row, delta)
        for position, row, delta in zip(valued, rows, deltas, strict=True)
        if chain.listing.is_call[row] and position.amount_coin < 0
    ]
    return UnderlyingBook(
        underlying=underlying,
        short_calls=tuple(sorted(shorts, key=lambda short: (short.expiry, short.symbol))),
        net_delta=net_delta,
        total_delta=None
        if net_delta is None or coin is None
        else net_delta + float(coin.balance_coin),
        unvalued=tuple(sorted(unvalued)),
    )


def _deltas(chain: OptionChain, rows: list[int], at_ms: int) -> list[float]:
    if not rows:
        return []
    at = np.array(rows)
    listing = chain.listing
    years = (listing.expiry_ms[at] - at_ms) / (MS_PER_DAY * DAYS_PER_YEAR)
    deltas: list[float] = delta_of(
        listing.is_call[at],
        chain.forward_usd[at],
        listing.strike_usd[at],
        years,
        chain.mark_iv_annual[at],
    ).tolist()
    return deltas


def _short_call(
    snapshot: Snapshot, chain: OptionChain, position: Position, row: int, delta: float
) -> ShortCall:
    option = parse_option_name(position.instrument_name)
    bid, ask = float(chain.bid_coin[row]), float(chain.ask_coin[row])
    mark, average = decimal_of(float(chain.mark_coin[row])), position.average_price_coin
    return ShortCall(
        symbol=option.name,
        underlying=option.underlying,
        expiry=option.expiry,
        strike_usd=option.strike_usd,
        amount_coin=-position.amount_coin,
        dte_days=(option.expiry - snapshot.as_of) / timedelta(days=1),
        delta=delta,
        mark_coin=mark,
        # An empty side is NaN, which is not above zero.
        bid_coin=decimal_of(bid) if bid > 0 else None,
        ask_coin=decimal_of(ask) if ask > 0 else None,
        ask_amount_coin=decimal_of(float(chain.ask_amount_coin[row])),
        average_price_coin=average,
        captured_frac=float(1 - mark / average) if average else None,
        opened_at=snapshot.desk.opened_at.get(option.name),
    )


def _coin_of(instrument_name: str) -> str:
    """Return ``BTC`` for BTC-9JAN26-97000-C, BTC-PERPETUAL and BTC_USDC-PERPETUAL alike."""
    return instrument_name.partition("-")[0].partition("_")[0]


def _live_inverse_row(listing: OptionListing, name: str, at_ms: int) -> int | None:
    row = listing.row(name)
    if row is None or not listing.expiry_ms[row] > at_ms:
        return None
    # A listed name parses; a linear option is not priced in the coin.
    return row if parse_option_name(name).settlement == "inverse" else None
