"""A small market source: views written down by hand, one a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from math import nan
from typing import Any

import numpy as np

from builders import NOW, dec
from callwright.domain.base import to_ms
from callwright.domain.instrument import parse_option_name
from callwright.domain.market import (
    IndexHistory,
    MarketView,
    OptionChain,
    OptionListing,
    UnderlyingMarket,
)
from callwright.errors import DataInvalid, MarketExhausted
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan
from callwright.paper.orders import Ticket
from callwright.paper.records import Order
from callwright.paper.source import DeliveryPrice
from callwright.paper.store import PaperStore

CALL = "BTC-9JAN26-106000-C"
"""A weekly (9 January 2026 is a Friday)."""
DAILY = "BTC-7JAN26-100000-C"
PUT = "BTC-9JAN26-95000-P"
ETH_CALL = "ETH-9JAN26-4200-C"

Row = tuple[float | None, float | None, float]
"""Bid, ask and mark, in coin; None is an empty side."""

ROWS: dict[str, Row] = {
    CALL: (0.0055, 0.0065, 0.006),
    DAILY: (0.0075, 0.0085, 0.008),
    PUT: (0.0045, 0.0055, 0.005),
    ETH_CALL: (0.01, 0.011, 0.0105),
}
INDEX = {"BTC": 100_000.0, "ETH": 4_000.0}


def a_view(
    at: datetime = NOW,
    rows: Mapping[str, Row] = ROWS,
    *,
    amount: float = 2.0,
    index: Mapping[str, float] = INDEX,
    eth_amount: float = 10.0,
) -> MarketView:
    """All rows quoted with the same size and a forward equal to the index."""
    return MarketView(
        as_of=at,
        source="steps",
        depth_model="by hand",
        underlyings={
            u: _market(u, at, rows, index[u], amount if u == "BTC" else eth_amount) for u in index
        },
    )


def _market(
    underlying: str, at: datetime, rows: Mapping[str, Row], index_usd: float, amount: float
) -> UnderlyingMarket:
    names = [n for n in rows if parse_option_name(n).underlying == underlying]
    n = len(names)

    def column(values: Sequence[float]) -> np.ndarray[Any, Any]:
        return np.array(values, dtype=np.float64)

    chain = OptionChain(
        listing=OptionListing.of_names(underlying, names),
        forward_usd=np.full(n, index_usd),
        mark_iv_annual=np.full(n, 0.5),
        mark_coin=column([rows[x][2] for x in names]),
        bid_coin=column([nan if rows[x][0] is None else rows[x][0] for x in names]),  # type: ignore[misc]
        ask_coin=column([nan if rows[x][1] is None else rows[x][1] for x in names]),  # type: ignore[misc]
        bid_amount_coin=column([0.0 if rows[x][0] is None else amount for x in names]),
        ask_amount_coin=column([0.0 if rows[x][1] is None else amount for x in names]),
        open_interest_coin=np.full(n, 100.0),
        as_of_ms=np.full(n, to_ms(at), dtype=np.int64),
    )
    history = IndexHistory(underlying, np.array([to_ms(at)]), np.array([index_usd]))
    return UnderlyingMarket(underlying, index_usd, at, chain, history)


class StepMarket:
    """Implements ``MarketSource`` over views; delivery prices are given or interpolated."""

    depth_model = "by hand"
    underlyings = ("BTC", "ETH")

    def __init__(
        self,
        *views: MarketView,
        name: str = "steps",
        delivery: Mapping[str, object] | None = None,
    ) -> None:
        self.name = name
        self.views = {view.as_of: view for view in (views or (a_view(),))}
        self.delivery = delivery or {}

    def start(self) -> datetime:
        return next(iter(self.views))

    def next_after(self, at: datetime) -> datetime:
        later = [time for time in self.views if time > at]
        if not later:
            raise MarketExhausted("no further snapshot")
        return later[0]

    def view(self, at: datetime) -> MarketView:
        if at not in self.views:
            raise DataInvalid(f"no snapshot at {at}")
        return self.views[at]

    def index_at(self, underlying: str, at: datetime) -> float:
        times = list(self.views)
        if not times[0] <= at <= times[-1]:
            raise DataInvalid(f"no snapshots around {at}")
        known = [v.underlyings[underlying].index_usd for v in self.views.values()]
        return float(np.interp(to_ms(at), [to_ms(t) for t in times], known))

    def delivery_price(self, underlying: str, expiry: datetime) -> DeliveryPrice:
        if underlying in self.delivery:
            return DeliveryPrice(dec(self.delivery[underlying]), "twap_30m")
        price = Decimal(repr(round(self.index_at(underlying, expiry), 2)))
        return DeliveryPrice(price, "interpolated")


def hours(n: float) -> datetime:
    return NOW + timedelta(hours=n)


def steady(n: int = 5, *, step_hours: float = 1, **changes: Any) -> StepMarket:
    """The same quotes at each of ``n`` steps."""
    return StepMarket(*(a_view(hours(i * step_hours), **changes) for i in range(n)))


def an_exchange(
    source: StepMarket | None = None,
    store: PaperStore | None = None,
    *,
    btc: object = 1,
    eth: object = 10,
    faults: FaultPlan | None = None,
) -> PaperExchange:
    return PaperExchange(
        source or steady(),
        store or PaperStore(),
        deposits={"BTC": dec(btc), "ETH": dec(eth)},
        faults=faults,
    )


def a_ticket(direction: str = "sell", amount: object = "0.5", **changes: Any) -> Ticket:
    fields: dict[str, Any] = {
        "instrument_name": CALL,
        "direction": direction,
        "amount": dec(amount),
        "price": dec("0.0055") if direction == "sell" else dec("0.0065"),
        "time_in_force": "immediate_or_cancel",
        "label": "cw-test-0",
    }
    return Ticket(**(fields | changes))


def sell(exchange: PaperExchange, amount: object = "0.5", **changes: Any) -> Order:
    return exchange.place(a_ticket("sell", amount, **changes))[0]


def buy(exchange: PaperExchange, amount: object = "0.5", **changes: Any) -> Order:
    return exchange.place(a_ticket("buy", amount, **changes))[0]


def balance(exchange: PaperExchange, currency: str = "BTC") -> Decimal:
    return exchange.account()[currency].balance


def holdings(exchange: PaperExchange) -> dict[str, Decimal]:
    return {position.instrument_name: position.size for position in exchange.positions()}
