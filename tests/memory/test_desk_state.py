from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import CALL_9JAN_105, NOW, an_intent, dec
from callwright.domain.desk import Breaker, BreakerName, TradingState
from callwright.domain.orders import Fill, IntentStatus, Purpose
from callwright.errors import StorageError
from callwright.memory.database import open_desk_database
from callwright.memory.desk_state import SqliteDeskStateStore
from callwright.memory.ledger import SqliteLedger

MIDNIGHT = NOW.replace(hour=0, minute=0)


def test_a_new_desk_is_active(home: Any) -> None:
    state = home.desk.read(NOW)
    assert state.trading_state is TradingState.ACTIVE
    assert state.orders_today == 0
    assert state.breakers == ()
    assert home.desk.trading_state() is TradingState.ACTIVE


def test_a_halt_by_another_process_is_seen_at_once(home: Any) -> None:
    home.desk.read(NOW)
    with open_desk_database(home.path / "desk.db", durable=False) as other:
        SqliteDeskStateStore(other).set_trading_state(
            TradingState.HALTED, by="operator", reason="storm", at=NOW
        )
        assert home.desk.trading_state() is TradingState.HALTED
        assert home.desk.read(NOW).trading_state is TradingState.HALTED
        assert home.desk.read(NOW).trading_state_reason == "operator: storm"
    again = home.reopen()
    assert again.desk.trading_state() is TradingState.HALTED
    again.close()


def drop_the_table(home: Any) -> None:
    home.db.connection.execute("DROP TABLE trading_state")


def delete_the_rows(home: Any) -> None:
    home.db.connection.execute("DELETE FROM trading_state")


def write_garbage(home: Any) -> None:
    home.db.connection.execute("PRAGMA ignore_check_constraints = ON")
    home.db.connection.execute("UPDATE trading_state SET state = 'ACTIVATED'")


def drop_the_intents(home: Any) -> None:
    home.db.connection.execute("DROP TABLE intents")


def spoil_a_breaker(home: Any) -> None:
    home.db.connection.execute("INSERT INTO breakers VALUES ('NO_SUCH', '', 'x', NULL, '')")


def forget_the_failures(home: Any) -> None:
    home.db.connection.execute("DELETE FROM failure_run")


def close_the_file(home: Any) -> None:
    home.db.close()


@pytest.mark.parametrize(
    "spoil",
    [
        drop_the_table,
        delete_the_rows,
        write_garbage,
        drop_the_intents,
        spoil_a_breaker,
        forget_the_failures,
        close_the_file,
    ],
)
def test_what_cannot_be_read_is_halted(home: Any, spoil: Any) -> None:
    spoil(home)
    state = home.desk.read(NOW)
    assert state.trading_state is TradingState.HALTED
    assert state.trading_state_reason.startswith("TRADING_STATE_UNREADABLE")


@pytest.mark.parametrize("spoil", [drop_the_table, delete_the_rows, write_garbage, close_the_file])
def test_the_check_before_a_send_reads_halted_when_it_fails(home: Any, spoil: Any) -> None:
    spoil(home)
    assert home.desk.trading_state() is TradingState.HALTED


def test_halting_a_database_that_cannot_be_written_says_so(home: Any) -> None:
    home.db.rows("PRAGMA query_only = ON")
    with pytest.raises(StorageError):
        home.desk.set_trading_state(TradingState.HALTED, by="t", reason="r", at=NOW)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        pytest.param({"created_at": MIDNIGHT}, 1, id="at-midnight"),
        pytest.param({"created_at": MIDNIGHT - timedelta(microseconds=1)}, 0, id="yesterday"),
        pytest.param({"purpose": Purpose.CLOSE, "side": "buy"}, 1, id="closing-counts"),
        pytest.param({"status": IntentStatus.UNKNOWN}, 1, id="unknown-may-have-been-sent"),
        pytest.param({"status": IntentStatus.EXPIRED}, 1, id="expired-was-sent"),
        pytest.param({"status": IntentStatus.CANCELLED}, 0, id="never-arrived"),
        pytest.param({"status": IntentStatus.CANCELLED, "order_id": "7"}, 1, id="cancelled-there"),
    ],
)
def test_orders_today(home: Any, changes: Any, counts: Any) -> None:
    home.intents.add(an_intent(**changes))
    assert home.desk.read(NOW).orders_today == counts
    assert home.desk.read(NOW + timedelta(days=1)).orders_today == 0


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        pytest.param({"status": IntentStatus.FILLED, "filled_coin": dec("0.1")}, True, id="filled"),
        pytest.param(
            {"status": IntentStatus.PARTIALLY_FILLED, "filled_coin": dec("0.1")}, True, id="partly"
        ),
        pytest.param({"status": IntentStatus.PENDING}, True, id="pending"),
        pytest.param({"status": IntentStatus.UNKNOWN}, True, id="unknown"),
        pytest.param({"status": IntentStatus.WORKING}, True, id="working"),
        pytest.param({"status": IntentStatus.REJECTED}, False, id="rejected"),
        pytest.param({"status": IntentStatus.EXPIRED}, False, id="expired"),
        pytest.param({"status": IntentStatus.CANCELLED, "order_id": "7"}, False, id="no-fill"),
        pytest.param({"purpose": Purpose.ROLL_SELL}, True, id="roll-sell"),
        pytest.param({"purpose": Purpose.ROLL_BUY}, False, id="roll-buy"),
        pytest.param({"purpose": Purpose.CARE_CLOSE}, False, id="care"),
    ],
)
def test_last_open_is_one_that_filled_or_may_have(home: Any, changes: Any, counts: Any) -> None:
    home.intents.add(an_intent(**changes))
    assert home.desk.read(NOW).last_open_at == ({"BTC": NOW} if counts else {})


