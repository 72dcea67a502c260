from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Never

import pytest

from builders import CALL_9JAN_105, NOW, a_snapshot, an_account, an_intent, dec
from callwright.domain.desk import TradingState
from callwright.domain.orders import IntentStatus, Purpose
from callwright.errors import StorageError
from callwright.execution.outcome import execution_status, order_record
from callwright.execution.planner import Plan

OTHER = "BTC-16JAN26-110000-C"
OPEN = an_intent(label="cw-a-0")
CLOSE = an_intent(label="cw-c-0", side="buy", purpose=Purpose.CLOSE, reduce_only=True)
ROLL_BUY = an_intent(label="cw-r-0", side="buy", purpose=Purpose.ROLL_BUY, reduce_only=True)
ROLL_SELL = an_intent(OTHER, label="cw-r-1", leg=1, purpose=Purpose.ROLL_SELL)


def send(desk: Any, *legs: Any, amount: Any = "0.1") -> Any:
    legs = tuple(leg.model_copy(update={"amount_coin": dec(amount)}) for leg in legs)
    snapshot = a_snapshot(account=an_account())
    return asyncio.run(desk.submit(Plan(legs=legs, snapshot=snapshot, limits=desk.limits)))


def test_a_filled_order_is_final_in_the_ledger_with_its_fee(desk: Any) -> None:
    (left,) = send(desk, OPEN)
    assert left.status is IntentStatus.FILLED
    assert (left.filled_coin, left.order_id) == (dec("0.1"), "BTC-1")
    # 0.0003 a coin times 0.1.
    assert left.fee_coin == dec("0.00003")
    assert desk.intents.get("cw-a-0") == left
    assert desk.intents.unresolved() == ()
    assert execution_status([left]) == "filled"
    assert order_record(left).fee == 0.00003


