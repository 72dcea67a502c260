"""Standard margin by hand: 0.15 less the distance out of the money, 0.10 or more, plus the mark."""

from __future__ import annotations

from typing import Any

import pytest

from builders import dec
from callwright.domain.instrument import parse_option_name
from callwright.paper.margin import order_reserve, short_margin
from paper_exchange.steps import CALL, an_exchange, buy, sell


@pytest.mark.parametrize(
    ("strike", "kind", "mark", "initial", "maintenance"),
    [
        # Forward 100,000 throughout.
        pytest.param("90000", "C", "0.11", "0.26", "0.185", id="call-itm-has-no-distance"),
        pytest.param("100000", "C", "0.02", "0.17", "0.095", id="call-at-the-money"),
        pytest.param("102000", "C", "0.012", "0.142", "0.087", id="call-2pct-out"),
        pytest.param(
            "105000", "C", "0.006", "0.106", "0.081", id="call-5pct-out-reaches-the-floor"
        ),
        pytest.param("150000", "C", "0.0001", "0.1001", "0.0751", id="call-deep-out-stays-there"),
        pytest.param("97000", "P", "0.01", "0.13", "0.085", id="put-3pct-out"),
        pytest.param("80000", "P", "0.001", "0.101", "0.076", id="put-deep-out"),
        # Maintenance 0.075 x 3 + 3 = 3.225 exceeds 0.15 + 3.
        pytest.param("400000", "P", "3", "3.225", "3.225", id="put-deep-in-is-held-up"),
    ],
)
def test_short_margin_per_coin(
    strike: Any, kind: Any, mark: Any, initial: Any, maintenance: Any
) -> None:
    option = parse_option_name(f"BTC-9JAN26-{strike}-{kind}")
    margin = short_margin(option, mark_coin=dec(mark), forward_usd=dec("100000"))
    assert margin == (dec(initial), dec(maintenance))


@pytest.mark.parametrize(
    ("position", "sells", "buys", "reserve"),
    [
        pytest.param("0", "1", [], "0.1", id="a-sell-reserves-initial-margin"),
        pytest.param("0.4", "1", [], "0.06", id="a-long-covers-its-part"),
        pytest.param("2", "1", [], "0", id="selling-a-long-needs-nothing"),
        pytest.param("0", "0", [("0.02", "1")], "0.02", id="a-buy-reserves-its-cost"),
        pytest.param("-1", "0", [("0.02", "1")], "0", id="a-buy-back-frees-more-than-it-costs"),
        # 1 x 0.25 less 1 x 0.1.
        pytest.param("-1", "0", [("0.25", "1")], "0.15", id="a-dear-buy-back-reserves-the-rest"),
        # The dearer one uses the short: 0.5 x 0.25 - 0.5 x 0.1 = 0.075; the other costs 0.01.
        pytest.param(
            "-0.5", "0", [("0.02", "0.5"), ("0.25", "0.5")], "0.085", id="a-short-is-used-once"
        ),
    ],
)
def test_order_reserve(position: Any, sells: Any, buys: Any, reserve: Any) -> None:
    found = order_reserve(
        position=dec(position),
        sells=dec(sells),
        buys=[(dec(cost), dec(amount)) for cost, amount in buys],
        initial_per_coin=dec("0.1"),
    )
    assert found == dec(reserve)


def test_account_of_a_short_call() -> None:
    exchange = an_exchange()
    sell(exchange, "0.5")
    funds = exchange.account()["BTC"]
    # Premium 0.5 x 0.0055 = 0.00275, fee 0.5 x 0.0003 = 0.00015.
    assert funds.balance == funds.margin_balance == dec("1.0026")
    # 6% out of the money: 0.10 + 0.006 a coin.
    assert funds.initial_margin == dec("0.053")
    assert funds.maintenance_margin == dec("0.0405")
    assert funds.options_value == dec("-0.003")
    assert funds.equity == dec("0.9996")
    assert funds.available_funds == dec("0.9496")
    (position,) = exchange.positions()
    assert (position.size, position.average_price, position.mark_price) == (
        dec("-0.5"),
        dec("0.0055"),
        dec("0.006"),
    )
    assert (position.initial_margin, position.maintenance_margin) == (dec("0.053"), dec("0.0405"))


def test_a_long_needs_no_margin_and_counts_in_equity() -> None:
    exchange = an_exchange()
    buy(exchange, "0.5")
    funds = exchange.account()["BTC"]
    # Cost 0.5 x 0.0065 = 0.00325 and fee 0.00015.
    assert funds.balance == dec("0.9966")
    assert funds.initial_margin == funds.maintenance_margin == 0
    assert funds.options_value == dec("0.003")


def test_get_margins_states_the_formula_and_the_band() -> None:
    quote = an_exchange().margins(CALL, dec("2"), dec("0.006"))
    assert quote.sell == dec("0.212")
    assert quote.buy == dec("0.0126")
    # Mark 0.006 +- 0.01, not below one tick, rounded up to the tick of 0.0005.
    assert (quote.min_price, quote.max_price) == (dec("0.0001"), dec("0.016"))
