"""Reading a book summary of 1,000 options: columns by msgspec against a pydantic model a row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter

from callwright.domain.base import to_ms
from callwright.domain.instrument import parse_option_name
from callwright.paper.synthetic.market import SyntheticSource
from callwright.venues.deribit.envelope import decode_result
from callwright.venues.deribit.parse_market import chain_of, terms_of
from callwright.venues.deribit.rows import BookSummary, Instrument

ROWS = 1_000


class NeededSummary(BaseModel):
    """The fields that the desk reads, and no more: the least that a client can declare."""

    instrument_name: str
    bid_price: float | None
    ask_price: float | None
    mark_price: float | None
    mark_iv: float | None
    underlying_price: float | None
    open_interest: float | None
    creation_timestamp: int


class Summary(NeededSummary):
    """The row as the API reference has it, which is what a client usually declares."""

    base_currency: str
    quote_currency: str
    mid_price: float | None
    underlying_index: str
    estimated_delivery_price: float | None
    last: float | None
    high: float | None
    low: float | None
    price_change: float | None
    volume: float | None
    volume_usd: float | None
    interest_rate: float | None


class ExactSummary(BaseModel):
    """The same as the domain would have it: closed, and its numbers with all their digits."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    instrument_name: str
    base_currency: str
    quote_currency: str
    bid_price: Decimal | None
    ask_price: Decimal | None
    mid_price: Decimal | None
    mark_price: Decimal
    mark_iv: Decimal
    underlying_price: Decimal
    underlying_index: str
    open_interest: Decimal
    creation_timestamp: int
    estimated_delivery_price: Decimal
    volume: Decimal
    volume_usd: Decimal
    interest_rate: Decimal
    last: Decimal | None
    high: Decimal | None
    low: Decimal | None
    price_change: Decimal | None


def benchmarks() -> list[tuple[str, Callable[[], object], int]]:
    """Return (name, call, rows a call): both ways of reading the same bytes, and their parts."""
    source = SyntheticSource(7, step=timedelta(hours=1))
    view = source.view(source.start())
    chain = view.underlyings["BTC"].chain
    encode = msgspec.json.Encoder(decimal_format="number").encode
    columns = (
        chain.bid_coin, chain.ask_coin, chain.mark_coin, chain.mark_iv_annual,
        chain.forward_usd, chain.open_interest_coin,
    )  # fmt: skip
    base = [
        _row(name, *numbers)
        for name, *numbers in zip(chain.listing.names, *(c.tolist() for c in columns), strict=True)
    ]
    rows = _stretched(base)
    body = encode(rows)
    listed = [_instrument(row["instrument_name"]) for row in rows]
    terms = terms_of("BTC", decode_result(encode(listed), list[Instrument]), read_at=source.start())
    needed, models = TypeAdapter(list[NeededSummary]), TypeAdapter(list[Summary])
    exact = TypeAdapter(list[ExactSummary])
    seen = decode_result(body, list[BookSummary])

    def by_column() -> object:
        return chain_of("BTC", decode_result(body, list[BookSummary]), terms)

    return [
        (f"wire: book summary of {ROWS:,} rows, columns by msgspec", by_column, ROWS),
        (
            "wire: the same rows, a pydantic model each (floats, 8 fields)",
            lambda: needed.validate_json(body),
            ROWS,
        ),
        (
            "wire: the same rows, a pydantic model each (floats, 20 fields)",
            lambda: models.validate_json(body),
            ROWS,
        ),
        (
            "wire: the same rows, a pydantic model each (exact, 20 fields)",
            lambda: exact.validate_json(body),
            ROWS,
        ),
        ("wire: of that, msgspec decoding", lambda: decode_result(body, list[BookSummary]), ROWS),
        ("wire: of that, judging into columns", lambda: chain_of("BTC", seen, terms), ROWS),
    ]


def _row(name: str, bid: float, ask: float, *numbers: float) -> dict[str, Any]:
    mark, iv, forward, interest = numbers
    return {
        "instrument_name": name,
        "base_currency": "BTC",
        "quote_currency": "BTC",
        "bid_price": None if bid != bid else bid,
        "ask_price": None if ask != ask else ask,
        "mid_price": None,
        "mark_price": mark,
        # Two decimals, as Deribit shows it.
        "mark_iv": round(iv * 100, 2),
        "underlying_price": forward,
        "underlying_index": "SYN.BTC",
        "open_interest": interest,
        "creation_timestamp": 1_767_571_200_000,
        "estimated_delivery_price": forward,
        "volume": 0.0,
        "volume_usd": 0.0,
        "interest_rate": 0.0,
        # Most options do not trade on a day.
        "last": None,
        "high": None,
        "low": None,
        "price_change": None,
    }


def _stretched(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return 1,000 rows with names of their own: the chain again, its strikes moved by a dollar."""
    more = list(rows)
    shift = 0
    while len(more) < ROWS:
        shift += 1
        for row in rows:
            stem, strike, kind = row["instrument_name"].rsplit("-", 2)
            more.append(row | {"instrument_name": f"{stem}-{int(strike) + shift}-{kind}"})
    return more[:ROWS]


def _instrument(name: str) -> dict[str, Any]:
    option = parse_option_name(name)
    return {
        "instrument_name": name,
        "instrument_type": "reversed",
        "strike": option.strike_usd,
        "expiration_timestamp": to_ms(option.expiry),
        "option_type": option.option_type,
        "contract_size": 1,
        "min_trade_amount": Decimal("0.1"),
        "tick_size": Decimal("0.0001"),
        "tick_size_steps": [],
        "maker_commission": Decimal("0.0003"),
        "taker_commission": Decimal("0.0003"),
    }
