from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from builders import CALL_9JAN_105, NOW, a_snapshot, an_intent, dec
from callwright.domain.account import RestingOrder
from callwright.domain.desk import TradingState
from callwright.domain.orders import IntentStatus, Purpose
from callwright.errors import VenueUnavailable
from callwright.execution.planner import Plan

X = CALL_9JAN_105


def start(desk: Any) -> Any:
    return asyncio.run(desk.reconciler.at_start())


def cycle(desk: Any) -> Any:
    return asyncio.run(desk.reconciler.each_cycle(desk.venue.account_now()))


def send(desk: Any, *legs: Any) -> Any:
    plan = Plan(legs=legs, snapshot=a_snapshot(), limits=desk.limits)
    return asyncio.run(desk.submit(plan))


def kinds(report: Any) -> Any:
    return [update.kind for update in report.updates]


def codes(report: Any) -> Any:
    return [finding.code for finding in report.findings]


def assert_books_agree(desk: Any) -> None:
    assert desk.ledger.positions() == desk.venue.held


def test_a_new_desk_on_an_empty_account_finds_nothing(desk: Any) -> None:
    report = start(desk)
    assert (report.updates, report.findings, report.reducing) == ((), (), False)
    assert desk.venue.now_at == NOW, "and waits for nothing"


def test_an_order_is_told_from_fill_to_settlement_with_its_cycle(desk: Any) -> None:
    start(desk)
    send(desk, an_intent())
    report = cycle(desk)
    (fill,) = report.updates
    assert (fill.kind, fill.symbol) == ("fill", X)
    assert fill.cycle_id == "test-20260105T083000.000Z"
    # Sold 0.1 at 0.005: premium 0.0005, fee 0.00003.
    assert (fill.facts["fee"], fill.facts["cash"]) == (0.00003, 0.00047)
    assert (fill.facts["purpose"], fill.facts["side"]) == ("open", "sell")
    assert_books_agree(desk)
    desk.venue.now_at = NOW + timedelta(days=4)
    desk.venue.deliver(X)
    report = cycle(desk)
    (settled,) = report.updates
    assert (settled.kind, settled.cycle_id) == ("settlement", "test-20260105T083000.000Z")
    assert settled.facts["delivery_price_source"] == "twap_30m"
    assert settled.facts["captured_premium"] == 0.00047
    assert_books_agree(desk)
    assert cycle(desk).updates == ()


def test_a_buy_back_tells_what_was_captured(desk: Any) -> None:
    start(desk)
    send(desk, an_intent())
    cycle(desk)
    send(desk, an_intent(label="cw-test-1", side="buy", purpose=Purpose.CLOSE, reduce_only=True))
    (bought,) = cycle(desk).updates
    # Sold and bought at 0.005: only two fees of 0.00003 are left.
    assert bought.facts["captured_premium"] == -0.00006


def test_a_quiet_cycle_asks_the_venue_for_nothing(desk: Any) -> None:
    start(desk)
    send(desk, an_intent())
    cycle(desk)
    desk.venue.calls.clear()
    for _ in range(3):
        assert cycle(desk).updates == ()
    assert desk.venue.calls == []


def test_history_is_asked_again_once_a_delivery_time_has_passed(desk: Any) -> None:
    # Filled and settled between two cycles: both positions are flat before and after.
    start(desk)
    send(desk, an_intent())
    desk.venue.now_at = NOW + timedelta(days=4)
    desk.venue.deliver(X)
    assert desk.venue.held == {}
    assert kinds(cycle(desk)) == ["fill", "settlement"]


def test_an_update_is_told_again_when_no_record_told_it(desk: Any) -> None:
    start(desk)
    send(desk, an_intent())
    assert kinds(cycle(desk)) == ["fill"]
    assert kinds(cycle(desk)) == [], "this process told it"
    desk.restart()  # killed before the record was written
    assert kinds(start(desk)) == ["fill"]
    assert_books_agree(desk)


@pytest.mark.parametrize(
    ("hidden_s", "status"),
    [(0, IntentStatus.FILLED), (25, IntentStatus.FILLED), (None, IntentStatus.EXPIRED)],
)
def test_start_waits_for_an_unknown_order_until_it_is_found_or_expired(
    desk: Any, hidden_s: Any, status: Any
) -> None:
    start(desk)
    fault = "timeout_before" if hidden_s is None else "lose_reply"
    desk.venue.faults = [fault]
    desk.venue.hidden_until = NOW + timedelta(seconds=(hidden_s or 0) + 1)
    send(desk, an_intent())
    assert desk.intents.get("cw-test-0").status is IntentStatus.UNKNOWN
    desk.restart()
    report = start(desk)
    assert desk.intents.get("cw-test-0").status is status
    assert report.unresolved == ()
    expected = ["resolved"] if hidden_s is None else ["resolved", "fill"]
    assert kinds(report) == expected
    assert not report.reducing
    assert len(desk.venue.posts) == 1
    assert_books_agree(desk)


def test_start_is_bounded_when_look_ups_fail_and_the_intent_stays_unresolved(desk: Any) -> None:
    start(desk)
    desk.venue.faults = ["timeout_before"]
    send(desk, an_intent())
    desk.venue.failing = {"orders_by_label"}
    report = start(desk)
    assert [i.label for i in report.unresolved] == ["cw-test-0"]
    waited = (desk.venue.now_at - NOW).total_seconds()
    assert waited == 60, "one look for valid_until, then twice the three that are needed"
    assert not report.reducing


