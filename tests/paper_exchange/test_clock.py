"""The exchange's clock: steps, simulated seconds, and the end of a recorded market."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any, Never

import pytest

from builders import NOW, dec
from callwright.errors import DataInvalid, MarketExhausted
from paper_exchange.steps import (
    CALL,
    ROWS,
    StepMarket,
    a_view,
    an_exchange,
    balance,
    hours,
    sell,
    steady,
)


def test_time_stands_still_until_it_is_told_to_pass() -> None:
    exchange = an_exchange()
    assert exchange.now == exchange.time() == NOW
    exchange.pass_time(1.5)
    assert exchange.now == NOW + timedelta(seconds=1.5)
    exchange.pass_time(0)
    assert exchange.now == NOW + timedelta(seconds=1.5)
    assert exchange.market().as_of == NOW


def test_short_sleeps_add_up() -> None:
    exchange = an_exchange()
    for _ in range(10):
        exchange.pass_time(0.0001)
    assert exchange.now == NOW + timedelta(milliseconds=10)


def test_passing_time_never_reaches_the_next_step() -> None:
    exchange = an_exchange()
    exchange.pass_time(1e300)
    assert exchange.now == hours(1) - timedelta(milliseconds=1)
    exchange.pass_time(60)
    assert exchange.now == hours(1) - timedelta(milliseconds=1)
    assert exchange.advance() == exchange.now == hours(1)


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_impossible_seconds_are_refused(seconds: Any) -> None:
    with pytest.raises(ValueError, match="cannot let"):
        an_exchange().pass_time(seconds)


def test_the_last_step_has_no_successor_and_ends_before_the_next_expiry() -> None:
    exchange = an_exchange(StepMarket(a_view()))
    sell(exchange)
    with pytest.raises(MarketExhausted):
        exchange.advance()
    exchange.pass_time(7 * 86_400)
    # From 08:30 on the 5th to just before 08:00 on the 6th.
    assert exchange.now == hours(23.5) - timedelta(milliseconds=1)
    assert len(exchange.positions()) == 1


def test_an_order_that_arrives_after_time_passed_is_late() -> None:
    exchange = an_exchange()
    exchange.pass_time(10)
    now_ms = int(exchange.now.timestamp() * 1000)
    sell(exchange, "0.1", valid_until=now_ms)
    with pytest.raises(Exception, match="13888"):
        sell(exchange, "0.1", valid_until=now_ms - 1)


def test_resting_orders_do_not_fill_while_time_passes() -> None:
    rows_up = ROWS | {CALL: (0.0085, 0.0095, 0.009)}
    exchange = an_exchange(StepMarket(a_view(), a_view(hours(1), rows_up)))
    sell(exchange, "0.5", price=dec("0.008"), time_in_force="good_til_cancelled")
    exchange.pass_time(3599)
    assert exchange.trades("BTC") == ()
    exchange.advance()
    assert len(exchange.trades("BTC")) == 1


def test_a_step_that_cannot_be_read_changes_nothing() -> None:
    class Torn(StepMarket):
        def view(self, at: Any) -> Any:
            if at == hours(1):
                raise DataInvalid("torn file")
            return super().view(at)

    exchange = an_exchange(Torn(a_view(), a_view(hours(1))))
    sell(exchange)
    before = balance(exchange)
    with pytest.raises(DataInvalid):
        exchange.advance()
    assert (exchange.now, balance(exchange)) == (NOW, before)


def test_a_delivery_price_that_is_missing_changes_nothing() -> None:
    class NoPrice(StepMarket):
        def delivery_price(self, underlying: Any, expiry: Any) -> Never:
            raise DataInvalid("no bracket")

    exchange = an_exchange(NoPrice(a_view(), a_view(hours(120), {})))
    sell(exchange)
    resting = sell(exchange, "0.1", price=dec("0.02"), time_in_force="good_til_cancelled")
    with pytest.raises(DataInvalid):
        exchange.advance()
    assert exchange.now == NOW
    assert exchange.open_orders() == (resting,)
    assert len(exchange.positions()) == 1


def test_the_same_calls_give_the_same_books() -> None:
    def run() -> Any:
        exchange = an_exchange(steady())
        sell(exchange, "0.5")
        exchange.pass_time(3)
        sell(exchange, "0.1", price=dec("0.02"), time_in_force="good_til_cancelled")
        exchange.advance()
        return (
            exchange.now,
            exchange.account(),
            exchange.positions(),
            exchange.open_orders(),
            exchange.trades("BTC"),
        )

    assert run() == run()
