"""Whatever is sent, coin is conserved and the books explain themselves."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import dec
from callwright.errors import MarketExhausted
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan, TransportFault
from callwright.paper.markets import open_source
from callwright.paper.orders import Ticket
from callwright.paper.refusals import ExchangeError
from callwright.paper.store import PaperStore
from paper_exchange.steps import (
    CALL,
    DAILY,
    ETH_CALL,
    PUT,
    ROWS,
    StepMarket,
    a_view,
    an_exchange,
    hours,
)

PRICES = ["0.0001", "0.004", "0.005", "0.0055", "0.006", "0.0065", "0.0075", "0.0085", "0.3", "0.9"]


def a_rough_market() -> Any:
    """Quotes that move, vanish, and dwarf the account; two expiries on the way."""
    up = {CALL: (0.0075, 0.0085, 0.008), PUT: (0.001, 0.0015, 0.0012), ETH_CALL: ROWS[ETH_CALL]}
    high = {CALL: (0.3, 0.34, 0.32), PUT: (None, 0.0001, 0.0), ETH_CALL: (0.2, None, 0.25)}
    return StepMarket(
        a_view(),
        a_view(hours(24), ROWS | {CALL: (0.0045, 0.0049, 0.0047)}),
        a_view(hours(50), up, index={"BTC": 104_000.0, "ETH": 4_100.0}),
        a_view(hours(74), high, index={"BTC": 155_000.0, "ETH": 5_600.0}),
        a_view(hours(98), {}, index={"BTC": 120_000.0, "ETH": 3_900.0}),
        name="rough",
    )


tickets = st.builds(
    Ticket,
    instrument_name=st.sampled_from([CALL, DAILY, PUT, ETH_CALL]),
    direction=st.sampled_from(["buy", "sell"]),
    amount=st.sampled_from([dec(x) for x in ("0.1", "0.3", "1", "2", "3", "7")]),
    order_type=st.sampled_from(["limit", "limit", "limit", "market"]),
    price=st.sampled_from([dec(price) for price in PRICES]),
    time_in_force=st.sampled_from(["good_til_cancelled", "immediate_or_cancel", "fill_or_kill"]),
    post_only=st.sampled_from([False, False, True]),
    reduce_only=st.sampled_from([False, False, True]),
)
steps = st.lists(
    st.one_of(
        tickets,
        tickets,
        tickets,
        st.sampled_from(["advance", "pass", "cancel", "reopen", "lose", "partial", "fail"]),
    ),
    max_size=30,
)


def audit(exchange: Any, books: Any, deposits: Any) -> None:
    """Hold the books against themselves."""
    cash: dict[str, Decimal] = defaultdict(Decimal, deposits)
    size: dict[str, Decimal] = defaultdict(Decimal)
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for trade in books.trades():
        cash[trade.currency] += trade.cash
        size[trade.instrument_name] += trade.amount if trade.direction == "buy" else -trade.amount
        filled[trade.order_id] += trade.amount
    for row in books.settlements():
        cash[row.currency] += row.cash
        size[row.instrument_name] -= row.position
    for currency, funds in exchange.account().items():
        assert funds.balance == cash[currency]
        assert funds.equity == funds.balance + funds.options_value
        assert funds.available_funds == funds.margin_balance - funds.initial_margin
        assert funds.initial_margin >= 0
    assert {p.instrument_name: p.size for p in exchange.positions()} == {
        name: amount for name, amount in size.items() if amount
    }
    for order in books.orders():
        assert order.filled_amount == filled[order.order_id] <= order.amount
        assert (order.order_state == "filled") == (order.open_amount == 0)
    assert tuple(o for o in books.orders() if o.order_state == "open") == exchange.open_orders()
    for order in exchange.open_orders():
        if order.reduce_only:
            held = size[order.instrument_name]
            assert order.open_amount <= (held if order.direction == "sell" else -held)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps)
def test_any_sequence_conserves_coin_and_explains_every_position(
    tmp_path_factory: pytest.TempPathFactory, steps: Any
) -> None:
    path = tmp_path_factory.mktemp("paper") / "paper.db"
    plan, source = FaultPlan(), a_rough_market()
    deposits = {"BTC": dec("1.5"), "ETH": dec(10)}

    def reopened() -> Any:
        return an_exchange(
            source, PaperStore(path, durable=False), btc=deposits["BTC"], eth=10, faults=plan
        )

    exchange = reopened()
    for step in steps:
        before = exchange.account()
        try:
            if isinstance(step, Ticket):
                order, _ = exchange.place(step)
                # An accepted order never costs more than there was.
                had, has = before[order.currency], exchange.account()[order.currency]
                if had.available_funds >= 0:
                    assert has.available_funds >= 0
            elif step == "advance":
                exchange.advance()
                for funds in exchange.account().values():
                    shorts = any(p.size < 0 for p in exchange.positions())
                    assert funds.maintenance_margin <= funds.margin_balance or not shorts
            elif step == "pass":
                exchange.pass_time(30_000)
            elif step == "cancel" and exchange.open_orders():
                exchange.cancel(exchange.open_orders()[0].order_id)
            elif step == "reopen":
                exchange.close()
                exchange = reopened()
                assert exchange.account() == before
            elif step == "lose":
                plan.arm("lose_reply", "sell", "buy")
            elif step == "partial":
                plan.arm("partial_fill", "sell", "buy", fraction=0.4)
            elif step == "fail":
                plan.arm("timeout_before", "sell", "buy")
        except (ExchangeError, TransportFault, MarketExhausted):
            pass
    audit(exchange, exchange._store, deposits)
    exchange.close()


def test_a_run_through_a_synthetic_crash_keeps_its_books() -> None:
    source = open_source("synthetic:crash-1", step=timedelta(hours=12))
    deposits = {"BTC": dec(1), "ETH": dec(10)}
    store = PaperStore()
    exchange = PaperExchange(source, store, deposits=deposits)
    for _ in range(60):
        view = exchange.market()
        for underlying, amount in (("BTC", "0.2"), ("ETH", "2")):
            chain = view.underlyings[underlying].chain
            quoted = np.flatnonzero(
                (chain.bid_coin > 0.002) & (chain.years_to_expiry(view.as_of) < 3 / 365)
            )
            # Both calls and puts, at whatever strike stands in the middle of the list.
            name = chain.listing.names[quoted[len(quoted) // 2]]
            with suppress(ExchangeError):
                exchange.place(Ticket(name, "sell", dec(amount), "market"))
        exchange.advance()
    assert len(store.settlements()) > 20
    audit(exchange, store, deposits)
