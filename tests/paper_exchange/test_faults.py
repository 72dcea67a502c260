"""Fault switches: what each one does to the books and to the caller."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builders import NOW, dec
from callwright.paper.faults import (
    ConnectionFailed,
    FaultPlan,
    ReplyLost,
    RequestTimedOut,
    ServerFailed,
)
from callwright.paper.refusals import ExchangeError
from callwright.paper.store import PaperStore
from paper_exchange.steps import (
    CALL,
    a_ticket,
    an_exchange,
    buy,
    holdings,
    hours,
    sell,
    steady,
)


@pytest.mark.parametrize(
    ("kind", "error", "accepted"),
    [
        pytest.param("unavailable", ConnectionFailed, False, id="unavailable"),
        pytest.param("rate_limit", ExchangeError, False, id="rate-limit"),
        pytest.param("reject", ExchangeError, False, id="reject"),
        pytest.param("timeout_before", RequestTimedOut, False, id="timeout-before"),
        pytest.param("lose_reply", ReplyLost, True, id="lose-reply"),
        pytest.param("error_after", ServerFailed, True, id="error-after"),
    ],
)
def test_what_fails_and_what_was_accepted_all_the_same_also_after_a_restart(
    tmp_path: Path, kind: Any, error: Any, accepted: Any
) -> None:
    plan = FaultPlan()
    plan.arm(kind, "sell")
    exchange = an_exchange(store=PaperStore(tmp_path / "a.db"), faults=plan)
    with pytest.raises(error):
        sell(exchange, "0.5")
    expected = {CALL: dec("-0.5")} if accepted else {}
    assert holdings(exchange) == expected
    assert len(exchange.orders_by_label("BTC", "cw-test-0")) == accepted
    funds = exchange.account()
    exchange.close()

    again = an_exchange(store=PaperStore(tmp_path / "a.db"), faults=plan)
    assert holdings(again) == expected
    assert again.account() == funds
    # The fault was armed for one call.
    assert sell(again, "0.1").order_state == "filled"
    again.close()


def test_a_fault_concerns_its_method_and_its_number_of_calls() -> None:
    plan = FaultPlan()
    plan.arm("unavailable", "account", "time", times=2)
    exchange = an_exchange(faults=plan)
    exchange.positions()
    for _ in range(2):
        with pytest.raises(ConnectionFailed):
            exchange.account()
    exchange.account()
    with pytest.raises(ConnectionFailed):
        exchange.time()


def test_reject_carries_its_code() -> None:
    plan = FaultPlan()
    plan.arm("reject", "cancel", code=10047)
    with pytest.raises(ExchangeError, match="10047 matching_engine_queue_full"):
        an_exchange(faults=plan).cancel("BTC-1")


def test_partial_fill_fills_the_given_part_in_whole_lots() -> None:
    plan = FaultPlan()
    plan.arm("partial_fill", "sell", fraction=0.5, times=2)
    exchange = an_exchange(faults=plan)
    cancelled = sell(exchange, "0.5")
    assert (cancelled.order_state, cancelled.filled_amount) == ("cancelled", dec("0.2"))
    resting = sell(exchange, "0.5", time_in_force="good_til_cancelled")
    assert (resting.order_state, resting.filled_amount) == ("open", dec("0.2"))
    assert sell(exchange, "0.5").order_state == "filled"


def test_a_hidden_order_appears_in_look_ups_after_its_time() -> None:
    plan = FaultPlan()
    plan.arm("hide_order", "sell", seconds=20)
    exchange = an_exchange(faults=plan)
    order = sell(exchange, "0.5")
    assert order.order_state == "filled"
    assert exchange.orders_by_label("BTC", "cw-test-0") == exchange.trades("BTC") == ()  # type: ignore[comparison-overlap]
    # The books themselves are true.
    assert holdings(exchange) == {CALL: dec("-0.5")}
    exchange.pass_time(19.999)
    assert exchange.orders_by_label("BTC", "cw-test-0") == exchange.trades("BTC") == ()  # type: ignore[comparison-overlap]
    exchange.pass_time(0.001)
    assert exchange.orders_by_label("BTC", "cw-test-0") == (order,)
    assert len(exchange.trades("BTC")) == 1


def test_a_lost_reply_and_a_hidden_order_come_together_and_survive_a_restart(
    tmp_path: Path,
) -> None:
    plan = FaultPlan()
    plan.arm("lose_reply", "sell")
    plan.arm("hide_order", "sell", seconds=20)
    exchange = an_exchange(store=PaperStore(tmp_path / "a.db"), faults=plan)
    with pytest.raises(ReplyLost):
        sell(exchange, "0.5")
    exchange.close()
    again = an_exchange(store=PaperStore(tmp_path / "a.db"), faults=plan)
    assert again.orders_by_label("BTC", "cw-test-0") == ()
    again.pass_time(20)
    assert len(again.orders_by_label("BTC", "cw-test-0")) == 1
    again.close()


def test_a_call_that_is_stopped_leaves_other_faults_for_the_next() -> None:
    plan = FaultPlan()
    plan.arm("lose_reply", "buy")
    plan.arm("rate_limit", "buy")
    exchange = an_exchange(faults=plan)
    with pytest.raises(ExchangeError, match="10028"):
        buy(exchange)
    with pytest.raises(ReplyLost):
        buy(exchange)
    assert buy(exchange).order_state == "filled"


def test_a_stale_feed_freezes_what_is_shown_while_the_clock_goes_on() -> None:
    plan = FaultPlan()
    exchange = an_exchange(steady(), faults=plan)
    assert exchange.market().as_of == NOW
    plan.arm("stale_feed", "market", times=2)
    exchange.advance()
    assert (exchange.market().as_of, exchange.now) == (NOW, hours(1))
    exchange.advance()
    assert (exchange.market().as_of, exchange.now) == (NOW, hours(2))
    assert exchange.market().as_of == hours(2)


def test_clear_disarms_and_unhides() -> None:
    plan = FaultPlan()
    plan.arm("hide_order", "sell")
    exchange = an_exchange(faults=plan)
    sell(exchange)
    plan.arm("unavailable", "trades")
    plan.clear()
    assert len(exchange.trades("BTC")) == 1


@pytest.mark.parametrize(
    ("kind", "methods", "times"),
    [
        pytest.param("explode", ("sell",), 1, id="unknown-kind"),
        pytest.param("lose_reply", ("private/sell",), 1, id="unknown-method"),
        pytest.param("lose_reply", (), 1, id="no-method"),
        pytest.param("lose_reply", ("sell",), 0, id="never"),
        pytest.param("partial_fill", ("cancel",), 1, id="a-cancel-does-not-fill"),
        pytest.param("stale_feed", ("sell",), 1, id="a-sell-has-no-feed"),
    ],
)
def test_a_fault_that_would_do_nothing_is_refused(kind: Any, methods: Any, times: Any) -> None:
    with pytest.raises(ValueError, match=r"no such fault|does not concern"):
        FaultPlan().arm(kind, *methods, times=times)


def test_a_refused_order_is_refused_whatever_is_armed_for_its_reply() -> None:
    plan = FaultPlan()
    plan.arm("lose_reply", "sell")
    exchange = an_exchange(faults=plan)
    with pytest.raises(ExchangeError, match="10002"):
        exchange.place(a_ticket(amount=dec("0.01")))
