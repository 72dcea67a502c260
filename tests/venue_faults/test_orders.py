"""The order itself goes wrong (fault points 29 to 32 and 35): never twice, and trading goes on."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import httpx
import pytest

from callwright.venues.deribit.simulated import open_simulated
from faulty_desks import (
    CLOSE,
    OPEN,
    FaultyDesk,
    a_faulty_desk,
    after,
    failures,
    open_passing,
    roll_later,
    statuses,
)
from proposals import hold, open_nth


@pytest.mark.parametrize("fault", ["lose_reply", "error_after"])
def test_an_order_whose_answer_is_lost_is_found_in_the_same_cycle(
    desk: FaultyDesk, fault: str
) -> None:
    lose_sale, lose_buy = (lambda: desk.arm(fault, "sell")), (lambda: desk.arm(fault, "buy"))
    records = desk.run(hold, after(lose_sale, OPEN), after(lose_buy, CLOSE), OPEN)
    assert statuses(records) == ["skipped", "filled", "filled", "filled"]
    assert failures(records) == [None] * 4
    desk.assert_sound()


def test_an_order_that_never_arrived_is_looked_for_before_its_coin_trades_again(
    desk: FaultyDesk,
) -> None:
    lost = after(lambda: desk.arm("timeout_before", "sell"), OPEN)
    records = desk.run(lost, open_nth(0, "BTC"), open_passing("ETH"), hold, OPEN)
    assert statuses(records) == ["unknown", "skipped", "filled", "skipped", "filled"]
    assert records[1].risk_check.reasons[0].code == "INTENT_UNRESOLVED"
    (resolved,) = (u for r in records for u in r.order_updates if u.kind == "resolved")
    assert resolved.facts["status"] == "expired"
    assert "never accepted: 3 empty look-ups" in resolved.facts["message"]
    desk.assert_sound()


def test_a_buy_back_that_never_arrived_is_made_again(desk: FaultyDesk) -> None:
    lost = after(lambda: desk.arm("timeout_before", "buy"), CLOSE)
    records = desk.run(OPEN, lost, hold, hold, hold, CLOSE)
    assert statuses(records)[1] == "unknown"
    assert statuses(records)[-1] == "filled"
    desk.assert_sound()


@pytest.mark.parametrize(
    ("first", "bought", "sold"),
    [
        pytest.param("timeout_before", "unknown", "cancelled", id="nobody-knows"),
        pytest.param("rate_limit", "cancelled", "cancelled", id="not-accepted"),
        pytest.param("lose_reply", "filled", "filled", id="found-at-once"),
    ],
)
def test_a_roll_never_sells_what_was_not_surely_bought_back(
    desk: FaultyDesk, first: str, bought: str, sold: str
) -> None:
    records = desk.run(OPEN, after(lambda: desk.arm(first, "buy"), roll_later), hold, hold, hold)
    buy, sale = records[1].execution.orders
    assert (buy.status, sale.status) == (bought, sold)
    assert sold == "filled" or sale.message == "NOT_SENT FIRST_LEG_NOT_FILLED"
    desk.assert_sound()


def test_a_server_that_keeps_silent_is_given_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As short as a busy machine allows: reads that it loses are tried again.
    impatient = partial(open_simulated, timeouts=httpx.Timeout(5.0, read=1.0))
    monkeypatch.setattr("callwright.venues.deribit.simulated.open_simulated", impatient)
    with a_faulty_desk("http", tmp_path) as desk:
        silent = after(lambda: desk.arm("timeout_before", "sell", seconds=30), OPEN)
        records = desk.run(silent, hold, hold, OPEN)
        assert statuses(records) == ["unknown", "skipped", "skipped", "filled"]
        assert "ReadTimeout" in records[0].execution.orders[0].message
        desk.assert_sound()


@pytest.mark.parametrize("fault", ["rate_limit", "unavailable"])
def test_an_order_that_surely_did_not_arrive_leaves_no_doubt(desk: FaultyDesk, fault: str) -> None:
    records = desk.run(after(lambda: desk.arm(fault, "sell"), OPEN), OPEN, hold, hold, OPEN)
    (order,) = records[0].execution.orders
    if fault == "unavailable" and desk.way == "http":
        # A 503 comes from something that has read the order.
        assert (order.status, statuses(records)) == (
            "unknown",
            ["unknown", "skipped", "skipped", "skipped", "filled"],
        )
    else:
        assert order.message.startswith("NOT_SENT VENUE_UNAVAILABLE")
        assert statuses(records)[:2] == ["skipped", "filled"]
    desk.assert_sound()


def test_a_refused_order_is_final_and_the_next_may_go(desk: FaultyDesk) -> None:
    refusals = [after(partial(desk.arm, "reject", "sell", code=c), OPEN) for c in (13888, 10009)]
    records = desk.run(*refusals, OPEN)
    assert statuses(records) == ["rejected", "rejected", "filled"]
    for record, code in zip(records, ("13888", "10009"), strict=False):
        assert record.execution.orders[0].message.endswith(f"venue_code={code}")
    desk.assert_sound()


def test_a_code_that_decides_nothing_is_looked_up(desk: FaultyDesk) -> None:
    script = [
        (after(partial(desk.arm, "reject", "sell", code=code), OPEN), hold, hold)
        for code in (10041, 11094)
    ]
    records = desk.run(*script[0], *script[1], hold, OPEN)
    assert statuses(records)[::3] == ["unknown", "unknown", "skipped"]
    assert statuses(records)[-1] == "filled"
    desk.assert_sound()


@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_a_partial_fill_is_all_there_will_be(desk: FaultyDesk, fraction: float) -> None:
    partly = after(lambda: desk.arm("partial_fill", "sell", fraction=fraction), OPEN)
    back = after(lambda: desk.arm("partial_fill", "buy", fraction=0.5), CLOSE)
    records = desk.run(partly, OPEN, back, CLOSE, CLOSE)
    assert statuses(records)[0] == ("partially_filled" if fraction else "submitted")
    assert statuses(records)[1:3] == ["filled", "partially_filled"]
    desk.assert_sound()


def test_a_roll_sells_no_more_than_a_partial_buy_back(desk: FaultyDesk) -> None:
    partly = after(lambda: desk.arm("partial_fill", "buy", fraction=0.5), roll_later)
    records = desk.run(OPEN, partly, hold)
    buy, sale = records[1].execution.orders
    assert 0 < sale.amount <= buy.filled < buy.amount
    desk.assert_sound()