def test_a_fee_in_the_answer_is_taken_from_it(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = desk.venue.place

    async def place_and_say_the_fee(order: Any) -> Any:
        return (await place(order)).model_copy(update={"fee_coin": dec("0.00004")})

    monkeypatch.setattr(desk.venue, "place", place_and_say_the_fee)
    (left,) = send(desk, OPEN)
    assert left.fee_coin == dec("0.00004")
    assert desk.intents.get("cw-a-0") == left
    assert "fills" not in desk.venue.calls


@pytest.mark.parametrize(
    ("fault", "status", "posts", "says"),
    [
        pytest.param("lose_reply", IntentStatus.FILLED, 1, "", id="accepted-then-reply-lost"),
        pytest.param("timeout_before", IntentStatus.UNKNOWN, 1, "", id="never-arrived-unknown"),
        pytest.param("rate_limit", IntentStatus.CANCELLED, 1, "NOT_SENT", id="rate-limited"),
        pytest.param("reject", IntentStatus.REJECTED, 1, "10009", id="rejected"),
    ],
)
def test_each_fault_has_one_post_and_one_outcome(
    desk: Any, fault: Any, status: Any, posts: Any, says: Any
) -> None:
    desk.venue.faults = [fault]
    (left,) = send(desk, OPEN)
    assert left.status is status
    assert len(desk.venue.posts) == posts
    assert says in left.message
    assert desk.intents.get("cw-a-0") == left
    assert len(desk.intents.unresolved()) == (status is IntentStatus.UNKNOWN)


def test_an_intent_is_durable_before_the_post(desk: Any) -> None:
    seen = []
    place = desk.venue.place

    async def look_then_place(order: Any) -> Any:
        seen.append(desk.intents.get(order.label).status)
        return await place(order)

    desk.venue.place = look_then_place
    send(desk, OPEN)
    assert seen == [IntentStatus.PENDING]


def test_nothing_is_posted_when_the_intent_cannot_be_written(desk: Any) -> None:
    desk.db.rows("PRAGMA query_only = ON")
    with pytest.raises(StorageError):
        send(desk, OPEN)
    assert desk.venue.posts == []


def test_the_same_plan_is_never_posted_twice(desk: Any) -> None:
    desk.venue.faults = ["timeout_before"]
    send(desk, OPEN)
    with pytest.raises(StorageError, match="never sent twice"):
        send(desk, OPEN)
    assert len(desk.venue.posts) == 1


def test_a_process_killed_after_the_post_leaves_a_pending_intent(desk: Any) -> None:
    async def killed(order: Any) -> Never:
        raise KeyboardInterrupt

    desk.venue.place = killed
    with pytest.raises(KeyboardInterrupt):
        send(desk, OPEN)
    assert desk.intents.get("cw-a-0").status is IntentStatus.PENDING


@pytest.mark.parametrize(
    ("state", "leg", "sent"),
    [
        (TradingState.ACTIVE, OPEN, True),
        (TradingState.REDUCING, OPEN, False),
        (TradingState.REDUCING, CLOSE, True),
        (TradingState.HALTED, OPEN, False),
        (TradingState.HALTED, CLOSE, False),
    ],
)
def test_the_trading_state_is_read_right_before_the_send(
    desk: Any, state: Any, leg: Any, sent: Any
) -> None:
    desk.state.set_trading_state(state, by="operator", reason="r", at=NOW)
    (left,) = send(desk, leg)
    assert len(desk.venue.posts) == sent
    if not sent:
        assert left.message == f"NOT_SENT TRADING_STATE_{state}"
        assert execution_status([left]) == "skipped"
        assert desk.intents.unresolved() == ()
        assert desk.state.read(NOW).orders_today == 0


def test_an_unreadable_trading_state_sends_nothing(desk: Any) -> None:
    desk.db.connection.execute("DROP TABLE trading_state")
    send(desk, CLOSE)
    assert desk.venue.posts == []


@pytest.mark.parametrize(("after_s", "sent"), [(10, True), (10.001, False)])
def test_an_order_whose_time_is_over_is_not_sent(desk: Any, after_s: Any, sent: Any) -> None:
    desk.venue.now_at = NOW + timedelta(seconds=after_s)
    (left,) = send(desk, OPEN)
    assert len(desk.venue.posts) == sent
    assert ("VALID_UNTIL_PASSED" in left.message) is not sent


@pytest.mark.parametrize(
    ("balance", "sent"),
    [
        pytest.param("1", "0.3", id="all"),
        pytest.param("0.2", "0.2", id="cut"),
        pytest.param("0.29", "0.2", id="floored"),
        pytest.param("0.09", None, id="none"),
    ],
)
def test_a_sale_is_cut_to_the_cover_of_this_moment(desk: Any, balance: Any, sent: Any) -> None:
    # Coin left the account between the guard and the send.
    desk.venue.balance["BTC"] = dec(balance)
    (left,) = send(desk, OPEN, amount="0.3")
    assert [post.amount_coin for post in desk.venue.posts] == ([] if sent is None else [dec(sent)])
    if sent is None:
        assert left.message == "NOT_SENT COVER_EXCEEDED"
    else:
        # Margin follows the amount: 0.01055 for the planned 0.3.
        assert left.margin_initial_coin == dec("0.01055") * dec(sent) / dec("0.3")


def test_unresolved_sells_take_cover(desk: Any) -> None:
    desk.venue.balance["BTC"] = dec("0.3")
    desk.intents.add(an_intent(label="cw-u-0", status=IntentStatus.UNKNOWN, amount_coin=dec("0.2")))
    (left,) = send(desk, OPEN, amount="0.3")
    assert left.amount_coin == dec("0.1")


def test_an_account_that_cannot_be_read_sends_no_sale(desk: Any) -> None:
    desk.venue.failing = {"account"}
    (left,) = send(desk, OPEN)
    assert desk.venue.posts == []
    assert left.message == "NOT_SENT COVER_UNKNOWN VENUE_UNAVAILABLE"
    (left,) = send(desk, CLOSE)
    assert left.status is IntentStatus.FILLED, "closing needs no cover"


class TestRoll:
    @pytest.fixture(autouse=True)
    def short(self, desk: Any) -> None:
        desk.venue.held = {CALL_9JAN_105: dec("-0.4")}
        desk.venue.balance["BTC"] = dec("0.4")

    def test_it_sells_what_cover_is_left_after_paying_for_the_buy_back(self, desk: Any) -> None:
        # Balance 0.4, short 0.4. The buy-back costs 0.4 × 0.005 + 0.00012 = 0.00212, so free cover
        # is 0.39788 and the largest whole lot is 0.3.
        buy, sell = send(desk, ROLL_BUY, ROLL_SELL, amount="0.4")
        assert (buy.status, sell.status) == (IntentStatus.FILLED, IntentStatus.FILLED)
        assert sell.amount_coin == dec("0.3")
        assert desk.venue.held == {OTHER: dec("-0.3")}
        assert execution_status([buy, sell]) == "filled"

    def test_it_sells_no_more_than_was_bought_back(self, desk: Any) -> None:
        desk.venue.balance["BTC"] = dec(1)
        desk.venue.fill_frac = dec("0.5")
        buy, sell = send(desk, ROLL_BUY, ROLL_SELL, amount="0.4")
        assert (buy.filled_coin, sell.amount_coin) == (dec("0.2"), dec("0.2"))
        assert buy.status is IntentStatus.PARTIALLY_FILLED

    @pytest.mark.parametrize("fault", ["timeout_before", "reject", "rate_limit"])
    def test_it_stops_when_nothing_was_bought_back(self, desk: Any, fault: Any) -> None:
        desk.venue.faults = [fault]
        _, sell = send(desk, ROLL_BUY, ROLL_SELL, amount="0.4")
        assert len(desk.venue.posts) == 1
        assert sell.message == "NOT_SENT FIRST_LEG_NOT_FILLED"
        assert desk.intents.get(ROLL_SELL.label) is None

    def test_it_stops_while_the_buy_back_is_unknown_even_if_part_of_it_filled(
        self, desk: Any
    ) -> None:
        desk.venue.faults = ["lose_reply"]
        desk.venue.hidden_until = NOW + timedelta(seconds=5)
        buy, _ = send(desk, ROLL_BUY, ROLL_SELL, amount="0.4")
        assert buy.status is IntentStatus.UNKNOWN
        assert len(desk.venue.posts) == 1

    def test_it_goes_on_when_a_lost_reply_is_found(self, desk: Any) -> None:
        desk.venue.faults = ["lose_reply"]
        buy, sell = send(desk, ROLL_BUY, ROLL_SELL, amount="0.4")
        assert (buy.status, sell.status) == (IntentStatus.FILLED, IntentStatus.FILLED)
        assert len(desk.venue.posts) == 2

    def test_a_halt_between_the_legs_stops_the_sale(self, desk: Any) -> None:
        place = desk.venue.place

        async def place_then_halt(order: Any) -> Any:
            placed = await place(order)
            desk.state.set_trading_state(TradingState.HALTED, by="op", reason="r", at=NOW)
            return placed

        desk.venue.place = place_then_halt
        _, sell = send(desk, ROLL_BUY, ROLL_SELL, amount="0.4")
        assert len(desk.venue.posts) == 1
        assert sell.message == "NOT_SENT TRADING_STATE_HALTED"


def test_two_orders_for_one_intent_mean_reducing(desk: Any) -> None:
    desk.venue.fill(OPEN.label, CALL_9JAN_105, "sell", dec("0.1"))
    desk.venue.faults = ["lose_reply"]
    (left,) = send(desk, OPEN)
    assert left.message.startswith("RECONCILE_DUPLICATE_LABEL")
    assert desk.state.trading_state() is TradingState.REDUCING
    assert "RECONCILE_DUPLICATE_LABEL" in desk.state.read(NOW).trading_state_reason


@pytest.mark.parametrize(
    ("statuses", "word"),
    [
        ([], "skipped"),
        (["filled"], "filled"),
        (["filled", "unknown"], "unknown"),
        (["pending"], "unknown"),
        (["filled", "rejected"], "partially_filled"),
        (["partially_filled"], "partially_filled"),
        (["rejected"], "rejected"),
        (["cancelled"], "submitted"),
        (["expired"], "submitted"),
    ],
)
def test_one_word_for_all_orders(statuses: Any, word: Any) -> None:
    filled = {"filled": dec("0.1"), "partially_filled": dec("0.05")}
    intents = [
        an_intent(status=IntentStatus(s), filled_coin=filled.get(s, dec(0))) for s in statuses
    ]
    assert execution_status(intents) == word
