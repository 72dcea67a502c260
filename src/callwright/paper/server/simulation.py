"""``paper/``: what only a simulated exchange can do. A real one has none of these methods."""

from __future__ import annotations

from collections.abc import Mapping

from callwright.domain.base import to_ms
from callwright.errors import MarketExhausted
from callwright.paper.exchange import PaperExchange
from callwright.paper.refusals import MARKET_EXHAUSTED, ExchangeError
from callwright.paper.server.params import Params, invalid
from callwright.paper.server.public import Handler

_SECONDS_MAX = 1_000_000_000


def info(exchange: PaperExchange, params: Params) -> object:
    """What is played, where it stands, and which rows of its chains were refused."""
    source, view = exchange.source, exchange.view()
    start_ms = to_ms(source.start())
    now_ms = to_ms(exchange.now)
    return {
        "market": source.name,
        "depth_model": source.depth_model,
        "stepped": True,
        "underlyings": source.underlyings,
        "start_ms": start_ms,
        "step_time_ms": to_ms(exchange.step_time),
        "now_ms": now_ms,
        "is_fresh": exchange.is_fresh,
        "dropped_rows": {
            name: dict(market.chain.dropped_rows) for name, market in view.underlyings.items()
        },
    }


def advance(exchange: PaperExchange, params: Params) -> object:
    """Move to the next step, if the market stands at ``from_ms``; else it has moved already."""
    if params.whole("from_ms") == to_ms(exchange.step_time):
        try:
            exchange.advance()
        except MarketExhausted as exc:
            raise ExchangeError(MARKET_EXHAUSTED, exc.message) from exc
    return info(exchange, params)


def pass_time(exchange: PaperExchange, params: Params) -> object:
    """Let simulated seconds pass within the step."""
    seconds = params.number("seconds")
    if not 0 <= seconds <= _SECONDS_MAX:
        raise invalid("seconds", f"must be 0 to {_SECONDS_MAX}")
    exchange.pass_time(float(seconds))
    return info(exchange, params)


HANDLERS: Mapping[str, Handler] = {
    "paper/info": info,
    "paper/advance": advance,
    "paper/pass_time": pass_time,
}
