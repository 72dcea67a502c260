"""Public methods: Deribit's fields, and the very numbers of the market they are made from."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import NOW, dec
from callwright.domain.base import to_ms
from callwright.domain.market import decimal_of
from callwright.paper.exchange import PaperExchange
from callwright.paper.server.chains import percent
from callwright.paper.store import PaperStore
from callwright.paper.synthetic.market import SyntheticSource
from paper_exchange.steps import (
    CALL,
    DAILY,
    ETH_CALL,
    INDEX,
    PUT,
    ROWS,
    StepMarket,
    a_view,
    hours,
    steady,
)
from paper_server.clients import Wire, words

INSTRUMENT = words(
    "instrument_name kind instrument_id instrument_type base_currency quote_currency "
    "counter_currency settlement_currency settlement_period option_type strike "
    "expiration_timestamp creation_timestamp is_active state contract_size min_trade_amount "
    "tick_size tick_size_steps maker_commission taker_commission block_trade_commission "
    "block_trade_min_trade_amount block_trade_tick_size price_index rfq"
)
SUMMARY = words(
    "instrument_name base_currency quote_currency bid_price ask_price mid_price mark_price mark_iv "
    "last high low open_interest volume volume_usd underlying_index underlying_price interest_rate "
    "estimated_delivery_price creation_timestamp price_change"
)
TICKER = words(
    "instrument_name timestamp state stats open_interest best_bid_price best_bid_amount "
    "best_ask_price best_ask_amount index_price min_price max_price mark_price last_price "
    "estimated_delivery_price underlying_price underlying_index interest_rate bid_iv ask_iv "
    "mark_iv greeks settlement_price"
)


def synthetic() -> Wire:
    def make(faults: Any) -> PaperExchange:
        source = SyntheticSource(7, step=timedelta(hours=6))
        deposits = {"BTC": Decimal(1), "ETH": Decimal(10)}
        return PaperExchange(source, PaperStore(), deposits=deposits, faults=faults)

    return Wire(make=make)


def test_status_and_currencies() -> None:
    wire = Wire()
    # A boolean would make clients believe in maintenance.
    assert wire.result("public/status") == {"locked": "false", "locked_indices": []}
    currencies = wire.result("public/get_currencies")
    assert [row["currency"] for row in currencies] == ["BTC", "ETH"]
    assert set(currencies[0]) == words(
        "currency currency_long coin_type min_confirmations withdrawal_fee min_withdrawal_fee "
        "withdrawal_priorities in_cross_collateral_pool network_fee network_currency decimals "
        "apr"
    )
    assert wire.result("public/get_index_price_names") == ["btc_usd", "eth_usd"]
    assert wire.result("public/test")["version"].startswith("callwright")


def test_instruments_have_deribits_terms() -> None:
    wire = Wire()
    rows = wire.result("public/get_instruments", currency="BTC", kind="option", expired=False)
    assert [row["instrument_name"] for row in rows] == [CALL, DAILY, PUT]
    assert all(set(row) == INSTRUMENT for row in rows)
    assert rows[0] == wire.result("public/get_instrument", instrument_name=CALL)
    assert (
        rows[0]
        | {
            "kind": "option",
            "instrument_type": "reversed",
            "base_currency": "BTC",
            "quote_currency": "BTC",
            "counter_currency": "USD",
            "settlement_currency": "BTC",
            "settlement_period": "week",
            "option_type": "call",
            "strike": 106_000,
            "expiration_timestamp": to_ms(hours(0).replace(day=9, hour=8, minute=0)),
            "is_active": True,
            "state": "open",
            "contract_size": 1,
            "min_trade_amount": dec("0.1"),
            "tick_size": dec("0.0001"),
            "tick_size_steps": [{"above_price": dec("0.005"), "tick_size": dec("0.0005")}],
            "maker_commission": dec("0.0003"),
            "taker_commission": dec("0.0003"),
            "price_index": "btc_usd",
        }
        == rows[0]
    )
    assert rows[1]["settlement_period"] == "day"
    assert rows[2]["option_type"] == "put"
    everything = wire.result("public/get_instruments")
    assert {row["instrument_name"] for row in everything} == set(ROWS)
    assert len({row["instrument_id"] for row in everything}) == len(ROWS)
    assert wire.result("public/get_instruments", currency="any", kind="any") == everything
    assert wire.result("public/get_instruments", kind="future") == []
    assert wire.result("public/get_instruments", expired="true") == []


def test_book_summaries_show_the_chain_to_the_last_digit() -> None:
    wire = synthetic()
    for coin in ("BTC", "ETH"):
        rows = wire.result("public/get_book_summary_by_currency", currency=coin, kind="option")
        market = wire.exchange.view().underlyings[coin]
        chain = market.chain
        assert tuple(row["instrument_name"] for row in rows) == chain.listing.names
        assert all(set(row) == SUMMARY for row in rows)
        for field, column in [
            ("bid_price", chain.bid_coin),
            ("ask_price", chain.ask_coin),
            ("mark_price", chain.mark_coin),
            ("underlying_price", chain.forward_usd),
            ("open_interest", chain.open_interest_coin),
        ]:
            shown = [None if math.isnan(x) else decimal_of(x) for x in column.tolist()]
            assert [row[field] for row in rows] == shown
        fractions = [float(row["mark_iv"].scaleb(-2)) for row in rows]
        assert fractions == chain.mark_iv_annual.tolist()
        assert [row["creation_timestamp"] for row in rows] == chain.as_of_ms.tolist()
        assert all(row["mid_price"] is None for row in rows if row["bid_price"] is None)
        assert all(row["estimated_delivery_price"] == dec(market.index_usd) for row in rows)


@given(st.floats(1e-6, 50))
def test_no_digit_of_a_volatility_is_lost_as_percent(fraction: float) -> None:
    assert float(percent(fraction).scaleb(-2)) == fraction


def test_one_summary_is_the_row_of_all() -> None:
    wire = Wire()
    rows = wire.result("public/get_book_summary_by_currency", currency="btc")
    assert wire.result("public/get_book_summary_by_instrument", instrument_name=DAILY) == [rows[1]]
    assert wire.result("public/get_book_summary_by_currency", currency="BTC", kind="future") == []


def test_a_ticker_is_the_row_with_sizes_and_greeks() -> None:
    wire = synthetic()
    market = wire.exchange.view().underlyings["BTC"]
    chain = market.chain
    for row in range(0, len(chain), 37):
        name = chain.listing.names[row]
        found = wire.result("public/ticker", instrument_name=name)
        assert set(found) == TICKER
        quote = chain.quote(name)
        assert quote is not None
        assert found["timestamp"] == to_ms(quote.as_of)
        assert (found["best_bid_price"], found["best_ask_price"]) == (
            quote.bid_coin,
            quote.ask_coin,
        )
        assert found["best_bid_amount"] == quote.bid_amount_coin
        assert found["best_ask_amount"] == quote.ask_amount_coin
        assert found["mark_price"] == quote.mark_coin
        assert float(found["mark_iv"].scaleb(-2)) == quote.mark_iv_annual
        assert float(found["underlying_price"]) == quote.forward_usd
        assert float(found["index_price"]) == market.index_usd
        assert found["state"] == "open"
        assert found["min_price"] < found["max_price"]
        assert set(found["greeks"]) == {"delta", "gamma", "rho", "theta", "vega"}


def test_greeks_are_in_deribits_units() -> None:
    # At the money, one volatility point moves Black-76 by F sqrt(T) n(0) / 100 to first order.
    view = a_view(rows={"BTC-9JAN26-100000-C": (0.01, 0.02, 0.015)})
    found = Wire(StepMarket(view)).result("public/ticker", instrument_name="BTC-9JAN26-100000-C")
    years = float((hours(0).replace(day=9, hour=8, minute=0) - NOW) / timedelta(days=365))
    greeks = {name: float(value) for name, value in found["greeks"].items()}
    vega = 100_000 * math.sqrt(years / (2 * math.pi)) / 100
    assert greeks["vega"] == pytest.approx(vega, rel=1e-3)
    assert greeks["theta"] == pytest.approx(-vega * 50 / (2 * years * 365), rel=1e-3)
    assert greeks["delta"] == pytest.approx(0.5, abs=0.02)
    # For r = 0, rho is K T N(d2) a point.
    assert greeks["rho"] == pytest.approx(100_000 * years * 0.5 / 100, rel=0.05)


def test_an_empty_side_is_null() -> None:
    wire = Wire(StepMarket(a_view(rows={CALL: (None, 0.0065, 0.006)})))
    (row,) = wire.result("public/get_book_summary_by_currency", currency="BTC")
    assert (row["bid_price"], row["mid_price"]) == (None, None)
    found = wire.result("public/ticker", instrument_name=CALL)
    assert (found["best_bid_price"], found["bid_iv"]) == (None, None)
    assert found["best_bid_amount"] == 0
    book = wire.result("public/get_order_book", instrument_name=CALL)
    assert book["bids"] == []
    assert book["asks"][0] == [dec("0.0065"), 2]


def test_the_order_book_has_the_depth_that_orders_find() -> None:
    wire = Wire()
    book = wire.result("public/get_order_book", instrument_name=CALL, depth="10")
    assert set(book) == TICKER | {"bids", "asks", "change_id"}
    assert book["bids"] == [
        [dec("0.0055"), 2],
        [dec("0.0050"), 2],
        [dec("0.0045"), 4],
        [dec("0.0040"), 6],
    ]
    assert len(wire.result("public/get_order_book", instrument_name=CALL, depth=1)["asks"]) == 1


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("BTC-PERPETUAL", 13020),
        ("BTC-9JAN26-1-C", 13020),
        ("x" * 900, 13020),
        ("BTC_USDC-9JAN26-100000-C", 10020),
        ("SOL-9JAN26-100-C", 10020),
    ],
)
def test_an_instrument_that_does_not_trade_here(name: str, code: int) -> None:
    for method in ("public/ticker", "public/get_order_book", "public/get_instrument"):
        assert Wire().error(method, instrument_name=name)["code"] == code


def test_an_option_that_expired_within_the_step_is_closed() -> None:
    wire = Wire(steady(3, step_hours=48))
    wire.result("paper/pass_time", seconds=47.9 * 3600)
    assert wire.result("public/ticker", instrument_name=DAILY)["state"] == "closed"
    states = {
        row["instrument_name"]: (row["state"], row["is_active"])
        for row in wire.result("public/get_instruments", currency="BTC")
    }
    assert states[DAILY] == ("delivered", False)
    assert states[CALL] == ("open", True)


def test_index_prices() -> None:
    wire = Wire()
    for coin, index in INDEX.items():
        assert wire.result("public/get_index_price", index_name=f"{coin.lower()}_usd") == {
            "index_price": dec(index),
            "estimated_delivery_price": dec(index),
        }
    assert wire.error("public/get_index_price", index_name="sol_usd")["code"] == -32602


def test_the_index_chart_is_the_history_of_the_market() -> None:
    wire = synthetic()
    for _ in range(3):
        history = wire.exchange.view().underlyings["ETH"].history
        points = wire.result("public/get_index_chart_data", index_name="eth_usd", range="1m")
        assert [time for time, _ in points] == history.times_ms.tolist()
        assert [float(price) for _, price in points] == history.prices_usd.tolist()
        hour = wire.result("public/get_index_chart_data", index_name="eth_usd", range="1h")
        assert hour == points[-2:]
        wire.exchange.advance()


def test_historical_volatility_is_that_of_the_index() -> None:
    wire = synthetic()
    rows = wire.result("public/get_historical_volatility", currency="BTC")
    history = wire.exchange.view().underlyings["BTC"].history
    assert rows[-1][0] == history.times_ms[-1]
    logs = np.diff(np.log(history.prices_usd[-361:]))
    # Hourly closes over 15 days, without a drift.
    assert float(rows[-1][1]) == pytest.approx(100 * math.sqrt((logs**2).mean() * 8_760))
    assert 0 < len(rows) < len(history.times_ms)
    assert Wire().result("public/get_historical_volatility", currency="BTC") == []


def test_expirations_are_in_time_order() -> None:
    found = Wire().result("public/get_expirations", currency="any", kind="option")
    assert found == {"btc": {"option": ["7JAN26", "9JAN26"]}, "eth": {"option": ["9JAN26"]}}


def test_what_orders_take_is_not_taken_from_the_picture() -> None:
    wire = Wire()
    before = wire.result("public/ticker", instrument_name=ETH_CALL)
    order: dict[str, Any] = {"instrument_name": ETH_CALL, "amount": 3, "price": 0.01}
    wire.result("private/sell", **order, time_in_force="immediate_or_cancel")
    assert wire.result("public/ticker", instrument_name=ETH_CALL) == before
