"""``public/``: time, instruments and prices. Everything is of the exchange's current step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from math import nan

import msgspec
import numpy as np

from callwright import __version__
from callwright.domain.base import DAYS_PER_YEAR, MS_PER_DAY, to_ms
from callwright.domain.contract import ContractSpec
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import IndexHistory, MarketView, UnderlyingMarket
from callwright.paper.exchange import PaperExchange
from callwright.paper.matching import Level, book_levels
from callwright.paper.orders import supported_option
from callwright.paper.refusals import NOT_FOUND, ExchangeError
from callwright.paper.schedule import CURRENT
from callwright.paper.server import chains
from callwright.paper.server.params import Params, invalid

Handler = Callable[[PaperExchange, Params], object]

_KINDS = ("option", "future", "spot", "future_combo", "option_combo", "any")
_RANGES = {
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "2d": timedelta(days=2),
    # Of the hour that a month of hourly points begins in, all of it.
    "1m": timedelta(days=31),
    "1y": timedelta(days=366),
    "all": timedelta(days=36_500),
}
_DEPTHS = (1, 5, 10, 20, 50, 100, 1_000, 10_000)
_VOLATILITY_WINDOW_DAYS = 15
_LONG_NAMES = {"BTC": "Bitcoin", "ETH": "Ethereum"}


def currencies(exchange: PaperExchange, params: Params) -> tuple[str, ...]:
    """Return the coin that the param ``currency`` names; all when it is left out or ``any``."""
    known = exchange.source.underlyings
    asked = params.text_or("currency", "any").upper()
    if asked == "ANY":
        return known
    if asked not in known:
        raise invalid("currency", f"must be one of {', '.join(known)}")
    return (asked,)


def currency(exchange: PaperExchange, params: Params) -> str:
    """Return the one coin that the param ``currency`` must name."""
    params.text("currency")
    found = currencies(exchange, params)
    if len(found) != 1:
        raise invalid("currency", f"must be one of {', '.join(found)}")
    return found[0]


def wants_options(params: Params) -> bool:
    """Return whether the param ``kind`` includes options, the only kind there is."""
    return params.choice("kind", _KINDS, default="any") in ("option", "any")


def specs(exchange: PaperExchange) -> Mapping[str, ContractSpec]:
    """Return the terms of the coins that trade here."""
    return {name: CURRENT.specs[name] for name in exchange.source.underlyings}


def test(exchange: PaperExchange, params: Params) -> object:
    return {"version": f"callwright {__version__}"}


def get_time(exchange: PaperExchange, params: Params) -> object:
    return to_ms(exchange.time())


def status(exchange: PaperExchange, params: Params) -> object:
    # A string: clients take a boolean for maintenance.
    return {"locked": "false", "locked_indices": []}


def get_currencies(exchange: PaperExchange, params: Params) -> object:
    return [
        {
            "currency": coin,
            "currency_long": _LONG_NAMES.get(coin, coin),
            "coin_type": {"BTC": "BITCOIN", "ETH": "ETHER"}.get(coin, coin),
            "min_confirmations": 1,
            "withdrawal_fee": 0,
            "min_withdrawal_fee": 0,
            "withdrawal_priorities": [],
            "in_cross_collateral_pool": False,
            "network_fee": 0,
            "network_currency": coin,
            "decimals": 8,
            "apr": 0,
        }
        for coin in exchange.source.underlyings
    ]


def get_expirations(exchange: PaperExchange, params: Params) -> object:
    coins = currencies(exchange, params)
    view = exchange.market()
    found = {}
    for coin in coins:
        names = view.underlyings[coin].chain.listing.names if wants_options(params) else ()
        by_expiry = {parse_option_name(name).expiry: name.split("-")[1] for name in names}
        found[coin.lower()] = {"option": [by_expiry[expiry] for expiry in sorted(by_expiry)]}
    return found


def get_instruments(exchange: PaperExchange, params: Params) -> object:
    coins = currencies(exchange, params)
    if not wants_options(params) or params.flag("expired"):
        # What has expired is not kept.
        return []
    view, now_ms = exchange.market(), to_ms(exchange.now)
    return [
        row for coin in coins for row in chains.instruments(view.underlyings[coin].chain, now_ms)
    ]


def get_instrument(exchange: PaperExchange, params: Params) -> object:
    _, name, _ = _listed(exchange, params)
    is_active = exchange.now < parse_option_name(name).expiry
    return chains.instrument(name, is_active=is_active)


def get_book_summary_by_currency(exchange: PaperExchange, params: Params) -> object:
    coin = currency(exchange, params)
    if not wants_options(params):
        return []
    return chains.book_summaries(exchange.market().underlyings[coin])


def get_book_summary_by_instrument(exchange: PaperExchange, params: Params) -> object:
    view, name, row = _listed(exchange, params)
    rows = msgspec.json.decode(
        chains.book_summaries(_market_of(view, name)), type=list[msgspec.Raw]
    )
    return [rows[row]]


def ticker(exchange: PaperExchange, params: Params) -> object:
    view, name, row = _listed(exchange, params)
    return chains.ticker(view, name, row, to_ms(exchange.now))


def get_order_book(exchange: PaperExchange, params: Params) -> object:
    depth = params.whole_or("depth", 5)
    if depth not in _DEPTHS:
        raise invalid("depth", f"must be one of {', '.join(map(str, _DEPTHS))}")
    view, name, row = _listed(exchange, params)
    quote, spec = view.quote(name), specs(exchange)[parse_option_name(name).underlying]
    return {
        **chains.ticker(view, name, row, to_ms(exchange.now)),
        "change_id": to_ms(exchange.now),
        "bids": _levels(book_levels(quote, "sell", spec)[:depth]),
        "asks": _levels(book_levels(quote, "buy", spec)[:depth]),
    }


def get_index_price(exchange: PaperExchange, params: Params) -> object:
    market = _indexed(exchange, params)
    return {"index_price": market.index_usd, "estimated_delivery_price": market.index_usd}


def get_index_price_names(exchange: PaperExchange, params: Params) -> object:
    return [chains.index_name(coin) for coin in exchange.source.underlyings]


def get_index_chart_data(exchange: PaperExchange, params: Params) -> object:
    """The index points of the market's own history within the range, oldest first."""
    span = _RANGES[params.choice("range", tuple(_RANGES))]
    market = _indexed(exchange, params)
    history = market.history
    first_ms = to_ms(exchange.now) - round(span.total_seconds() * 1000)
    start = int(history.times_ms.searchsorted(first_ms))
    return _pairs(history.times_ms[start:].tolist(), history.prices_usd[start:].tolist())