@pytest.mark.parametrize("method", ["account", "fills", "settlements"])
def test_a_venue_that_cannot_be_read_raises_and_changes_nothing(desk: Any, method: Any) -> None:
    start(desk)
    desk.venue.fill("mine", X, "sell", dec("0.1"))
    desk.restart()
    desk.venue.failing = {method}
    with pytest.raises(VenueUnavailable):
        start(desk)
    assert desk.state.trading_state() is TradingState.ACTIVE
    desk.venue.failing = set()
    report = start(desk)
    assert not report.reducing
    assert_books_agree(desk)


def test_positions_that_were_there_before_us_are_adopted_quietly(desk: Any) -> None:
    desk.venue.held = {X: dec("-0.3"), "BTC-PERPETUAL": dec(2)}
    report = start(desk)
    assert codes(report) == ["RECONCILE_POSITION_ADOPTED"] * 2
    assert not report.reducing
    assert_books_agree(desk)
    assert start(desk).findings == ()


def test_a_foreign_trade_is_booked_and_reported(desk: Any) -> None:
    start(desk)
    desk.venue.fill("by-hand", X, "sell", dec("0.2"))
    report = cycle(desk)
    assert kinds(report) == ["foreign"]
    assert codes(report) == ["RECONCILE_FOREIGN_TRADE"]
    assert desk.state.trading_state() is TradingState.ACTIVE
    assert_books_agree(desk)


def test_a_foreign_resting_order_is_reported_once(desk: Any) -> None:
    start(desk)
    desk.venue.resting = [
        RestingOrder(
            order_id="7",
            label="by-hand",
            instrument_name=X,
            side="sell",
            amount_coin=dec(1),
            filled_coin=dec(0),
            price_coin=dec("0.1"),
            reduce_only=False,
        )
    ]
    assert kinds(cycle(desk)) == ["foreign"]
    assert kinds(cycle(desk)) == []
    assert desk.state.trading_state() is TradingState.ACTIVE


def test_an_unexplained_position_means_reducing_until_resumed(desk: Any) -> None:
    start(desk)
    send(desk, an_intent())
    cycle(desk)
    desk.venue.held[X] -= dec("0.2")
    report = cycle(desk)
    assert report.reducing
    assert "RECONCILE_POSITION_UNEXPLAINED" in report.message
    assert report.account.as_of > NOW, "it was looked at again before anyone is woken"
    state = desk.state.read(NOW)
    assert state.trading_state is TradingState.REDUCING
    assert "callwright resume" in state.trading_state_reason
    assert_books_agree(desk)
    desk.state.set_trading_state(TradingState.ACTIVE, by="op", reason="seen", at=NOW)
    desk.restart()
    assert not start(desk).reducing
    assert desk.state.trading_state() is TradingState.ACTIVE


def test_a_halted_desk_is_not_loosened_to_reducing(desk: Any) -> None:
    start(desk)
    send(desk, an_intent())
    cycle(desk)
    desk.state.set_trading_state(TradingState.HALTED, by="op", reason="r", at=NOW)
    desk.venue.held[X] -= dec("0.2")
    assert cycle(desk).reducing
    assert desk.state.trading_state() is TradingState.HALTED


def test_trades_that_show_later_than_the_position_wake_nobody(desk: Any) -> None:
    start(desk)
    desk.venue.hidden_until = NOW + timedelta(seconds=15)
    send(desk, an_intent())
    report = cycle(desk)
    assert kinds(report) == ["fill"]
    assert not report.reducing
    assert_books_agree(desk)


def test_a_lost_database_is_noticed_by_our_own_labels(desk: Any) -> None:
    start(desk)
    send(desk, an_intent())
    cycle(desk)
    desk.lose_database()
    report = start(desk)
    assert codes(report) == ["RECONCILE_ORDER_WITHOUT_INTENT"]
    assert "desk.db was lost" in report.message
    assert desk.state.trading_state() is TradingState.REDUCING
    assert_books_agree(desk)


def test_an_order_that_fills_after_it_expired_is_told_and_revives_its_intent(desk: Any) -> None:
    start(desk)
    desk.venue.faults = ["lose_reply"]
    desk.venue.hidden_until = NOW + timedelta(days=1)
    desk.venue.fill_frac = dec(0)  # Nobody sees it, not even in the position.
    send(desk, an_intent())
    desk.venue.orders.clear()
    start(desk)
    assert desk.intents.get("cw-test-0").status is IntentStatus.EXPIRED
    desk.venue.fill_frac = dec(1)
    desk.venue.hidden_until = NOW
    desk.venue.fill("cw-test-0", X, "sell", dec("0.1"))
    report = cycle(desk)
    assert codes(report) == ["RECONCILE_LATE_ORDER"]
    assert report.reducing
    assert desk.intents.get("cw-test-0").status is IntentStatus.FILLED


def test_an_unknown_order_is_looked_up_once_a_cycle_without_waiting(desk: Any) -> None:
    start(desk)
    desk.venue.faults = ["lose_reply"]
    desk.venue.hidden_until = NOW + timedelta(seconds=20)
    send(desk, an_intent())
    report = cycle(desk)
    assert (kinds(report), len(report.unresolved)) == ([], 1)
    assert desk.venue.now_at == NOW
    assert not report.reducing, "the open order explains the position"
    desk.venue.now_at = NOW + timedelta(seconds=20)
    assert kinds(cycle(desk)) == ["resolved", "fill"]
    assert_books_agree(desk)