def test_an_opening_that_was_refused_no_longer_counts(home: Any) -> None:
    home.intents.add(an_intent())
    assert home.desk.read(NOW).last_open_at == {"BTC": NOW}
    home.intents.update(an_intent(status=IntentStatus.REJECTED))
    assert home.desk.read(NOW).last_open_at == {}


def test_opened_at_is_the_newest_opening_fill_of_a_live_option(home: Any) -> None:
    home.intents.add(an_intent(label="cw-sell-0"))
    home.intents.add(an_intent(label="cw-buy-0", purpose=Purpose.CLOSE, side="buy"))
    fill = Fill(
        trade_id="t1",
        order_id="o1",
        label="cw-sell-0",
        instrument_name=CALL_9JAN_105,
        side="sell",
        amount_coin=dec("0.1"),
        price_coin=dec("0.005"),
        fee_coin=dec(0),
        index_usd=1e5,
        executed_at=NOW,
    )
    later = NOW + timedelta(hours=1)
    buy = {"side": "buy", "label": "cw-buy-0", "executed_at": later + timedelta(hours=1)}
    home.ledger.book_fills(
        [
            fill,
            fill.model_copy(update={"trade_id": "t2", "executed_at": later}),
            fill.model_copy(update={"trade_id": "t3", **buy}),
        ]
    )
    assert home.desk.read(NOW).opened_at == {CALL_9JAN_105: later}
    assert home.desk.read(NOW + timedelta(days=4)).opened_at == {}, "expired on 9 January"


def test_the_first_equity_of_the_utc_day_stays(home: Any) -> None:
    home.desk.note_day_open(MIDNIGHT, {"BTC": dec(1)})
    home.desk.note_day_open(NOW, {"BTC": dec(2), "ETH": dec(10)})
    assert home.desk.read(NOW).day_open_equity_coin == {"BTC": dec(1), "ETH": dec(10)}
    again = home.reopen()
    again.desk.note_day_open(NOW, {"BTC": dec(3)})
    assert again.desk.read(NOW).day_open_equity_coin == {"BTC": dec(1), "ETH": dec(10)}
    tomorrow = NOW + timedelta(days=1)
    assert again.desk.read(tomorrow).day_open_equity_coin == {}
    again.desk.note_day_open(tomorrow, {"BTC": dec(3)})
    assert again.desk.read(tomorrow).day_open_equity_coin == {"BTC": dec(3)}
    again.close()


def a_breaker(**changes: Any) -> Breaker:
    fields = {
        "name": BreakerName.DAILY_LOSS,
        "underlying": "BTC",
        "tripped_at": NOW,
        "until": MIDNIGHT + timedelta(days=1),
        "facts": "loss_frac=0.06",
    }
    return Breaker(**(fields | changes))


def test_a_tripped_breaker_keeps_its_first_facts_over_a_restart(home: Any) -> None:
    home.desk.trip(a_breaker())
    home.desk.trip(a_breaker(facts="loss_frac=0.09", tripped_at=NOW + timedelta(hours=1)))
    again = home.reopen()
    assert again.desk.read(NOW).breakers == (a_breaker(),)
    again.desk.release(BreakerName.DAILY_LOSS, "ETH")
    assert again.desk.read(NOW).breakers == (a_breaker(),)
    again.desk.release(BreakerName.DAILY_LOSS, "BTC")
    assert again.desk.read(NOW).breakers == ()
    again.close()


def test_a_breaker_whose_time_is_over_can_trip_again(home: Any) -> None:
    home.desk.trip(a_breaker())
    next_day = a_breaker(tripped_at=MIDNIGHT + timedelta(days=1), until=None, facts="again")
    home.desk.trip(next_day)
    assert home.desk.read(NOW).breakers == (next_day,)
    home.desk.trip(a_breaker(tripped_at=NOW + timedelta(days=9)))
    assert home.desk.read(NOW).breakers == (next_day,), "without an end it never lets go"


