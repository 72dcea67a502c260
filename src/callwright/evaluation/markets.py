"""From a situation's market to prices: the paper exchange's, or made from a few numbers.

Deterministic: the same text gives the same market, to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np
from pydantic import ValidationError

from callwright.analytics.black76 import price_greeks
from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.instrument import option_name
from callwright.domain.market import (
    Floats,
    IndexHistory,
    MarketView,
    OptionChain,
    OptionListing,
    UnderlyingMarket,
)
from callwright.errors import DataInvalid
from callwright.evaluation.situations import (
    CoinMarket,
    QuoteChange,
    Situation,
    all_markets,
    what_is_wrong,
)
from callwright.paper.markets import open_source
from callwright.paper.schedule import CURRENT
from callwright.paper.source import MarketSource

SPECS: Mapping[str, ContractSpec] = CURRENT.specs

_STRIKE_STEP_USD = ((40_000.0, 1_000.0), (10_000.0, 500.0), (1_500.0, 50.0), (0.0, 25.0))
_STRIKES_FRAC = (0.70, 1.45)
_DISPLAYED = {"BTC": 5.0, "ETH": 50.0}
_OPEN_INTEREST = {"BTC": 250.0, "ETH": 2_500.0}
_IV_MIN, _IV_MAX = 0.05, 4.0
_STEP = timedelta(hours=6)


def market_of(situation: Situation) -> MarketView:
    """Return the situation's market with its changes and quotes.

    Raises:
        DataInvalid: There is no such market, or a change is impossible.
    """
    if situation.market.startswith("synthetic"):
        if situation.at is None or situation.change:
            raise DataInvalid("a synthetic market wants a time and no changes")
        view = _source(situation.market).view(situation.at)
    else:
        view = _made(situation)
    for name, change in situation.quotes.items():
        view = _with_quotes(view, name, change)
    return view


@lru_cache(maxsize=4)
def _source(spec: str) -> MarketSource:
    return open_source(spec, step=_STEP)


def _made(situation: Situation) -> MarketView:
    market = all_markets().get(situation.market)
    if market is None:
        raise DataInvalid(f"there is no market {situation.market}")
    at = situation.at or market.at
    coins = {}
    for coin in ("BTC", "ETH"):
        numbers = getattr(market, coin).model_dump() | dict(situation.change.get(coin, {}))
        try:
            coins[coin] = _coin(coin, CoinMarket.model_validate(numbers), at)
        except ValidationError as exc:
            raise DataInvalid(f"{coin}: {what_is_wrong(exc)}") from exc
    return MarketView(as_of=at, source=situation.market, depth_model="evals:v1", underlyings=coins)


def _coin(coin: str, numbers: CoinMarket, at: datetime) -> UnderlyingMarket:
    index_usd = numbers.index_usd
    step_usd = next(step for above, step in _STRIKE_STEP_USD if index_usd > above)
    low, high = (math.ceil(index_usd * frac / step_usd) for frac in _STRIKES_FRAC)
    strikes = [n * step_usd for n in range(low, high)]
    rows = [(expiry, strike) for expiry in numbers.expiries for strike in strikes]
    listing = OptionListing.of_names(
        coin,
        [
            option_name(
                underlying=coin,
                expiry=expiry.on,
                strike_usd=Decimal(str(strike)),
                option_type="call" if is_call else "put",
            )
            for expiry, strike in rows
            for is_call in (True, False)
        ],
    )
    # Each row stands twice: the call, then the put.
    column = {
        name: np.repeat([float(getattr(expiry, name)) for expiry, _ in rows], 2)
        for name in ("forward", "iv", "slope", "curve", "half_spread")
    }
    forward_usd = np.round(column["forward"] * index_usd, 2)
    years = (listing.expiry_ms - to_ms(at)) / (MS_PER_DAY * DAYS_PER_YEAR)
    if not (years > 0).all():
        raise DataInvalid(f"{coin}: an expiry is not after {at}")
    x = np.log(listing.strike_usd / forward_usd) / np.sqrt(years)
    iv = np.clip(
        (column["iv"] + column["slope"] * x + column["curve"] * x * x) * numbers.iv_times,
        _IV_MIN,
        _IV_MAX,
    )
    priced = price_greeks(listing.is_call, forward_usd, listing.strike_usd, years, iv)
    mark_coin = np.maximum(np.round(priced.price_usd / forward_usd, 8), 0.0)
    bid_coin, ask_coin = _around(mark_coin, column["half_spread"], SPECS[coin])
    n = len(listing)
    displayed = np.full(n, _DISPLAYED[coin])
    chain = OptionChain(
        listing=listing,
        forward_usd=forward_usd,
        mark_iv_annual=iv,
        mark_coin=mark_coin,
        bid_coin=bid_coin,
        ask_coin=ask_coin,
        bid_amount_coin=np.where(np.isnan(bid_coin), 0.0, displayed),
        ask_amount_coin=displayed,
        open_interest_coin=np.full(n, _OPEN_INTEREST[coin]),
        as_of_ms=np.full(n, to_ms(at), dtype=np.int64),
    )
    return UnderlyingMarket(
        underlying=coin,
        index_usd=index_usd,
        index_as_of=at,
        chain=chain,
        history=_history(coin, at, numbers),
    )


def _around(mark_coin: Floats, half: Floats, spec: ContractSpec) -> tuple[Floats, Floats]:
    """Return bids (rounded down to the tick; none at zero) and asks (rounded up) around marks."""
    base, above = float(spec.tick_base), spec.tick_steps[0]
    tick = np.where(mark_coin < float(above.above_price), base, float(above.tick))
    bid = np.round(np.floor(mark_coin * (1 - half) / tick + 1e-9) * tick, 4)
    ask = np.round(np.maximum(np.ceil(mark_coin * (1 + half) / tick - 1e-9), 1) * tick, 4)
    return np.where(bid > 0, bid, np.nan), ask


def _history(coin: str, at: datetime, numbers: CoinMarket) -> IndexHistory:
    """Return hourly closes that go up and down by one hourly standard deviation in turn."""
    hours = np.arange(numbers.history_days * 24 + 1)
    move = numbers.rv_annual / math.sqrt(24 * DAYS_PER_YEAR)
    zigzag = np.where(hours % 2 == 0, 0.0, move)
    prices = numbers.index_usd * np.exp(zigzag - zigzag[-1])
    times = to_ms(at) - (hours[-1] - hours) * 3_600_000
    return IndexHistory(coin, times.astype(np.int64), prices)


def _with_quotes(view: MarketView, name: str, change: QuoteChange) -> MarketView:
    coin = name.partition("-")[0]
    market = view.underlyings.get(coin)
    if market is None:
        raise DataInvalid(f"quotes: there is no coin {coin}")
    chain = market.chain
    rows = np.ones(len(chain), dtype=np.bool_)
    if name != coin:
        row = chain.listing.row(name)
        if row is None:
            raise DataInvalid(f"quotes: {name} is not listed")
        rows = np.arange(len(chain)) == row
    columns = {
        "mark_coin": change.mark,
        "bid_coin": change.bid,
        "ask_coin": change.ask,
        "bid_amount_coin": change.bid_amount,
        "ask_amount_coin": change.ask_amount,
    }
    new = {column: getattr(chain, column).copy() for column in (*columns, "as_of_ms")}
    if change.mark is not None:
        new["mark_coin"][rows] = float(change.mark)
    if change.half_spread is not None:
        half = np.full(len(chain), change.half_spread)
        bid_coin, ask_coin = _around(new["mark_coin"], half, SPECS[coin])
        new["bid_coin"][rows], new["ask_coin"][rows] = bid_coin[rows], ask_coin[rows]
    for column, value in columns.items():
        if value is not None:
            is_empty = column in ("bid_coin", "ask_coin") and value == 0
            new[column][rows] = math.nan if is_empty else float(value)
    for side in ("bid", "ask"):
        new[f"{side}_amount_coin"][np.isnan(new[f"{side}_coin"])] = 0.0
    if change.age_s is not None:
        new["as_of_ms"][rows] -= int(change.age_s * 1000)
    changed = replace(market, chain=replace(chain, **new))
    return replace(view, underlyings={**view.underlyings, coin: changed})
