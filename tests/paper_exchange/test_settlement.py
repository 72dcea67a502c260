"""Delivery by hand: payoffs of inverse options, fees and their cap."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from builders import dec
from callwright.domain.base import to_ms
from callwright.domain.instrument import parse_option_name
from callwright.paper.settlement import deliver
from paper_exchange.steps import (
    CALL,
    DAILY,
    INDEX,
    PUT,
    ROWS,
    StepMarket,
    a_view,
    an_exchange,
    balance,
    buy,
    hours,
    sell,
)


@pytest.mark.parametrize(
    ("name", "position", "price", "payoff", "fee", "cash"),
    [
        # 106000 / 120000 = 0.88333333, so a coin pays 0.11666667; fee 0.00015 a coin.
        pytest.param(
            CALL, "-0.5", "120000", "0.058333335", "0.000075", "-0.058408335", id="call-itm-short"
        ),
        pytest.param(
            CALL, "0.5", "120000", "0.058333335", "0.000075", "0.058258335", id="call-itm-long"
        ),
        pytest.param(CALL, "-0.5", "106000", "0", "0", "0", id="call-at-the-strike-pays-nothing"),
        pytest.param(CALL, "-0.5", "90000", "0", "0", "0", id="call-otm"),
        # 95000 / 80000 = 1.1875.
        pytest.param(PUT, "-1", "80000", "0.1875", "0.00015", "-0.18765", id="put-itm-short"),
        pytest.param(PUT, "-1", "100000", "0", "0", "0", id="put-otm"),
        # 106000 / 106100 = 0.99905749, payoff 0.00094251; cap 0.125 x 0.00094251 = 0.00011781.
        pytest.param(
            CALL, "-1", "106100", "0.00094251", "0.00011781", "-0.00106032", id="fee-at-the-cap"
        ),
        # 100000 / 125000 = 0.8; 7 January is a Wednesday: a daily option, no fee.
        pytest.param(DAILY, "-1", "125000", "0.2", "0", "-0.2", id="daily-pays-no-fee"),
    ],
)
def test_delivery(name: Any, position: Any, price: Any, payoff: Any, fee: Any, cash: Any) -> None:
    delivery = deliver(
        parse_option_name(name), position=dec(position), delivery_price_usd=dec(price)
    )
    assert delivery == (dec(payoff), dec(fee), dec(cash))


EXPIRY = datetime(2026, 1, 9, 8, tzinfo=UTC)


def test_expiry_pays_the_position_removes_it_and_cancels_its_orders() -> None:
    after = hours(24 * 4)
    rows = {name: row for name, row in ROWS.items() if name == DAILY}
    exchange = an_exchange(
        StepMarket(a_view(), a_view(after, rows), delivery={"BTC": "120000", "ETH": "4000"})
    )
    sell(exchange, "0.5")
    resting = sell(exchange, "0.1", price=dec("0.02"), time_in_force="good_til_cancelled")
    before = balance(exchange)

    assert exchange.advance() == after

    assert balance(exchange) - before == dec("-0.058408335")
    assert exchange.positions() == ()
    assert exchange.open_orders() == ()
    done = exchange.order_state(resting.order_id)
    assert (done.order_state, done.cancel_reason) == ("cancelled", "settlement")
    (row,) = exchange.settlements("BTC")
    assert row.settlement_id == "BTC-S-1"
    assert (row.position, row.delivery_price, row.delivery_price_source) == (
        dec("-0.5"),
        dec("120000"),
        "twap_30m",
    )
    assert (row.payoff, row.fee, row.cash) == (
        dec("0.058333335"),
        dec("0.000075"),
        dec("-0.058408335"),
    )
    # Sold at 0.0055 and paid 0.11666667 a coin: 0.5 x (0.0055 - 0.11666667).
    assert row.profit_loss == dec("-0.055583335")
    assert row.timestamp == to_ms(EXPIRY)


def test_an_option_that_expires_between_two_snapshots_settles_at_its_own_eight_o_clock() -> None:
    # From 08:30 on the 5th at 100,000 to 08:30 on the 10th at 124,000: 120 hours, 200 USD an hour.
    # The call ends after 95.5 hours, at 119,100: 106000 / 119100 = 0.89000840.
    last = hours(120)
    exchange = an_exchange(
        StepMarket(a_view(), a_view(last, {}, index={"BTC": 124_000.0, "ETH": 4_000.0}))
    )
    sell(exchange, "1")
    exchange.advance()
    (row,) = exchange.settlements("BTC")
    assert row.delivery_price == dec("119100")
    assert row.delivery_price_source == "interpolated"
    assert row.payoff == dec("0.10999160")
    assert row.timestamp == to_ms(EXPIRY)


def test_expiries_settle_in_time_order_and_an_out_of_the_money_one_leaves_a_row_too() -> None:
    exchange = an_exchange(StepMarket(a_view(), a_view(hours(120), {}), delivery={"BTC": "100000"}))
    sell(exchange, "0.3")
    buy(exchange, "0.2", instrument_name=DAILY, price=dec("0.0085"))
    exchange.advance()
    rows = exchange.settlements("BTC")
    assert [(r.instrument_name, r.position, r.cash) for r in rows] == [
        (DAILY, dec("0.2"), dec(0)),
        (CALL, dec("-0.3"), dec(0)),
    ]
    # Asked from the daily's own expiry on, inclusive, and from just after it.
    since = rows[0].timestamp
    assert exchange.settlements("BTC", since_ms=since) == rows
    assert exchange.settlements("BTC", since_ms=since + 1) == rows[1:]
    assert exchange.settlements("ETH") == ()


def test_time_that_passes_an_expiry_within_a_step_settles_it_then() -> None:
    exchange = an_exchange(
        StepMarket(a_view(), a_view(hours(120), {}, index=INDEX), delivery={"BTC": "100000"})
    )
    sell(exchange, "0.3", instrument_name=DAILY, price=dec("0.0075"))
    exchange.pass_time(47.5 * 3600 - 1)
    assert len(exchange.positions()) == 1
    exchange.pass_time(1)
    assert exchange.positions() == ()
    assert exchange.settlements("BTC")[0].timestamp == to_ms(exchange.now)