def test_failures_in_a_row_end_with_a_decision_and_with_resume(home: Any, a_record: Any) -> None:
    failures = [
        ("MODEL_FAILED", 1),
        ("INSUFFICIENT_HISTORY", 1),
        ("INTERRUPTED", 2),
        (None, 0),
        ("INSUFFICIENT_HISTORY", 0),
        ("VENUE_UNAVAILABLE", 1),
    ]
    for number, (failure, expected) in enumerate(failures):
        home.cycle(a_record(number, failure=failure))
        assert home.desk.read(NOW).failures_in_a_row == expected
    again = home.reopen()
    assert again.desk.read(NOW).failures_in_a_row == 1
    again.desk.trip(a_breaker(name=BreakerName.FAILURES_IN_A_ROW, underlying="", until=None))
    again.desk.set_trading_state(TradingState.REDUCING, by="t", reason="r", at=NOW)
    assert len(again.desk.read(NOW).breakers) == 1
    again.desk.set_trading_state(TradingState.ACTIVE, by="operator", reason="resume", at=NOW)
    state = again.desk.read(NOW)
    assert (state.trading_state, state.breakers) == (TradingState.ACTIVE, ())
    assert state.failures_in_a_row == 0
    again.close()


def an_opening(number: int, underlying: str, minutes: float, **changes: Any) -> Any:
    at = NOW + timedelta(minutes=minutes)
    fields = {"label": f"cw-{number}-0", "underlying": underlying, "created_at": at}
    return an_intent(**(fields | changes))  # type: ignore[arg-type]


def test_the_last_opening_of_each_coin_is_its_own(home: Any) -> None:
    never = {"status": IntentStatus.REJECTED}
    home.intents.add(an_opening(1, "BTC", -600))
    home.intents.add(an_opening(2, "ETH", -3))
    home.intents.add(an_opening(3, "BTC", -2, **never))
    home.intents.add(an_opening(4, "SOL", -1, **never))
    state = home.desk.read(NOW)
    assert state.last_open_at == {
        "BTC": NOW - timedelta(minutes=600),
        "ETH": NOW - timedelta(minutes=3),
    }
    # The one of 22:30 is yesterday's; the two that were refused did reach the venue.
    assert state.orders_today == 3
    home.intents.update(an_opening(3, "BTC", -2, status=IntentStatus.UNKNOWN))
    assert home.desk.read(NOW).last_open_at["BTC"] == NOW - timedelta(minutes=2)


def test_openings_booked_later_are_added_and_survive_any_clock(home: Any) -> None:
    def sold(trade: str, name: str, hours: float) -> Fill:
        return Fill(
            trade_id=trade,
            order_id="o1",
            label="cw-sell-0",
            instrument_name=name,
            side="sell",
            amount_coin=dec("0.1"),
            price_coin=dec("0.005"),
            fee_coin=dec(0),
            index_usd=1e5,
            executed_at=NOW + timedelta(hours=hours),
        )

    other = CALL_9JAN_105.replace("9JAN26", "16JAN26")
    home.intents.add(an_intent(label="cw-sell-0"))
    home.ledger.book_fills([sold("t1", CALL_9JAN_105, 0)])
    assert set(home.desk.read(NOW).opened_at) == {CALL_9JAN_105}
    home.ledger.book_fills([sold("t2", other, 1), sold("t3", CALL_9JAN_105, -1)])
    both = {CALL_9JAN_105: NOW, other: NOW + timedelta(hours=1)}
    assert home.desk.read(NOW).opened_at == both
    assert set(home.desk.read(NOW + timedelta(days=5)).opened_at) == {other}
    assert home.desk.read(NOW).opened_at == both, "also when the clock was set back"
    with open_desk_database(home.path / "desk.db", durable=False) as process:
        SqliteDeskStateStore(process).set_trading_state(
            TradingState.REDUCING, by="operator", reason="r", at=NOW
        )
    assert home.desk.read(NOW).opened_at == both


def test_an_adopted_short_counts_as_sold_when_it_was_adopted(tmp_path: Path) -> None:
    name = "BTC-16JAN26-108000-C"
    with open_desk_database(tmp_path / "desk.db", durable=False) as database:
        ledger, store = SqliteLedger(database), SqliteDeskStateStore(database)
        assert store.read(NOW).opened_at == {}
        ledger.adopt(name, dec("-0.3"), NOW, "it was there")
        assert store.read(NOW).opened_at == {name: NOW}
        # What was adopted away is no sale.
        ledger.adopt("BTC-16JAN26-110000-C", dec("0.3"), NOW, "it was there")
        assert set(store.read(NOW).opened_at) == {name}
