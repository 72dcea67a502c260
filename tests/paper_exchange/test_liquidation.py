"""Liquidation by hand: when it starts, how far it goes, what it costs."""

from __future__ import annotations

from typing import Any

import pytest

from builders import dec
from paper_exchange.steps import (
    CALL,
    DAILY,
    ROWS,
    StepMarket,
    a_view,
    an_exchange,
    balance,
    holdings,
    hours,
    sell,
)


def after_a_rise(
    call_row: Any, *, amount: Any, rest: Any = None, rows: Any = None, size: Any = 2.0
) -> Any:
    """Sell ``amount`` calls on one coin, then step to a market in which they cost ``call_row``."""
    after = (ROWS if rows is None else rows) | ({} if call_row is None else {CALL: call_row})
    if call_row is None:
        after = {name: row for name, row in after.items() if name != CALL}
    index = {"BTC": 150_000.0, "ETH": 4_000.0}
    exchange = an_exchange(
        StepMarket(a_view(amount=20), a_view(hours(1), after, amount=size, index=index))
    )
    sell(exchange, amount)
    if rest is not None:
        sell(exchange, rest, price=dec("0.9"), time_in_force="good_til_cancelled")
    exchange.advance()
    return exchange


def test_one_to_one_covered_is_safe_even_when_the_price_triples() -> None:
    exchange = after_a_rise((0.65, 0.67, 0.66), amount="1")
    assert holdings(exchange) == {CALL: dec("-1")}


@pytest.mark.parametrize(
    ("mark", "liquidated"),
    [
        # 2 coins sold for 0.0055 less 0.0003 each: balance 1.0104 = 2 x (0.075 + 0.4302).
        pytest.param(0.4302, False, id="maintenance-equal-to-the-balance-is-allowed"),
        pytest.param(0.4303, True, id="just-above-is-liquidated"),
    ],
)
def test_liquidation_begins_when_maintenance_exceeds_the_margin_balance(
    mark: Any, liquidated: Any
) -> None:
    exchange = after_a_rise((0.43, 0.4305, mark), amount="2")
    assert any(t.is_liquidation for t in exchange.trades("BTC")) is liquidated


def test_liquidation_buys_back_no_more_than_needed_and_charges_its_own_fee() -> None:
    # 2 coins, balance 1.0104; mark 0.45: maintenance 2 x 0.525 = 1.05, missing 0.0396.
    # A coin bought at 0.455 frees 0.525 - 0.455 - 0.0019 = 0.0681, so 0.58 coins: 6 lots.
    exchange = after_a_rise((0.44, 0.455, 0.45), amount="2", rest="0.2")
    (_, trade) = exchange.trades("BTC")
    assert trade.is_liquidation
    assert (trade.direction, trade.price, trade.amount) == ("buy", dec("0.455"), dec("0.6"))
    # 0.6 x 0.0019; cash -0.273 - 0.00114.
    assert trade.fee == dec("0.00114")
    assert balance(exchange) == dec("0.73626")
    # 1.4 x 0.525 = 0.735 is within the balance again.
    assert exchange.account()["BTC"].maintenance_margin == dec("0.735")
    assert holdings(exchange) == {CALL: dec("-1.4")}
    # The resting sell was cancelled first.
    assert exchange.open_orders() == ()
    assert exchange.order_state("BTC-2").cancel_reason == "autoliquidation"
    liquidation = exchange.order_state(trade.order_id)
    assert (liquidation.is_liquidation, liquidation.order_state) == (True, "filled")


def test_liquidation_walks_the_book_and_then_pays_the_band() -> None:
    # The ask costs more than a coin's maintenance frees, so the whole short goes: 2 lots a level
    # (0.2, 0.2, 0.4, 0.6), and the last 0.6 at the band, 0.6 + 0.3.
    exchange = after_a_rise((0.5, 0.7, 0.6), amount="2", size=0.2)
    fills = [(t.price, t.amount) for t in exchange.trades("BTC") if t.is_liquidation]
    assert fills == [
        (dec("0.7"), dec("0.2")),
        (dec("0.7005"), dec("0.2")),
        (dec("0.701"), dec("0.4")),
        (dec("0.7015"), dec("0.6")),
        (dec("0.9"), dec("0.6")),
    ]
    assert holdings(exchange) == {}
    # It cost more than the account had: there is no insurance fund.
    assert balance(exchange) < 0


def test_beyond_a_book_above_the_band_the_deepest_level_is_paid() -> None:
    # The band ends at 0.53 + 0.265 = 0.795; the deepest level is at 0.9 + 3 ticks.
    exchange = after_a_rise((0.5, 0.9, 0.53), amount="2", size=0.2)
    fills = [t.price for t in exchange.trades("BTC") if t.is_liquidation]
    assert fills[0] == dec("0.9")
    assert fills[-2:] == [dec("0.9015"), dec("0.9015")]


def test_without_an_ask_the_band_is_paid() -> None:
    exchange = after_a_rise((0.5, None, 0.6), amount="2")
    (trade,) = [t for t in exchange.trades("BTC") if t.is_liquidation]
    assert (trade.price, trade.amount) == (dec("0.9"), dec("2"))


def test_an_instrument_that_left_the_view_is_judged_by_its_last_mark() -> None:
    exchange = after_a_rise(None, amount="2")
    assert holdings(exchange) == {CALL: dec("-2")}


def test_the_short_that_ties_up_most_goes_first_and_the_other_coin_is_left_alone() -> None:
    rows = ROWS | {DAILY: (0.3, 0.305, 0.3)}
    exchange = an_exchange(
        StepMarket(
            a_view(amount=20),
            a_view(
                hours(1),
                rows | {CALL: (0.1, 0.105, 0.1)},
                amount=20,
                index={"BTC": 150_000.0, "ETH": 4_000.0},
            ),
        )
    )
    sell(exchange, "2")
    sell(exchange, "2", instrument_name=DAILY, price=dec("0.0075"))
    sell(exchange, "3", instrument_name="ETH-9JAN26-4200-C", price=dec("0.01"))
    exchange.advance()
    # 1.0248 against 2 x 0.175 + 2 x 0.375 = 1.1: 0.0752 missing; the daily frees
    # 0.375 - 0.305 - 0.0019 = 0.0681 a coin: 1.1043, so 12 lots.
    (trade,) = [t for t in exchange.trades("BTC") if t.is_liquidation]
    assert (trade.instrument_name, trade.amount) == (DAILY, dec("1.2"))
    assert not [t for t in exchange.trades("ETH") if t.is_liquidation]
