"""What the desk reads goes wrong (fault points 32 to 34, 37 and 38): nothing is guessed."""

from __future__ import annotations

from functools import partial
from itertools import product

import pytest

from callwright.domain.orders import IntentStatus
from callwright.paper.exchange import PaperExchange
from callwright.paper.records import Trade
from faulty_desks import (
    CLOSE,
    FOREVER,
    OPEN,
    Act,
    FaultyDesk,
    after,
    failures,
    kinds,
    roll_later,
    statuses,
)
from proposals import Choose, hold, open_nth

READS = ["account", "positions", "open_orders", "market", "margins", "time"]


@pytest.mark.parametrize("fault", ["rate_limit", "timeout_before"])
def test_what_cannot_be_read_fails_its_cycle_and_no_other(desk: FaultyDesk, fault: str) -> None:
    acts: dict[int, Act] = {}
    for n, read in enumerate(READS):
        acts[2 * n + 1] = partial(desk.arm, fault, read, times=FOREVER)
        acts[2 * n + 2] = desk.faults.clear
    script = [OPEN if n % 4 == 0 else CLOSE for n in range(2 * len(READS) + 1)]
    records = desk.run(*script, before=acts)
    for good, bad in zip(records[::2], records[1::2], strict=False):
        assert (good.failure, good.execution.status) == (None, "filled")
        assert (bad.failure, bad.execution.status) == ("VENUE_UNAVAILABLE", "skipped")
        assert bad.state.portfolio is None
    assert statuses(records)[-1] == "filled"
    desk.assert_sound()


def test_a_read_that_fails_twice_is_no_news_where_reads_are_tried_again(
    http_desk: FaultyDesk,
) -> None:
    acts: dict[int, Act] = {
        n: partial(http_desk.arm, fault, read, times=2)
        for n, (read, fault) in enumerate(product(READS, ["rate_limit", "lose_reply"]))
    }
    records = http_desk.run(*[OPEN, CLOSE] * len(READS), before=acts)
    assert failures(records) == [None] * len(records)
    assert statuses(records) == ["filled"] * len(records)
    http_desk.assert_sound()


def test_books_that_cannot_be_read_after_a_fill_are_read_by_the_next_cycle(
    desk: FaultyDesk,
) -> None:
    script: list[Choose] = []
    acts: dict[int, Act] = {}
    for n, read in enumerate(["account", "trades", "settlements", "positions"]):
        # Before a sale the account is read as well; before a buy-back it is not.
        script += [OPEN, after(partial(desk.arm, "unavailable", read, times=FOREVER), CLOSE)]
        acts[2 * n + 2] = desk.faults.clear
    records = desk.run(*script, OPEN, before=acts)
    assert statuses(records) == ["filled"] * 9
    for blind, seeing in zip(records[1::2], records[2::2], strict=True):
        assert "fills not booked yet" in blind.execution.message
        assert kinds(seeing) == ["fill", "fill"]
    desk.assert_sound()


def test_cover_that_cannot_be_read_sells_nothing(desk: FaultyDesk) -> None:
    blind = after(lambda: desk.arm("rate_limit", "account", times=FOREVER), OPEN)
    records = desk.run(blind, OPEN, before={1: desk.faults.clear})
    assert statuses(records) == ["skipped", "filled"]
    message = records[0].execution.orders[0].message
    assert message == "NOT_SENT COVER_UNKNOWN VENUE_UNAVAILABLE"
    desk.assert_sound()


@pytest.mark.parametrize("fault", ["rate_limit", "timeout_before"])
@pytest.mark.parametrize("looks", [("trades",), ("orders_by_label", "trades")])
def test_a_look_up_that_fails_says_nothing(
    desk: FaultyDesk, looks: tuple[str, ...], fault: str
) -> None:
    def lose_both() -> None:
        desk.arm("lose_reply", "sell")
        desk.arm(fault, *looks, times=FOREVER)

    records = desk.run(
        after(lose_both, OPEN), open_nth(0, "BTC"), hold, CLOSE, OPEN, before={3: desk.faults.clear}
    )
    assert statuses(records)[0] == ("filled" if looks == ("trades",) else "unknown")
    assert all(r.execution.orders == () for r in records[1:3])
    assert statuses(records)[3:] == ["filled", "filled"]
    desk.assert_sound()


