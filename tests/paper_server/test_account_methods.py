"""Private methods: Deribit's fields, the books' exact numbers, pages and refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from builders import NOW, dec
from callwright.domain.base import to_ms
from paper_exchange.steps import (
    CALL,
    DAILY,
    ETH_CALL,
    PUT,
    StepMarket,
    a_view,
    hours,
    steady,
)
from paper_server.clients import Wire, words

NOW_MS = to_ms(NOW)
ORDER = words(
    "order_id order_state order_type instrument_name direction price amount filled_amount "
    "average_price contracts label post_only reject_post_only reduce_only time_in_force "
    "creation_timestamp last_update_timestamp api web replaced is_liquidation risk_reducing mmp "
    "commission"
)
TRADE = words(
    "trade_id trade_seq instrument_name timestamp direction tick_direction price amount contracts "
    "mark_price index_price order_id order_type matching_id fee fee_currency liquidity label state "
    "profit_loss post_only reduce_only underlying_price api self_trade risk_reducing mmp"
)
POSITION = words(
    "instrument_name kind direction size average_price average_price_usd mark_price index_price "
    "settlement_price delta gamma vega theta initial_margin maintenance_margin "
    "floating_profit_loss floating_profit_loss_usd realized_profit_loss total_profit_loss"
)
SUMMARY = words(
    "currency balance equity margin_balance available_funds available_withdrawal_funds "
    "initial_margin maintenance_margin projected_initial_margin projected_maintenance_margin "
    "delta_total projected_delta_total delta_total_map options_delta options_gamma options_theta "
    "options_vega options_value options_pl options_session_upl options_session_rpl "
    "options_gamma_map options_theta_map options_vega_map futures_pl futures_session_upl "
    "futures_session_rpl session_upl session_rpl total_pl margin_model portfolio_margining_enabled "
    "cross_collateral_enabled fee_balance spot_reserve additional_reserve"
)
LOG = words(
    "id type timestamp currency balance equity user_seq user_id username instrument_name side "
    "amount contracts position price price_currency index_price mark_price commission cashflow "
    "change trade_id order_id info"
)
EVERY_TIME: dict[str, Any] = {"start_timestamp": 0, "end_timestamp": 2**42}


def sell(wire: Wire, amount: object = "0.5", **changes: Any) -> Any:
    """Sell calls at the bid, at once or not at all."""
    params = {
        "instrument_name": CALL,
        "amount": str(amount),
        "type": "limit",
        "price": "0.0055",
        "label": "cw-test-0",
        "time_in_force": "immediate_or_cancel",
    }
    return wire.result("private/sell", **{**params, **changes})


def rest(wire: Wire, **changes: Any) -> Any:
    """Leave a sell order in the book."""
    return sell(wire, **({"price": "0.02", "time_in_force": "good_til_cancelled"} | changes))


def test_an_order_and_its_trades() -> None:
    wire = Wire()
    done = sell(wire)
    order, (trade,) = done["order"], done["trades"]
    assert set(order) == ORDER
    assert set(trade) == TRADE
    assert (
        order
        | {
            "order_id": "BTC-1",
            "order_state": "filled",
            "order_type": "limit",
            "direction": "sell",
            "label": "cw-test-0",
            "time_in_force": "immediate_or_cancel",
            "creation_timestamp": NOW_MS,
        }
        == order
    )
    for field, digits in [
        ("price", "0.0055"),
        ("amount", "0.5"),
        ("filled_amount", "0.5"),
        ("average_price", "0.0055"),
        ("commission", "0.00015"),
    ]:
        assert str(order[field]) == digits
    assert (
        trade
        | {
            "trade_id": "BTC-T-1",
            "trade_seq": 1,
            "order_id": "BTC-1",
            "price": dec("0.0055"),
            "amount": dec("0.5"),
            "fee": dec("0.00015"),
            "fee_currency": "BTC",
            "liquidity": "T",
            "state": "filled",
            "index_price": dec("100000.0"),
            "timestamp": NOW_MS,
        }
        == trade
    )


def test_every_number_of_the_books_arrives_with_its_digits() -> None:
    wire = Wire()
    sell(wire, "1.3")
    rest(wire, amount="0.2")
    summaries = wire.result("private/get_account_summaries", extended=True)["summaries"]
    for row, funds in zip(summaries, wire.exchange.account().values(), strict=True):
        for field in (
            *("balance", "margin_balance", "equity", "options_value", "initial_margin"),
            *("maintenance_margin", "available_funds"),
        ):
            assert str(dec(row[field])) == str(getattr(funds, field))
    (row,) = wire.result("private/get_positions")
    (report,) = wire.exchange.positions()
    for field in ("size", "average_price", "mark_price", "initial_margin", "maintenance_margin"):
        assert str(row[field]) == str(getattr(report, field))


def test_a_summary_has_deribits_fields_and_identities() -> None:
    wire = Wire()
    sell(wire)
    row = wire.result("private/get_account_summary", currency="BTC")
    assert set(row) == SUMMARY
    assert row["equity"] == row["margin_balance"] + row["options_value"]
    assert row["available_funds"] == row["margin_balance"] - row["initial_margin"]
    assert row["margin_model"] == "segregated_sm"
    assert row["delta_total"] == row["options_delta"] < 0
    assert row["delta_total_map"] == {"btc_usd": row["options_delta"]}
    assert (row["spot_reserve"], row["additional_reserve"]) == (0, 0)
    extended = wire.result("private/get_account_summary", currency="BTC", extended="true")
    assert set(extended) >= SUMMARY | {
        *("id", "username", "email", "type", "system_name", "limits", "fees")
    }
    limits = extended["limits"]
    assert limits["non_matching_engine"] == {"rate": 20, "burst": 100}
    assert limits["matching_engine"]["trading"]["total"] == {"rate": 5, "burst": 20}
    everything = wire.result("private/get_account_summaries")
    assert set(everything) == {"summaries"}
    assert [row["currency"] for row in everything["summaries"]] == ["BTC", "ETH"]
    assert wire.result("private/get_account_summaries", extended=True)["type"] == "main"
    assert len(wire.result("private/get_subaccounts")) == 1


def test_positions() -> None:
    wire = Wire()
    sell(wire)
    sell(wire, 3, instrument_name=ETH_CALL, price="0.01")
    rows = wire.result("private/get_positions")
    assert all(set(row) == POSITION for row in rows)
    call = wire.result("private/get_position", instrument_name=CALL)
    assert wire.result("private/get_positions", currency="BTC", kind="option") == [call]
    assert wire.result("private/get_positions", kind="future") == []
    assert (call["direction"], call["size"]) == ("sell", dec("-0.5"))
    # A short that was sold at 0.0055 and is marked 0.006.
    assert call["floating_profit_loss"] == call["total_profit_loss"] == dec("-0.00025")
    greeks = wire.result("public/ticker", instrument_name=CALL)["greeks"]
    for name in ("delta", "gamma", "theta", "vega"):
        assert float(call[name]) == pytest.approx(-0.5 * float(greeks[name]))
    flat = wire.result("private/get_position", instrument_name=PUT)
    assert set(flat) == POSITION
    assert (flat["direction"], flat["size"]) == ("zero", 0)
    assert wire.error("private/get_position", instrument_name="BTC")["code"] == 13020


def test_greeks_of_an_option_that_left_the_market_are_not_known() -> None:
    wire = Wire(StepMarket(a_view(), a_view(hours(1), {DAILY: (0.0075, 0.0085, 0.008)})))
    sell(wire)
    wire.exchange.advance()
    (row,) = wire.result("private/get_positions")
    assert set(row) == POSITION
    assert row["delta"] is None
    assert wire.result("private/get_account_summary", currency="BTC")["options_delta"] is None


def test_margins() -> None:
    wire = Wire()
    found = wire.result("private/get_margins", instrument_name=CALL, amount=1, price=0)
    quote = wire.exchange.margins(CALL, Decimal(1), Decimal(0))
    assert found == {
        "buy": quote.buy,
        "sell": quote.sell,
        "min_price": quote.min_price,
        "max_price": quote.max_price,
    }
    assert (
        wire.error("private/get_margins", instrument_name=CALL, amount=0, price=0)["code"] == 10021
    )
    assert (
        wire.error("private/get_margins", instrument_name=CALL, amount=1, price=-1)["code"]
        == -32602
    )


def test_an_order_is_found_again_by_its_label_and_by_its_id() -> None:
    wire = Wire()
    first, second = sell(wire)["order"], rest(wire, amount="0.2")["order"]
    by_label = {"currency": "BTC", "label": "cw-test-0"}
    assert wire.result("private/get_order_state_by_label", **by_label) == [first, second]
    assert wire.result("private/get_order_state_by_label", **{**by_label, "currency": "ETH"}) == []
    assert wire.result("private/get_order_state", order_id="BTC-2") == second
    assert second["average_price"] is None
    assert wire.error("private/get_order_state", order_id="BTC-9")["code"] == 10004


def test_open_orders_and_cancelling() -> None:
    wire = Wire()
    first = rest(wire, amount="0.1")["order"]
    second = rest(wire, amount="0.2", label="other")["order"]
    third = rest(wire, instrument_name=ETH_CALL, amount=1)["order"]
    for method, params, found in [
        ("get_open_orders", {}, [first, second, third]),
        ("get_open_orders", {"kind": "future"}, []),
        ("get_open_orders_by_currency", {"currency": "BTC"}, [first, second]),
        ("get_open_orders_by_instrument", {"instrument_name": ETH_CALL}, [third]),
        ("get_open_orders_by_label", {"currency": "BTC", "label": "other"}, [second]),
        ("get_open_orders_by_label", {"currency": "BTC"}, [first, second]),
    ]:
        assert wire.result(f"private/{method}", **params) == found
    cancelled = wire.result("private/cancel", order_id=first["order_id"])
    assert set(cancelled) == ORDER | {"cancel_reason"}
    assert (cancelled["order_state"], cancelled["cancel_reason"]) == ("cancelled", "user_request")
    assert wire.error("private/cancel", order_id=first["order_id"])["code"] == 11044
    assert wire.result("private/cancel_by_label", label="other", currency="ETH") == 0
    assert wire.result("private/cancel_by_label", label="other") == 1
    assert wire.result("private/cancel_all_by_instrument", instrument_name=CALL) == 0
    assert wire.result("private/cancel_all_by_currency", currency="BTC") == 0
    assert wire.result("private/cancel_all") == 1
    assert wire.result("private/get_open_orders") == []


def test_order_history_is_newest_first_and_leaves_unfilled_orders_out() -> None:
    wire = Wire()
    for _ in range(12):
        sell(wire, "0.1")
    lost = rest(wire, amount="0.1")["order"]["order_id"]
    wire.result("private/cancel", order_id=lost)
    rest(wire, amount="0.1")

    def ids(method: str = "by_currency", **params: Any) -> list[str]:
        where = {"currency": "BTC"} if method == "by_currency" else {"instrument_name": CALL}
        rows = wire.result(f"private/get_order_history_{method}", **where, **params)
        return [row["order_id"] for row in rows]

    assert ids(count=3) == ["BTC-12", "BTC-11", "BTC-10"]
    assert ids(count=2, offset=10) == ["BTC-2", "BTC-1"]
    assert ids(count=1, include_unfilled="true") == ["BTC-13"]
    assert ids("by_instrument", count=1) == ["BTC-12"]
    assert len(ids()) == 12


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "0.05"}, 10002),
        ({"amount": "0.15"}, 10021),
        ({"amount": "1e14"}, 10009),
        ({"price": "0.00551"}, 10043),
        ({"instrument_name": "BTC-9JAN26-1-C"}, 13020),
        ({"instrument_name": "SOL-9JAN26-1-C"}, 10020),
        ({"valid_until": NOW_MS - 1}, 13888),
        ({"reduce_only": True}, 11030),
        (
            {
                "post_only": True,
                "reject_post_only": True,
                "time_in_force": "good_til_cancelled",
            },
            11054,
        ),
    ],
)
def test_refusals_carry_deribits_code_and_change_nothing(
    changes: dict[str, Any], code: int
) -> None:
    wire = Wire()
    params = {"instrument_name": CALL, "amount": "0.5", "price": "0.0055", **changes}
    assert wire.error("private/sell", **params)["code"] == code
    assert not wire.exchange.positions()
    assert not wire.exchange.open_orders()


def test_a_market_order_has_no_price_and_contracts_are_an_amount() -> None:
    wire = Wire()
    done = wire.result("private/buy", instrument_name=CALL, contracts=1, type="market")
    assert done["order"]["price"] == "market_price"
    assert done["order"]["average_price"] == dec("0.0065")


def test_trades_come_in_pages() -> None:
    wire = Wire(steady(4))
    for step in range(4):
        for _ in range(3):
            sell(wire, "0.1")
        if step < 3:
            wire.exchange.advance()
    third_ms = to_ms(hours(2))

    def page(method: str, **params: Any) -> tuple[list[int], bool]:
        found = wire.result(f"private/get_user_trades_{method}", **params)
        return [row["trade_seq"] for row in found["trades"]], found["has_more"]

    coin = {"currency": "BTC"}
    assert page("by_currency", **coin) == (list(range(12, 2, -1)), True)
    timed = {"start_timestamp": to_ms(hours(1)), "end_timestamp": third_ms, "sorting": "asc"}
    assert page("by_currency_and_time", **coin, **timed, count=4) == ([4, 5, 6, 7], True)
    timed["start_timestamp"] = third_ms
    assert page("by_currency_and_time", **coin, **timed, count=3) == ([7, 8, 9], False)
    assert page("by_instrument_and_time", instrument_name=CALL, **timed) == ([7, 8, 9], False)
    assert page("by_instrument", instrument_name=CALL, count=2) == ([12, 11], True)
    assert page("by_instrument", instrument_name=PUT) == ([], False)
    bounded = {"start_id": "BTC-T-5", "end_id": "BTC-T-6", "sorting": "asc"}
    assert page("by_currency", **coin, **bounded) == ([5, 6], False)
    assert page("by_currency", currency="BTC", kind="future") == ([], False)
    (trade,) = wire.result("private/get_user_trades_by_order", order_id="BTC-3")
    # What the forward was in an earlier step is not kept.
    assert set(trade) == TRADE - {"underlying_price"}
    assert (
        wire.error("private/get_user_trades_by_currency_and_time", currency="BTC")["code"] == -32602
    )


def delivered() -> Wire:
    """A short call that ends in the money (120,000 over 106,000) and an ETH one that does not."""
    wire = Wire(
        StepMarket(a_view(), a_view(hours(120), {}), delivery={"BTC": "120000", "ETH": "4000"})
    )
    sell(wire, "1.5")
    sell(wire, "0.3")
    sell(wire, 3, instrument_name=ETH_CALL, price="0.01")
    wire.exchange.advance()
    return wire


def test_settlement_history_shows_deliveries() -> None:
    wire = delivered()
    found = wire.result("private/get_settlement_history_by_currency", currency="BTC")
    (row,) = found["settlements"]
    assert found["continuation"] is None
    assert row == {
        "type": "delivery",
        "timestamp": to_ms(hours(0).replace(day=9, hour=8, minute=0)),
        "instrument_name": CALL,
        "position": dec("-1.8"),
        "index_price": 120_000,
        "mark_price": dec("0.11666667"),
        "profit_loss": row["profit_loss"],
        "session_profit_loss": row["profit_loss"],
        "funding": 0,
        "funded": 0,
    }
    other = {"currency": "BTC", "type": "settlement"}
    assert wire.result("private/get_settlement_history_by_currency", **other)["settlements"] == []


def test_the_transaction_log_explains_the_balance() -> None:
    wire = delivered()
    found = wire.result("private/get_transaction_log", currency="BTC", **EVERY_TIME)
    assert found["continuation"] is None
    delivery, second, first = found["logs"]
    assert all(LOG <= set(row) <= LOG | {"user_role"} for row in found["logs"])
    assert [row["id"] for row in found["logs"]] == ["BTC-S-1", "BTC-T-2", "BTC-T-1"]
    assert (first["side"], first["position"]) == ("open sell", dec("-1.5"))
    assert first["change"] == first["cashflow"] - first["commission"] == dec("0.0078")
    assert first["balance"] == dec("1.0078")
    assert second["position"] == dec("-1.8")
    (settlement,) = wire.exchange.settlements("BTC")
    assert (
        delivery
        | {
            "type": "delivery",
            "side": "close buy",
            "amount": dec("1.8"),
            "position": 0,
            "index_price": 120_000,
            "price": dec("0.11666667"),
            "cashflow": -settlement.payoff,
            "commission": settlement.fee,
            "change": settlement.cash,
            "equity": None,
            "info": {"delivery_price_source": "twap_30m", "delivered_position": dec("-1.8")},
        }
        == delivery
    )
    balances = {coin: funds.balance for coin, funds in wire.exchange.account().items()}
    assert delivery["balance"] == balances["BTC"]
    opening = first["balance"] - first["change"]
    assert opening + sum(row["change"] for row in found["logs"]) == balances["BTC"]
    assert opening == 1
    (eth, _) = wire.result("private/get_transaction_log", currency="ETH", **EVERY_TIME)["logs"]
    assert (eth["cashflow"], eth["commission"]) == (0, 0)


def test_the_log_can_be_filtered_and_read_page_by_page() -> None:
    wire = delivered()

    def ids(**params: Any) -> list[str]:
        found = wire.result(
            "private/get_transaction_log", currency="BTC", **{**EVERY_TIME, **params}
        )
        return [row["id"] for row in found["logs"]]

    assert ids(query="delivery") == ["BTC-S-1"]
    assert ids(query="trade") == ["BTC-T-2", "BTC-T-1"]
    assert ids(query="deposit") == []
    assert ids(end_timestamp=NOW_MS) == ["BTC-T-2", "BTC-T-1"]
    assert ids(start_timestamp=NOW_MS + 1) == ["BTC-S-1"]
    pages: list[str] = []
    continuation: dict[str, Any] = {}
    for _ in range(3):
        found = wire.result(
            "private/get_transaction_log", currency="BTC", **EVERY_TIME, **continuation, count=1
        )
        pages += [row["id"] for row in found["logs"]]
        continuation = {"continuation": found["continuation"]}
    assert pages == ["BTC-S-1", "BTC-T-2", "BTC-T-1"]
    assert continuation == {"continuation": None}


def test_a_liquidation_is_marked_as_one() -> None:
    dear = {CALL: (0.9, 0.95, 0.92)}
    wire = Wire(StepMarket(a_view(), a_view(hours(1), dear)))
    sell(wire, 2)
    sell(wire, 2, price="0.0050")
    wire.exchange.advance()
    trade, *_ = wire.result("private/get_user_trades_by_currency", currency="BTC")["trades"]
    assert (trade["liquidation"], trade["order_type"], trade["liquidity"]) == (
        "T",
        "liquidation",
        "T",
    )
    newest, *_ = wire.result("private/get_transaction_log", currency="BTC", **EVERY_TIME)["logs"]
    assert newest["side"] == "close buy"
    assert newest["info"] == {"liquidation": "T"}
