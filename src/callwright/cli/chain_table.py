"""A chain as rows: calls with a delta that one may want to sell, nearest expiry first."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from callwright.analytics.black76 import delta_of
from callwright.cli.tables import plain_table
from callwright.domain.base import DAYS_PER_YEAR
from callwright.domain.market import MarketView

DELTA_SHOWN = (0.03, 0.65)
"""Calls with N(d1) within these bounds are shown; the wings would fill screens."""


def chain_rows(view: MarketView, underlying: str, *, days_max: float) -> list[dict[str, Any]]:
    """Return the calls near the money that expire within ``days_max``, as JSON values."""
    market = view.underlyings[underlying]
    chain, listing = market.chain, market.chain.listing
    years = chain.years_to_expiry(view.as_of)
    delta = delta_of(
        listing.is_call, chain.forward_usd, listing.strike_usd, years, chain.mark_iv_annual
    )
    rows = []
    for i, name in enumerate(listing.names):
        dte_days = float(years[i]) * DAYS_PER_YEAR
        if not (listing.is_call[i] and 0 < dte_days <= days_max):
            continue
        if not DELTA_SHOWN[0] <= delta[i] <= DELTA_SHOWN[1]:
            continue
        quote = chain.quote(name)
        if quote is None:
            continue
        rows.append(
            {
                "symbol": name,
                "dte_days": round(dte_days, 3),
                "strike_usd": float(quote.instrument.strike_usd),
                "delta": round(float(delta[i]), 4),
                "bid": None if quote.bid_coin is None else float(quote.bid_coin),
                "ask": None if quote.ask_coin is None else float(quote.ask_coin),
                "mark": round(float(quote.mark_coin), 6),
                "mark_iv_pct": round(quote.mark_iv_annual * 100, 2),
                "bid_amount": float(quote.bid_amount_coin),
                "ask_amount": float(quote.ask_amount_coin),
                "open_interest": float(chain.open_interest_coin[i]),
            }
        )
    return sorted(rows, key=lambda row: (row["dte_days"], row["strike_usd"]))


def chain_table(rows: list[dict[str, Any]], *, title: str) -> Table:
    """Return the rows as a table; prices in coin."""
    names = ("dte_days", "delta", "bid", "ask", "mark", "mark_iv_pct", "bid_amount")
    heads = ("days", "delta", "bid", "ask", "mark", "IV %", "bid size")
    table = plain_table(title, "symbol", *heads)
    for row in rows:
        cells = ("-" if row[name] is None else f"{row[name]}" for name in names)
        table.add_row(row["symbol"], *cells)
    return table
