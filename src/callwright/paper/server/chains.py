"""Option chains as rows of the wire: instruments, book summaries, one option's ticker."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from math import isnan

import msgspec

from callwright.analytics.black76 import implied_vol, price_greeks
from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.instrument import EXPIRY_TIME, parse_option_name
from callwright.domain.market import MarketView, OptionChain, UnderlyingMarket
from callwright.paper.matching import price_band
from callwright.paper.schedule import CURRENT
from callwright.paper.server.envelope import encode
from callwright.paper.settlement import is_daily
from callwright.paper.synthetic.listing import last_friday, listed_on

_BLOCK_AMOUNT_MIN = {"BTC": 25, "ETH": 250}
"""Recalled; nobody can trade blocks here."""


def percent(fraction: float) -> Decimal:
    """Return a fraction as percent, its digits kept: dividing by 100 would lose some of them."""
    return Decimal(repr(fraction)).scaleb(2)


def index_name(currency: str) -> str:
    """Return the name of a coin's index: ``btc_usd``."""
    return f"{currency.lower()}_usd"


class BookSummary(msgspec.Struct, gc=False):
    """A row of ``public/get_book_summary_by_currency``; no trades but the account's are known."""

    instrument_name: str
    base_currency: str
    quote_currency: str
    underlying_index: str
    bid_price: float
    ask_price: float
    mid_price: float
    mark_price: float
    mark_iv: Decimal
    underlying_price: float
    open_interest: float
    creation_timestamp: int
    estimated_delivery_price: float
    last: None = None
    high: None = None
    low: None = None
    price_change: None = None
    volume: float = 0.0
    volume_usd: float = 0.0
    interest_rate: float = 0.0


@lru_cache(maxsize=8)
def book_summaries(market: UnderlyingMarket) -> msgspec.Raw:
    """Return the encoded rows of one coin; a market never changes, so they are made once."""
    chain = market.chain
    names, coins = chain.listing.names, repeat(market.underlying)
    rows = map(
        BookSummary,
        names,
        coins,
        coins,
        map(_underlying_index, names),
        # NaN, an empty side, becomes null, and so does what is made of it.
        chain.bid_coin.tolist(),
        chain.ask_coin.tolist(),
        ((chain.bid_coin + chain.ask_coin) / 2).tolist(),
        chain.mark_coin.tolist(),
        map(percent, chain.mark_iv_annual.tolist()),
        chain.forward_usd.tolist(),
        chain.open_interest_coin.tolist(),
        chain.as_of_ms.tolist(),
        repeat(market.index_usd),
    )
    return msgspec.Raw(encode(list(rows)))


def instruments(chain: OptionChain, now_ms: int) -> list[msgspec.Raw]:
    """Return the encoded rows of ``public/get_instruments`` for one coin."""
    listing = chain.listing
    is_active = (listing.expiry_ms > now_ms).tolist()
    return [instrument(name, is_active=a) for name, a in zip(listing.names, is_active, strict=True)]


@lru_cache(maxsize=8_192)
def instrument(name: str, *, is_active: bool) -> msgspec.Raw:
    """Return one option's terms, encoded; they are the same for as long as it lives."""
    option = parse_option_name(name)
    spec = CURRENT.specs[option.underlying]
    expiry = option.expiry.date()
    period = "day" if is_daily(option) else "week"
    if expiry == last_friday(expiry.year, expiry.month):
        period = "month"
    row = {
        "instrument_name": name,
        "kind": "option",
        "instrument_id": zlib.crc32(option.name.encode()),
        "instrument_type": "reversed",
        "base_currency": option.underlying,
        "quote_currency": option.quote_currency,
        "counter_currency": "USD",
        "settlement_currency": option.quote_currency,
        "settlement_period": period,
        "option_type": option.option_type,
        "strike": option.strike_usd,
        "expiration_timestamp": to_ms(option.expiry),
        "creation_timestamp": to_ms(datetime.combine(listed_on(expiry), EXPIRY_TIME)),
        "is_active": is_active,
        "state": "open" if is_active else "delivered",
        "contract_size": 1,
        "min_trade_amount": spec.amount_min,
        "tick_size": spec.tick_base,
        "tick_size_steps": [
            {"above_price": step.above_price, "tick_size": step.tick} for step in spec.tick_steps
        ],
        "maker_commission": spec.maker_fee_frac,
        "taker_commission": spec.taker_fee_frac,
        "block_trade_commission": spec.taker_fee_frac,
        "block_trade_min_trade_amount": _BLOCK_AMOUNT_MIN[option.underlying],
        "block_trade_tick_size": spec.tick_base,
        "price_index": index_name(option.underlying),
        "rfq": False,
    }
    return msgspec.Raw(encode(row))


