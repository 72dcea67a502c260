"""Late fills, expiry, cover, tokens and clocks (fault points 36 and 39 to 42), and start-up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import dec
from callwright import connect
from callwright.domain.decision import OpenCoveredCall, OpenParams, Proposal
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.paper.exchange import PaperExchange
from callwright.paper.orders import Ticket
from faulty_desks import (
    CLOSE,
    FOREVER,
    OPEN,
    WAYS,
    FaultyDesk,
    UntilJustBeforeExpiry,
    a_faulty_desk,
    after,
    codes,
    failures,
    kinds,
    open_passing,
    roll_later,
    statuses,
    withdraw,
)
from proposals import hold, open_nth


def test_no_order_of_ours_rests_so_none_is_ever_cancelled(desk: FaultyDesk) -> None:
    """Fault point 36 cannot come to pass."""
    cancels: list[str] = []

    def watch(exchange: PaperExchange) -> None:
        exchange.cancel = cancels.append  # type: ignore[method-assign,assignment]

    partly = after(lambda: desk.arm("partial_fill", "sell", "buy", fraction=0.5), OPEN)
    desk.run(partly, roll_later, CLOSE, before={0: lambda: desk.ask(watch)})
    assert cancels == []
    desk.assert_sound()


def test_a_foreign_order_that_rests_is_told_once_and_left_alone(desk: FaultyDesk) -> None:
    def rest(exchange: PaperExchange) -> None:
        (name, *_) = exchange.view().underlyings["BTC"].chain.listing.names
        exchange.place(
            Ticket(
                instrument_name=name,
                direction="buy",
                amount=dec("0.1"),
                price=dec("0.0001"),
                label="somebody-else",
            )
        )

    records = desk.run(OPEN, CLOSE, OPEN, before={1: lambda: desk.ask(rest)})
    assert statuses(records) == ["filled"] * 3
    (told,) = (u for r in records for u in r.order_updates if u.kind == "foreign")
    assert told.facts["code"] == "RECONCILE_FOREIGN_ORDER"
    desk.assert_sound()


@pytest.fixture(params=WAYS)
def expiring(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyDesk]:
    """A desk that sells what expires within hours, on a market that steps to seconds before."""
    monkeypatch.setattr(connect, "open_source", lambda *_, **__: UntilJustBeforeExpiry(7))
    with a_faulty_desk(
        request.param,
        tmp_path,
        scan_dte_min_days=0,
        dte_open_min_days=0,
        scan_min_premium_yield_pct=0,
        min_premium_coin=0,
        expiry_close_hours=0,
        scan_delta_min=0.0,
        scan_delta_max=1.0,
        delta_open_min=0.0,
        delta_open_max=1.0,
        scan_max_spread_pct=1000,
        price_collar_ticks=100,
    ) as opened:
        yield opened


def first_to_expire(snapshot: Snapshot, scan: Scan) -> Proposal:
    """Propose the candidate that expires first, whether or not it passes."""
    found = [c for c in scan.candidates if c.underlying == "BTC"]
    best = min(found, key=lambda c: (c.expiry, c.symbol))
    return OpenCoveredCall(params=OpenParams(underlying="BTC", symbol=best.symbol))


@pytest.mark.parametrize("wait_s", [4, 60, 7_200])
def test_an_option_that_expires_before_its_buy_back_is_settled_once(
    expiring: FaultyDesk, wait_s: int
) -> None:
    is_http = expiring.way == "http"

    def wait() -> None:
        expiring.ask(lambda exchange: exchange.pass_time(wait_s))

    records = expiring.run(first_to_expire, after(wait, CLOSE), hold, OPEN)
    assert statuses(records)[0] == statuses(records)[-1] == "filled"
    # Refused by the venue, or not tried: the desk looked again, or saw that time had passed.
    assert statuses(records)[1] == ("rejected" if wait_s == 4 or is_http else "skipped")
    assert [kind for r in records for kind in kinds(r)].count("settlement") == 1
    expiring.assert_sound()


def test_cover_that_leaves_before_the_sale_cuts_it(desk: FaultyDesk) -> None:
    def take(amount: str) -> Any:
        return lambda: desk.ask(withdraw("BTC", dec(amount)))

    records = desk.run(after(take("0.9"), OPEN), OPEN, CLOSE)
    (order,) = records[0].execution.orders
    # 0.2 was approved; 0.1 is what the coin that is left covers.
    assert (order.amount, order.filled) == (0.1, 0.1)
    assert statuses(records)[1:] == ["skipped", "filled"]
    desk.assert_sound()


def test_cover_that_is_gone_before_the_sale_sells_nothing(desk: FaultyDesk) -> None:
    gone = after(lambda: desk.ask(withdraw("BTC", dec("0.95"))), OPEN)
    back = {2: lambda: desk.ask(withdraw("BTC", dec("-0.95")))}
    records = desk.run(gone, open_passing("ETH"), hold, hold, OPEN, before=back)
    assert records[0].execution.orders[0].message == "NOT_SENT COVER_EXCEEDED"
    # A fall of the balance counts as a loss until the day is over.
    assert statuses(records) == ["skipped", "filled", "skipped", "skipped", "filled"]
    desk.assert_sound()


def test_cover_that_leaves_between_the_legs_of_a_roll_is_not_sold_again(desk: FaultyDesk) -> None:
    records = desk.run(
        OPEN, after(lambda: desk.ask(withdraw("BTC", dec("0.95"))), roll_later), CLOSE, hold
    )
    buy, sale = records[1].execution.orders
    assert (buy.status, sale.message) == ("filled", "NOT_SENT COVER_EXCEEDED")
    # To the audit that coin was never there, so it misses it under the first sale, too.
    assert all(line.startswith("UNCOVERED") for line in desk.violations())


def test_a_token_that_ends_is_renewed_within_the_read(http_desk: FaultyDesk) -> None:
    records = http_desk.run(
        OPEN,
        CLOSE,
        OPEN,
        before={
            n: lambda: http_desk.arm(
                "reject", "account", "positions", "open_orders", "margins", code=13009
            )
            for n in (1, 2)
        },
    )
    assert failures(records) == [None] * 3
    assert statuses(records) == ["filled"] * 3
    http_desk.assert_sound()


def test_a_token_that_ends_at_the_order_sends_nothing_and_not_twice(http_desk: FaultyDesk) -> None:
    def end() -> None:
        http_desk.arm("reject", "sell", code=13009)

    records = http_desk.run(after(end, OPEN), OPEN)
    assert statuses(records) == ["skipped", "filled"]
    assert records[0].execution.orders[0].message.startswith("NOT_SENT VENUE_UNAVAILABLE")
    http_desk.assert_sound()


def test_a_key_that_is_taken_away_fails_cycles_until_it_is_back(http_desk: FaultyDesk) -> None:
    def take_away() -> None:
        http_desk.arm("reject", "account", code=13009, times=FOREVER)
        http_desk.arm("reject", "auth", code=13004, times=FOREVER)

    records = http_desk.run(
        OPEN, CLOSE, CLOSE, CLOSE, before={1: take_away, 3: http_desk.faults.clear}
    )
    assert failures(records) == [None, "VENUE_UNAVAILABLE", "VENUE_UNAVAILABLE", None]
    assert statuses(records)[-1] == "filled"
    assert "paper" not in records[1].failure_message
    http_desk.assert_sound()


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(hours=-1)])
def test_our_clock_jumps_while_the_desk_decides(desk: FaultyDesk, jump: timedelta) -> None:
    def set_clock(off: timedelta) -> Any:
        def turn() -> None:
            assert desk.clock is not None
            desk.clock.off = off

        return turn

    records = desk.run(
        hold, after(set_clock(jump), OPEN), OPEN, OPEN, OPEN, before={3: set_clock(timedelta(0))}
    )
    assert statuses(records) == ["skipped"] * 3 + ["filled"] * 2
    assert {code for r in records[1:3] for code in codes(r)} >= {"CLOCK_DRIFT"}
    desk.assert_sound()


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(seconds=5)])
def test_the_venues_clock_jumps(desk: FaultyDesk, jump: timedelta) -> None:
    def turn(off: timedelta) -> Any:
        def now(exchange: PaperExchange) -> None:
            exchange.time = lambda: exchange.now + off  # type: ignore[method-assign]

        return lambda: desk.ask(now)

    records = desk.run(
        OPEN, CLOSE, CLOSE, CLOSE, OPEN, before={1: turn(jump), 3: turn(timedelta(0))}
    )
    assert statuses(records) == ["filled", "skipped", "skipped", "filled", "filled"]
    for record in records[1:3]:
        assert record.failure == "DATA_STALE" or "CLOCK_DRIFT" in codes(record)
    desk.assert_sound()


@pytest.mark.parametrize("seconds", [4, 30, 20_000])
def test_the_market_moves_on_while_the_desk_decides(desk: FaultyDesk, seconds: int) -> None:
    wait = after(lambda: desk.ask(lambda exchange: exchange.pass_time(seconds)), OPEN)
    records = desk.run(wait, OPEN)
    assert statuses(records)[1] == "filled"
    # The paper server's clock is what its last answer said: such a desk notices at the send.
    is_late = seconds == 20_000 or (seconds == 30 and desk.way == "http")
    assert statuses(records)[0] == ("skipped" if is_late else "filled")
    desk.assert_sound()


def test_start_up_waits_for_the_venue(desk: FaultyDesk) -> None:
    desk.run(OPEN)
    for read in ("account", "trades", "settlements"):
        desk.arm("timeout_before", read, times=2 * desk.reads)
    (record,) = desk.run(CLOSE)
    assert desk.start_errors == ["VENUE_UNAVAILABLE"] * 6
    assert record.execution.status == "filled"
    desk.assert_sound()


def test_a_restart_that_cannot_look_an_order_up_still_knows_that_it_may_live(
    desk: FaultyDesk,
) -> None:
    def lose_both() -> None:
        desk.arm("lose_reply", "sell")
        desk.arm("rate_limit", "orders_by_label", times=FOREVER)

    desk.run(after(lose_both, OPEN))
    # Its trade may explain the position; what became of the order is another question.
    desk.arm("rate_limit", "orders_by_label", times=FOREVER)
    records = desk.run(open_nth(0, "BTC"), CLOSE, OPEN, before={1: desk.faults.clear})
    assert "INTENT_UNRESOLVED" in codes(records[0])
    assert statuses(records) == ["skipped", "filled", "filled"]
    desk.assert_sound()


@pytest.mark.parametrize("fault", ["lose_reply", "timeout_before", "rate_limit"])
def test_a_market_that_does_not_answer_is_moved_once(http_desk: FaultyDesk, fault: str) -> None:
    records = http_desk.run(
        OPEN,
        CLOSE,
        OPEN,
        before={1: lambda: http_desk.arm(fault, "advance", times=2 * http_desk.reads)},
    )
    # No cycle began before the market had moved, and nothing was skipped.
    assert http_desk.start_errors == ["VENUE_UNAVAILABLE"] * 2
    hours = [record.state.as_of[11:13] for record in records]
    assert hours == ["00", "06", "12"]
    assert statuses(records) == ["filled"] * 3
    http_desk.assert_sound()