def get_historical_volatility(exchange: PaperExchange, params: Params) -> object:
    """Annualised close-to-close volatility in percent over the 15 days up to each point."""
    coin = currency(exchange, params)
    history = exchange.market().underlyings[coin].history
    return [
        [at_ms, percent]
        for at_ms, percent in _pairs(history.times_ms.tolist(), _volatilities(history))
        if percent == percent
    ]


def _volatilities(history: IndexHistory) -> list[float]:
    """Return percent a year at each point; NaN where the window is not covered."""
    times, logs = history.times_ms, np.log(history.prices_usd)
    squares = np.concatenate([[0.0], np.cumsum(np.diff(logs) ** 2)])
    window_ms = _VOLATILITY_WINDOW_DAYS * MS_PER_DAY
    first = times.searchsorted(times - window_ms)
    years = (times - times[first]) / (MS_PER_DAY * DAYS_PER_YEAR)
    # A window that begins late is not covered: unknown, not small.
    covered = times - times[first] >= 0.9 * window_ms
    with np.errstate(all="ignore"):
        percent = 100 * np.sqrt((squares - squares[first]) / years)
    found: list[float] = np.where(covered, percent, nan).tolist()
    return found


def _listed(exchange: PaperExchange, params: Params) -> tuple[MarketView, str, int]:
    """Return the market, and the option that is asked for with its row."""
    name = params.text("instrument_name")
    option = supported_option(name, specs(exchange))
    view = exchange.market()
    row = view.underlyings[option.underlying].chain.listing.row(name)
    if row is None:
        raise ExchangeError(NOT_FOUND, f"instrument_name={name}")
    return view, name, row


def _market_of(view: MarketView, name: str) -> UnderlyingMarket:
    return view.underlyings[parse_option_name(name).underlying]


def _indexed(exchange: PaperExchange, params: Params) -> UnderlyingMarket:
    names = {chains.index_name(coin): coin for coin in exchange.source.underlyings}
    coin = names[params.choice("index_name", tuple(names))]
    return exchange.market().underlyings[coin]


def _levels(levels: Iterable[Level]) -> list[Sequence[object]]:
    return [[level.price, level.amount] for level in levels]


def _pairs(times_ms: Iterable[int], values: Iterable[float]) -> list[tuple[int, float]]:
    return list(zip(times_ms, values, strict=True))


HANDLERS: Mapping[str, Handler] = {
    f"public/{handler.__name__}": handler
    for handler in (
        test,
        get_time,
        status,
        get_currencies,
        get_expirations,
        get_instruments,
        get_instrument,
        get_book_summary_by_currency,
        get_book_summary_by_instrument,
        ticker,
        get_order_book,
        get_index_price,
        get_index_price_names,
        get_index_chart_data,
        get_historical_volatility,
    )
}