def ticker(view: MarketView, name: str, row: int, now_ms: int) -> dict[str, object]:
    """Return ``public/ticker`` of the option in a row of its chain."""
    option = parse_option_name(name)
    market = view.underlyings[option.underlying]
    chain = market.chain
    bid, ask = float(chain.bid_coin[row]), float(chain.ask_coin[row])
    mark, forward = float(chain.mark_coin[row]), float(chain.forward_usd[row])
    iv = float(chain.mark_iv_annual[row])
    lowest, highest = price_band(Decimal(repr(mark)), CURRENT.specs[option.underlying])
    years = float(chain.years_to_expiry(view.as_of)[row])
    bid_iv, ask_iv = implied_vol(
        [bid * forward, ask * forward], option.is_call, forward, float(option.strike_usd), years
    ).tolist()
    return {
        "instrument_name": name,
        "timestamp": int(chain.as_of_ms[row]),
        "state": "open" if now_ms < to_ms(option.expiry) else "closed",
        "stats": {
            "volume": 0.0,
            "low": None,
            "high": None,
            "price_change": None,
            "volume_usd": 0.0,
            "volume_notional": 0.0,
        },
        "open_interest": float(chain.open_interest_coin[row]),
        "best_bid_price": _or_none(bid),
        "best_bid_amount": float(chain.bid_amount_coin[row]),
        "best_ask_price": _or_none(ask),
        "best_ask_amount": float(chain.ask_amount_coin[row]),
        "index_price": market.index_usd,
        "min_price": lowest,
        "max_price": highest,
        "mark_price": mark,
        "last_price": None,
        "settlement_price": None,
        "estimated_delivery_price": market.index_usd,
        "underlying_price": forward,
        "underlying_index": _underlying_index(name),
        "interest_rate": 0.0,
        "bid_iv": None if isnan(bid_iv) else percent(bid_iv),
        "ask_iv": None if isnan(ask_iv) else percent(ask_iv),
        "mark_iv": percent(iv),
        "greeks": greeks(view, name),
    }


@lru_cache(maxsize=1_024)
def greeks(view: MarketView, name: str) -> Mapping[str, float] | None:
    """Return the greeks of one coin as Deribit shows them; None for an option not in the view.

    Delta and gamma by USD of the forward, vega in USD a volatility point, theta in USD a day, rho
    in USD a point of interest.
    """
    option, quote = parse_option_name(name), view.quote(name)
    if quote is None:
        return None
    forward = quote.forward_usd
    years = (to_ms(option.expiry) - to_ms(view.as_of)) / (MS_PER_DAY * DAYS_PER_YEAR)
    found = price_greeks(
        option.is_call, forward, float(option.strike_usd), years, quote.mark_iv_annual
    )
    delta, price = float(found.delta), float(found.price_usd)
    return {
        "delta": delta,
        "gamma": float(found.gamma),
        "rho": max(years, 0.0) * (forward * delta - price) / 100,
        "theta": float(found.theta) / DAYS_PER_YEAR,
        "vega": float(found.vega) / 100,
    }


@lru_cache(maxsize=16_384)
def _underlying_index(name: str) -> str:
    coin, expiry, _, _ = name.split("-")
    return f"SYN.{coin}-{expiry}"


def _or_none(value: float) -> float | None:
    return None if isnan(value) else value
