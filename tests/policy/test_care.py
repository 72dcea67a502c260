"""Care closes what a short list of limits forces, the most urgent first, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from builders import (
    CALL_9JAN_105,
    a_candidate,
    a_coin_account,
    a_short_call,
    an_intent,
)
from callwright.domain.account import RestingOrder

NEAR = "BTC-9JAN26-102000-C"
FAR = CALL_9JAN_105
ETH = "ETH-9JAN26-4200-C"


def closed(desk: Any) -> Any:
    proposal = desk.forced_close()
    return proposal and proposal.params.symbol


def a_resting_sell(amount: Any) -> Any:
    return RestingOrder(
        order_id="1",
        label="",
        instrument_name=FAR,
        side="sell",
        amount_coin=D(amount),
        filled_coin=D(0),
        price_coin=D("0.01"),
        reduce_only=False,
    )


def test_a_healthy_book_is_left_alone(a_desk: Any) -> None:
    assert a_desk(shorts=[a_short_call()], candidates=[a_candidate()]).forced_close() is None
    assert a_desk().forced_close() is None


@pytest.mark.parametrize(
    ("balance", "reserved", "reserve", "is_closed"),
    [
        pytest.param("0.5", "0", "0", False, id="cover-equal-to-the-shorts-is-enough"),
        pytest.param("0.4999", "0", "0", True, id="just-under-is-lost"),
        pytest.param("0.6", "0.1001", "0", True, id="reserved-cash-does-not-cover"),
        pytest.param("0.6", "0", "0.1001", True, id="nor-does-our-own-reserve"),
        pytest.param("0.7", "0.1", "0.1", False, id="both-reserves-at-the-limit"),
        pytest.param("-1", "0", "0", True, id="negative-cash"),
    ],
)
def test_cover_lost(a_desk: Any, balance: Any, reserved: Any, reserve: Any, is_closed: Any) -> None:
    desk = a_desk(
        shorts=[a_short_call(FAR, "0.5")],
        btc=a_coin_account("BTC", balance, reserved_coin=D(reserved), margin_balance_coin=D(1)),
        limit={"cover_reserve_coin": {"BTC": D(reserve)}},
    )
    assert (closed(desk) == FAR) is is_closed


def test_cover_lost_states_its_numbers(a_desk: Any) -> None:
    # 0.5 short on 0.45: the calls exceed the cover by 0.05.
    reasoning = a_desk(shorts=[a_short_call(FAR, "0.5")], btc="0.45").forced_close().reasoning
    assert reasoning == (
        "Cover lost: short BTC calls exceed the cover by 0.0500 BTC. "
        f"Close {FAR}: delta 0.220, 0.5 BTC short, ask 0.006 BTC."
    )


def test_orders_that_have_not_filled_force_no_close(a_desk: Any) -> None:
    desk = a_desk(
        shorts=[a_short_call(FAR, "0.5")],
        btc="0.5",
        account={"resting_orders": [a_resting_sell("0.2")]},
        snapshot={"unresolved": (an_intent(),)},
    )
    assert desk.forced_close() is None


def test_the_highest_delta_is_closed_first_then_expiry_then_name(a_desk: Any) -> None:
    far, near = a_short_call(FAR, "0.3", delta=0.2), a_short_call(NEAR, "0.3", delta=0.4)
    assert closed(a_desk(shorts=[far, near], btc="0.5")) == NEAR
    assert closed(a_desk(shorts=[near, far], btc="0.5")) == NEAR
    tied = [
        a_short_call("BTC-16JAN26-106000-C", "0.3"),
        a_short_call(FAR, "0.3"),
        a_short_call("BTC-9JAN26-104000-C", "0.3"),
    ]
    assert closed(a_desk(shorts=tied, btc="0.5")) == "BTC-9JAN26-104000-C"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ask_coin": None}, id="no-offer"),
        pytest.param({"ask_amount_coin": D("0.05")}, id="less-than-the-minimum-on-offer"),
        pytest.param({"dte_days": 0.0}, id="expired"),
        pytest.param({"dte_days": -0.1}, id="long-expired"),
    ],
)
def test_a_short_that_cannot_be_bought_back_is_passed_over(a_desk: Any, changes: Any) -> None:
    stuck = a_short_call(NEAR, "0.3", delta=0.4, **changes)
    assert a_desk(shorts=[stuck], btc="0.1").forced_close() is None
    assert closed(a_desk(shorts=[stuck, a_short_call(FAR, "0.3")], btc="0.1")) == FAR


@pytest.mark.parametrize(
    ("maintenance", "margin_balance", "is_closed"),
    [
        pytest.param("0.6999", "1", False, id="just-under"),
        pytest.param("0.7", "1", True, id="at-the-limit"),
        pytest.param("0.8", "1", True, id="over"),
        pytest.param("0.01", "0", True, id="nothing-left"),
        pytest.param("0.01", "-1", True, id="below-nothing"),
    ],
)
def test_maintenance_margin(
    a_desk: Any, maintenance: Any, margin_balance: Any, is_closed: Any
) -> None:
    desk = a_desk(
        shorts=[a_short_call(FAR, "0.5")],
        btc=a_coin_account(
            "BTC",
            1,
            maintenance_margin_coin=D(maintenance),
            margin_balance_coin=D(margin_balance),
        ),
    )
    assert (closed(desk) == FAR) is is_closed


def test_maintenance_margin_states_its_numbers(a_desk: Any) -> None:
    account = a_coin_account("BTC", 1, maintenance_margin_coin=D("0.72"))
    reasoning = a_desk(shorts=[a_short_call()], btc=account).forced_close().reasoning
    assert reasoning.startswith(
        "Maintenance margin 0.7200 BTC of margin balance 1.0000 BTC is at or above 70.0%."
    )


@pytest.mark.parametrize(
    ("dte_days", "delta", "is_closed"),
    [
        pytest.param(0.25, 0.60, True, id="six-hours-and-the-delta-itself"),
        pytest.param(0.2501, 0.90, False, id="just-over-six-hours"),
        pytest.param(0.25, 0.5999, False, id="just-under-the-delta"),
        pytest.param(0.01, 1.0, True, id="minutes-left-deep-in-the-money"),
        pytest.param(0.0, 1.0, False, id="expired-settles-by-itself"),
    ],
)
def test_expiry_day(a_desk: Any, dte_days: Any, delta: Any, is_closed: Any) -> None:
    desk = a_desk(shorts=[a_short_call(dte_days=dte_days, delta=delta)])
    assert (closed(desk) == FAR) is is_closed


def test_expiry_day_states_its_numbers(a_desk: Any) -> None:
    short = a_short_call(dte_days=0.125, delta=0.655)
    assert a_desk(shorts=[short]).forced_close().reasoning == (
        "Expiry day: 3.00 h left (limit 6 h) with a delta of 0.655 >= 0.600. "
        f"Close {FAR}: delta 0.655, 0.1 BTC short, ask 0.006 BTC."
    )


def test_lost_cover_comes_before_margin_and_margin_before_expiry_day(a_desk: Any) -> None:
    expiring = a_short_call(NEAR, "0.1", dte_days=0.1, delta=0.9)
    eth = a_short_call(ETH, 8, delta=0.1)
    lost = a_coin_account("ETH", 7)
    strained = a_coin_account("ETH", 10, maintenance_margin_coin=D(8))
    assert closed(a_desk(shorts=[expiring, eth], eth=lost)) == ETH
    assert closed(a_desk(shorts=[expiring, eth], eth=strained)) == ETH
    assert closed(a_desk(shorts=[expiring, eth])) == NEAR

    btc_strained = a_coin_account("BTC", 1, maintenance_margin_coin=D("0.9"))
    assert closed(a_desk(shorts=[expiring, eth], btc=btc_strained, eth=lost)) == ETH


@pytest.mark.parametrize("field", ["delta", "dte_days"])
def test_an_unknown_number_forces_no_expiry_close(a_desk: Any, field: Any) -> None:
    # The models refuse NaN; a copy that slipped past them still closes nothing by accident.
    short = a_short_call(dte_days=0.1, delta=0.9).model_copy(update={field: float("nan")})
    assert a_desk(shorts=[short]).forced_close() is None


def test_without_account_or_terms_nothing_is_forced(a_desk: Any) -> None:
    desk = a_desk(shorts=[a_short_call(FAR, "0.5")], btc="0.1", snapshot={"specs": {}})
    assert desk.forced_close() is None
    assert without_coins(a_desk(shorts=[a_short_call(FAR, "0.5")])).forced_close() is None
    expiring = a_short_call(dte_days=0.1, delta=0.9)
    assert closed(without_coins(a_desk(shorts=[expiring]))) == FAR


def without_coins(desk: Any) -> Any:
    account = desk.snapshot.account.model_copy(update={"coins": {}})
    return replace(desk, snapshot=replace(desk.snapshot, account=account))


def test_the_close_reaches_a_size(a_desk: Any) -> None:
    desk = a_desk(shorts=[a_short_call(FAR, "0.5")], btc="0.45")
    assert desk.size(desk.forced_close()).buy_coin == D("0.5")


def test_time_enters_through_the_scan_only(a_desk: Any) -> None:
    desk = a_desk(shorts=[a_short_call(dte_days=0.1, delta=0.9)])
    later = a_desk(
        shorts=[a_short_call(dte_days=0.1, delta=0.9)],
        snapshot={"local_time": desk.snapshot.local_time + timedelta(days=9)},
    )
    assert desk.forced_close() == later.forced_close()