def test_an_order_that_look_ups_show_late_is_found(desk: FaultyDesk) -> None:
    def hide(seconds: int) -> Choose:
        def lose() -> None:
            desk.arm("lose_reply", "sell")
            desk.arm("hide_order", "sell", seconds=seconds)

        return after(lose, OPEN)

    records = desk.run(hide(5), CLOSE, hide(25), CLOSE, hide(3_600), CLOSE, OPEN)
    assert statuses(records) == [*["unknown", "filled"] * 3, "filled"]
    assert all("resolved" in kinds(record) for record in records[1::2])
    desk.assert_sound()


def test_trades_that_show_later_than_positions_are_waited_for(desk: FaultyDesk) -> None:
    records = desk.run(after(lambda: desk.arm("hide_order", "sell", seconds=20), OPEN), CLOSE, OPEN)
    assert statuses(records) == ["filled"] * 3
    desk.assert_sound()


def test_an_order_found_after_it_was_given_up_stops_new_risk(desk: FaultyDesk) -> None:
    def hide() -> None:
        desk.arm("lose_reply", "sell")
        desk.arm("hide_order", "sell", seconds=20 * 3_600)

    records = desk.run(after(hide, OPEN), *[hold] * 5, OPEN, CLOSE)
    (intent,) = desk.intents()[:1]
    assert intent.status is IntentStatus.FILLED
    assert statuses(records)[0] == "unknown"
    assert statuses(records)[-2:] == ["skipped", "filled"]
    state, reason = desk.trading_state
    assert state == "REDUCING"
    assert "callwright resume" in reason
    desk.assert_sound("REDUCING")


def test_trades_told_twice_and_in_any_order_are_booked_once(desk: FaultyDesk) -> None:
    def stutter(exchange: PaperExchange) -> None:
        trades = exchange.trades

        def again(currency: str, *, since_ms: int = 0) -> tuple[Trade, ...]:
            found = trades(currency, since_ms=since_ms)
            return (*reversed(found), *found)

        exchange.trades = again  # type: ignore[method-assign]

    records = desk.run(
        OPEN, roll_later, CLOSE, OPEN, CLOSE, OPEN, before={0: lambda: desk.ask(stutter)}
    )
    assert statuses(records)[0] == statuses(records)[-1] == "filled"
    told = [u.facts["trade_id"] for r in records for u in r.order_updates if u.kind == "fill"]
    assert len(told) == len(set(told)) >= 5
    desk.assert_sound()


def test_a_frozen_feed_stops_orders_until_it_moves(desk: FaultyDesk) -> None:
    records = desk.run(
        OPEN,
        CLOSE,
        CLOSE,
        CLOSE,
        before={1: lambda: desk.arm("stale_feed", "market", times=FOREVER), 3: desk.faults.clear},
    )
    assert failures(records) == [None, "DATA_STALE", "DATA_STALE", None]
    assert statuses(records) == ["filled", "skipped", "skipped", "filled"]
    desk.assert_sound()


def test_a_feed_frozen_for_a_part_trades_nothing_on_what_is_old(http_desk: FaultyDesk) -> None:
    # Of a coin's several requests the first few show the step before; tickers show the present.
    acts: dict[int, Act] = {
        n: partial(http_desk.arm, "stale_feed", "market", times=n) for n in range(1, 5)
    }
    acts[5] = http_desk.faults.clear
    records = http_desk.run(*[OPEN, CLOSE] * 3, OPEN, CLOSE, before=acts)
    for record in records:
        for order in record.execution.orders:
            # A price of the step before would not be the one that trades now.
            assert order.average_price == order.price
    assert statuses(records)[-2:] == ["filled", "filled"]
    http_desk.assert_sound()
