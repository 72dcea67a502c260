"""Orders at the exchange: refusals, fills, fees, what rests, and how resting orders end."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW, dec
from callwright.domain.base import to_ms
from callwright.paper.refusals import ExchangeError
from callwright.paper.store import PaperStore
from paper_exchange.steps import (
    CALL,
    DAILY,
    ETH_CALL,
    ROWS,
    StepMarket,
    a_ticket,
    a_view,
    an_exchange,
    balance,
    buy,
    holdings,
    hours,
    sell,
    steady,
)

GTC = "good_til_cancelled"
NOW_MS = to_ms(NOW)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"amount": dec("0.05")}, 10002, id="below-the-minimum"),
        pytest.param({"amount": dec("0.15")}, 10021, id="off-the-lot"),
        pytest.param({"amount": dec(0)}, 10021, id="zero"),
        pytest.param({"amount": dec("-0.1")}, 10021, id="negative"),
        pytest.param({"amount": dec("NaN")}, 10021, id="nan-amount"),
        pytest.param({"price": dec("0.0052")}, 10043, id="off-the-coarse-tick"),
        pytest.param({"price": dec("0.00405")}, 10043, id="off-the-fine-tick"),
        pytest.param({"price": dec(0)}, 10043, id="zero-price"),
        pytest.param({"price": dec("NaN")}, -32602, id="nan-price"),
        pytest.param({"price": None}, -32602, id="a-limit-needs-a-price"),
        pytest.param({"label": "x" * 65}, -32602, id="label-too-long"),
        pytest.param({"direction": "short"}, -32602, id="unknown-direction"),
        pytest.param({"order_type": "stop_limit"}, -32602, id="unknown-type"),
        pytest.param({"time_in_force": "good_til_day"}, -32602, id="unknown-time-in-force"),
        pytest.param({"post_only": True}, 11030, id="post-only-must-rest"),
        pytest.param({"reduce_only": True}, 11030, id="nothing-to-reduce"),
        pytest.param({"valid_until": NOW_MS - 1}, 13888, id="too-late"),
        pytest.param({"instrument_name": "BTC-PERPETUAL"}, 13020, id="not-an-option"),
        pytest.param({"instrument_name": "BTC-9JAN26-107000-C"}, 13020, id="not-listed"),
        pytest.param({"instrument_name": "BTC_USDC-9JAN26-106000-C"}, 10020, id="linear"),
        pytest.param({"instrument_name": "SOL-9JAN26-106-C"}, 10020, id="another-coin"),
        pytest.param({"instrument_name": "BTC-5JAN26-100000-C"}, 10012, id="expired-at-0800"),
        pytest.param({"amount": dec(10)}, 10009, id="not-enough-funds"),
    ],
)
def test_refusals_change_nothing(changes: Any, code: Any) -> None:
    exchange = an_exchange()
    with pytest.raises(ExchangeError) as refused:
        exchange.place(a_ticket(**changes))
    assert refused.value.code == code
    assert exchange.account()["BTC"].available_funds == 1
    assert exchange.positions() == exchange.open_orders() == ()  # type: ignore[comparison-overlap]
    # The refused order used up no id.
    assert sell(exchange).order_id == "BTC-1"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"amount": dec("0.1")}, id="the-minimum"),
        pytest.param({"label": "x" * 64}, id="a-label-of-64"),
        pytest.param({"valid_until": NOW_MS}, id="just-in-time"),
        pytest.param({"price": dec("0.0049")}, id="a-fine-tick-below-0.005"),
    ],
)
def test_boundaries_are_accepted(changes: Any) -> None:
    assert an_exchange().place(a_ticket(**changes))[0].order_state == "filled"


def test_eth_trades_whole_coins_only() -> None:
    exchange = an_exchange()
    price = dec("0.01")
    with pytest.raises(ExchangeError, match="qty_too_low"):
        sell(exchange, "0.5", instrument_name=ETH_CALL, price=price)
    order = sell(exchange, "2", instrument_name=ETH_CALL, price=price)
    assert order.order_id == "ETH-1"
    # 2 x 0.01 less 2 x 0.0003.
    assert balance(exchange, "ETH") == dec("10.0194")
    assert balance(exchange, "BTC") == 1


@pytest.mark.parametrize(
    ("bid", "fee"),
    [
        # 0.0003 a coin, or 12.5% of the price where that is less: they meet at 0.0024.
        pytest.param(0.0055, "0.0003", id="the-rate"),
        pytest.param(0.0024, "0.0003", id="rate-and-cap-meet"),
        pytest.param(0.0023, "0.0002875", id="the-cap"),
        pytest.param(0.0001, "0.0000125", id="one-tick"),
    ],
)
def test_fee(bid: Any, fee: Any) -> None:
    exchange = an_exchange(steady(rows={CALL: (bid, None, bid)}))
    sell(exchange, "1", price=dec(bid))
    (trade,) = exchange.trades("BTC")
    assert trade.fee == dec(fee)
    assert balance(exchange) == 1 + dec(bid) - dec(fee)


def test_a_trade_states_what_happened() -> None:
    exchange = an_exchange()
    order = sell(exchange, "0.5", label="cw-a")
    (trade,) = exchange.trades("BTC")
    assert (trade.trade_id, trade.order_id, trade.label) == ("BTC-T-1", order.order_id, "cw-a")
    assert (trade.price, trade.amount, trade.liquidity) == (dec("0.0055"), dec("0.5"), "T")
    assert (trade.index_price, trade.mark_price) == (100_000.0, dec("0.006"))
    assert trade.timestamp == NOW_MS
    assert exchange.trades("BTC", since_ms=NOW_MS) == (trade,)
    assert exchange.trades("BTC", since_ms=NOW_MS + 1) == exchange.trades("ETH") == ()


def test_immediate_or_cancel_takes_what_is_there_and_cancels_the_rest() -> None:
    order = sell(an_exchange(btc=9), "3", price=dec("0.0055"))
    assert (order.order_state, order.filled_amount) == ("cancelled", dec(2))
    missed = sell(an_exchange(), "1", price=dec("0.006"))
    assert (missed.order_state, missed.filled_amount) == ("cancelled", dec(0))
    assert missed.average_price is None


def test_a_deep_order_walks_the_declared_levels() -> None:
    exchange = an_exchange(btc=9)
    order = sell(exchange, "5", price=dec("0.0045"))
    # 2 at 0.0055, 2 at 0.005, 1 at 0.0045: 0.0255 / 5.
    assert order.average_price == dec("0.0051")
    assert [(t.price, t.amount) for t in exchange.trades("BTC")] == [
        (dec("0.0055"), dec(2)),
        (dec("0.005"), dec(2)),
        (dec("0.0045"), dec(1)),
    ]


def test_liquidity_taken_in_a_step_is_gone_until_the_next() -> None:
    exchange = an_exchange(btc=9)
    assert sell(exchange, "1.5").filled_amount == dec("1.5")
    assert sell(exchange, "1.5").filled_amount == dec("0.5")
    assert sell(exchange, "1.5").filled_amount == 0
    exchange.pass_time(60)
    assert sell(exchange, "1.5").filled_amount == 0
    # The other side, and another option, are untouched.
    assert buy(exchange, "0.5").filled_amount == dec("0.5")
    exchange.advance()
    assert sell(exchange, "1.5").filled_amount == dec("1.5")


def test_fill_or_kill_fills_all_or_nothing() -> None:
    exchange = an_exchange(btc=9)
    killed = sell(exchange, "2.1", time_in_force="fill_or_kill")
    assert (killed.order_state, killed.filled_amount) == ("cancelled", dec(0))
    assert sell(exchange, "2", time_in_force="fill_or_kill").order_state == "filled"


def test_a_market_order_stays_within_the_price_band() -> None:
    # Mark 0.05, so a market buy pays at most 0.075; the ask at 0.0745 has two levels inside.
    exchange = an_exchange(steady(rows={CALL: (0.04, 0.0745, 0.05)}), btc=9)
    order = buy(exchange, "9", order_type="market", price=None)
    assert (order.order_state, order.filled_amount, order.price) == ("cancelled", dec(4), None)
    assert {t.price for t in exchange.trades("BTC")} == {dec("0.0745"), dec("0.075")}


def test_an_order_rests_and_fills_as_maker_when_the_quote_reaches_it() -> None:
    rows_up = ROWS | {CALL: (0.0085, 0.0095, 0.009)}
    exchange = an_exchange(StepMarket(a_view(), a_view(hours(1)), a_view(hours(2), rows_up)))
    order = sell(exchange, "0.5", price=dec("0.008"), time_in_force=GTC)
    assert order.order_state == "open"
    assert exchange.open_orders() == (order,)
    # Resting sells reserve initial margin: 0.5 x 0.106.
    assert exchange.account()["BTC"].available_funds == dec("0.947")
    exchange.advance()
    assert exchange.open_orders() == (order,)
    exchange.advance()
    assert exchange.open_orders() == ()
    (trade,) = exchange.trades("BTC")
    assert (trade.price, trade.amount, trade.liquidity) == (dec("0.008"), dec("0.5"), "M")
    assert trade.timestamp == to_ms(hours(2))
    # 0.5 x 0.008 - 0.5 x 0.0003.
    assert balance(exchange) == dec("1.00385")
    done = exchange.order_state(order.order_id)
    assert (done.order_state, done.average_price) == ("filled", dec("0.008"))


def test_a_resting_order_fills_no_more_than_the_displayed_size_a_step() -> None:
    rows_up = ROWS | {CALL: (0.0085, 0.0095, 0.009)}
    views = (a_view(hours(i), rows_up, amount=0.3) for i in (1, 2, 3))
    exchange = an_exchange(StepMarket(a_view(), *views))
    sell(exchange, "0.5", price=dec("0.008"), time_in_force=GTC)
    exchange.advance()
    (left,) = exchange.open_orders()
    assert left.filled_amount == dec("0.3")
    # What it took is gone for takers too.
    assert sell(exchange, "0.1", price=dec("0.0085")).filled_amount == 0
    exchange.advance()
    assert exchange.open_orders() == ()


def test_resting_orders_share_the_displayed_size_oldest_first() -> None:
    rows_up = ROWS | {CALL: (0.0085, 0.0095, 0.009)}
    exchange = an_exchange(StepMarket(a_view(), a_view(hours(1), rows_up, amount=0.5)))
    for price in ("0.008", "0.0075"):
        sell(exchange, "0.4", price=dec(price), time_in_force=GTC)
    exchange.advance()
    assert [(t.order_id, t.amount) for t in exchange.trades("BTC")] == [
        ("BTC-1", dec("0.4")),
        ("BTC-2", dec("0.1")),
    ]


def test_a_good_til_cancelled_order_fills_what_it_can_and_rests_with_the_rest() -> None:
    exchange = an_exchange(btc=9)
    order = sell(exchange, "3", time_in_force=GTC)
    assert (order.order_state, order.filled_amount) == ("open", dec(2))
    cancelled = exchange.cancel(order.order_id)
    assert (cancelled.order_state, cancelled.cancel_reason) == ("cancelled", "user_request")
    assert cancelled.filled_amount == dec(2)
    assert exchange.open_orders() == ()


def test_cancel_refuses_what_is_not_open() -> None:
    exchange = an_exchange()
    with pytest.raises(ExchangeError, match="10004"):
        exchange.cancel("BTC-99")
    with pytest.raises(ExchangeError, match="11044"):
        exchange.cancel(sell(exchange).order_id)


def test_post_only_moves_out_of_the_spread_or_is_rejected() -> None:
    exchange = an_exchange()
    order = sell(exchange, "0.1", time_in_force=GTC, post_only=True, price=dec("0.0055"))
    assert (order.order_state, order.price) == ("open", dec("0.006"))
    kept = buy(exchange, "0.1", time_in_force=GTC, post_only=True, price=dec("0.005"))
    assert kept.price == dec("0.005")
    with pytest.raises(ExchangeError, match="11054"):
        sell(
            exchange,
            "0.1",
            time_in_force=GTC,
            post_only=True,
            reject_post_only=True,
            price=dec("0.0055"),
        )
    assert exchange.trades("BTC") == ()


def test_reduce_only_is_cut_to_the_position() -> None:
    exchange = an_exchange()
    sell(exchange, "0.3")
    order = buy(exchange, "1", reduce_only=True)
    assert (order.amount, order.order_state) == (dec("0.3"), "filled")
    assert exchange.positions() == ()
    with pytest.raises(ExchangeError, match="11030"):
        buy(exchange, "0.1", reduce_only=True)


def test_reduce_only_does_not_reduce_a_position_of_its_own_side() -> None:
    exchange = an_exchange()
    sell(exchange, "0.3")
    with pytest.raises(ExchangeError, match="11030"):
        sell(exchange, "0.1", reduce_only=True)


def test_resting_reduce_only_orders_shrink_and_go_with_the_position() -> None:
    exchange = an_exchange()
    sell(exchange, "0.5")
    resting = buy(exchange, "0.5", price=dec("0.005"), time_in_force=GTC, reduce_only=True)
    other = buy(exchange, "0.1", price=dec("0.005"), time_in_force=GTC)
    buy(exchange, "0.3")
    (shrunk, untouched) = exchange.open_orders()
    assert (shrunk.order_id, shrunk.amount) == (resting.order_id, dec("0.2"))
    assert untouched == other
    buy(exchange, "0.2")
    assert exchange.open_orders() == (other,)
    gone = exchange.order_state(resting.order_id)
    assert (gone.order_state, gone.cancel_reason) == ("cancelled", "risk_mitigation")


def test_duplicate_labels_make_two_orders() -> None:
    exchange = an_exchange()
    first, second = sell(exchange, "0.1", label="same"), sell(exchange, "0.1", label="same")
    assert [o.order_id for o in exchange.orders_by_label("BTC", "same")] == [
        first.order_id,
        second.order_id,
    ]
    assert exchange.orders_by_label("ETH", "same") == ()
    assert holdings(exchange) == {CALL: dec("-0.2")}


def test_buying_back_realises_profit_and_keeps_the_average_price() -> None:
    exchange = an_exchange()
    sell(exchange, "0.6")
    buy(exchange, "0.2")
    (call,) = exchange.positions()
    # Sold at 0.0055, bought back at 0.0065: 0.2 x (0.0055 - 0.0065).
    assert call.realized_profit_loss == dec("-0.0002")
    assert call.average_price == dec("0.0055")
    assert [t.profit_loss for t in exchange.trades("BTC")] == [dec(0), dec("-0.0002")]


def test_average_price_is_rounded_where_it_is_divided() -> None:
    rows_down = ROWS | {CALL: (0.005, 0.006, 0.0055)}
    exchange = an_exchange(StepMarket(a_view(), a_view(hours(1), rows_down)))
    sell(exchange, "0.4")
    exchange.advance()
    sell(exchange, "0.2", price=dec("0.005"))
    # (0.4 x 0.0055 + 0.2 x 0.005) / 0.6 = 0.00533333...
    assert exchange.positions()[0].average_price == dec("0.00533333")


def test_an_order_through_zero_turns_the_position() -> None:
    exchange = an_exchange()
    sell(exchange, "0.3")
    buy(exchange, "0.5")
    (position,) = exchange.positions()
    assert (position.size, position.average_price) == (dec("0.2"), dec("0.0065"))
    # The closing part realised 0.3 x (0.0055 - 0.0065).
    assert position.realized_profit_loss == dec("-0.0003")


def test_funds_bound_sells_by_initial_margin_and_buys_by_cost() -> None:
    # 0.106 a coin: 9 coins need 0.954, 10 need 1.06.
    exchange = an_exchange()
    with pytest.raises(ExchangeError, match="10009"):
        sell(exchange, "10", price=dec("0.02"), time_in_force=GTC)
    sell(exchange, "9", price=dec("0.02"), time_in_force=GTC)
    # 0.046 is left: 6 at 0.0085 + 0.0003 cost 0.0528, 5 cost 0.044.
    buy_terms = {"price": dec("0.0085"), "instrument_name": DAILY}
    with pytest.raises(ExchangeError, match="10009"):
        buy(exchange, "6", **buy_terms)
    assert buy(exchange, "5", **buy_terms).filled_amount == 2


def test_a_short_can_be_bought_back_with_no_funds_available() -> None:
    # The mark rises to 0.25, so 3 coins need 3 x 0.4 = 1.2 of about 1.0: no funds are available,
    # but 3 x 0.075 + 0.75 = 0.975 still keeps the account from liquidation.
    dear = {CALL: (0.24, 0.255, 0.25)}
    exchange = an_exchange(
        StepMarket(
            a_view(amount=5),
            a_view(hours(1), dear, amount=5, index={"BTC": 140_000.0, "ETH": 4_000.0}),
        )
    )
    sell(exchange, "3")
    exchange.advance()
    assert exchange.account()["BTC"].available_funds < 0
    with pytest.raises(ExchangeError, match="10009"):
        sell(exchange, "0.1", price=dec("0.24"))
    assert buy(exchange, "3", price=dec("0.255"), reduce_only=True).order_state == "filled"
    assert exchange.positions() == ()


def test_a_buy_back_that_cash_cannot_pay_is_refused() -> None:
    # 2.5 coins of margin need 2.5 x (0.075 + 0.3) = 0.9375 of 1.0124; buying at 0.41 costs 1.025.
    dear = {CALL: (0.28, 0.41, 0.3)}
    exchange = an_exchange(
        StepMarket(
            a_view(amount=5),
            a_view(hours(1), dear, amount=5, index={"BTC": 150_000.0, "ETH": 4_000.0}),
        )
    )
    sell(exchange, "2.5")
    exchange.advance()
    with pytest.raises(ExchangeError, match="10009"):
        buy(exchange, "2.5", price=dec("0.41"), reduce_only=True)
    assert buy(exchange, "1", price=dec("0.41"), reduce_only=True).order_state == "filled"


def test_a_position_that_leaves_the_view_keeps_its_last_mark() -> None:
    rows = {name: row for name, row in ROWS.items() if name != CALL}
    store = PaperStore()
    source = StepMarket(a_view(), a_view(hours(1), rows))
    exchange = an_exchange(source, store)
    sell(exchange, "0.5")
    before = exchange.account()["BTC"]
    exchange.advance()
    assert exchange.account()["BTC"] == before
    assert an_exchange(source, store).account()["BTC"] == before
    # It cannot be traded away, but it can be worked.
    assert buy(exchange, "0.5", reduce_only=True).filled_amount == 0
    assert buy(exchange, "0.5", time_in_force=GTC).order_state == "open"
    with pytest.raises(ExchangeError, match="13020"):
        exchange.margins(CALL, dec(1), dec("0.006"))


def test_an_option_that_left_the_books_and_the_view_is_unknown_again() -> None:
    rows = {name: row for name, row in ROWS.items() if name != CALL}
    exchange = an_exchange(StepMarket(a_view(), a_view(hours(1), rows)))
    sell(exchange, "0.5")
    buy(exchange, "0.5")
    exchange.advance()
    with pytest.raises(ExchangeError, match="13020"):
        sell(exchange, "0.5", time_in_force=GTC)
