from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from builders import CALL_9JAN_105, NOW, an_intent, dec, execution_settings
from callwright.domain.orders import IntentStatus
from callwright.execution.lookup import is_duplicate, resolve

UNKNOWN = an_intent(status=IntentStatus.UNKNOWN)
LATE = NOW + timedelta(seconds=11)  # valid_until is NOW + 10 s


async def looked_up(venue: Any, intent: Any = UNKNOWN, at: Any = LATE) -> Any:
    venue.now_at = at
    return await resolve(
        intent,
        reader=venue,
        clock=venue,
        settings=execution_settings(lookup_attempts_min=3, lookup_span_s=30),
    )


def run(coroutine: Any) -> Any:
    import asyncio

    return asyncio.run(coroutine)


@pytest.mark.parametrize(
    ("frac", "status", "filled"),
    [
        ("1", IntentStatus.FILLED, "0.1"),
        ("0.5", IntentStatus.PARTIALLY_FILLED, "0.05"),
        ("0", IntentStatus.CANCELLED, "0"),
    ],
)
def test_an_order_that_is_found_gives_its_state(
    desk: Any, frac: Any, status: Any, filled: Any
) -> None:
    desk.venue.fill_frac = dec(frac)
    desk.venue.fill(UNKNOWN.label, CALL_9JAN_105, "sell", dec("0.1"))
    found = run(looked_up(desk.venue, at=NOW))
    assert (found.status, found.filled_coin, found.order_id) == (status, dec(filled), "BTC-1")
    assert found.resolved_at == NOW


@pytest.mark.parametrize(
    ("frac", "at", "status"),
    [
        pytest.param("1", NOW, IntentStatus.FILLED, id="whole"),
        pytest.param("0.5", NOW, IntentStatus.UNKNOWN, id="part-while-it-may-arrive"),
        pytest.param("0.5", LATE, IntentStatus.PARTIALLY_FILLED, id="part-after-valid-until"),
    ],
)
def test_trades_alone_are_enough(desk: Any, frac: Any, at: Any, status: Any) -> None:
    desk.venue.fill_frac = dec(frac)
    desk.venue.fill(UNKNOWN.label, CALL_9JAN_105, "sell", dec("0.1"))
    desk.venue.orders.clear()
    found = run(looked_up(desk.venue, at=at))
    assert found.status is status
    assert found.average_price_coin == dec("0.005")


def test_an_open_order_stays_unknown(desk: Any) -> None:
    desk.venue.fill_frac = dec(0)
    order = desk.venue.fill(UNKNOWN.label, CALL_9JAN_105, "sell", dec("0.1"))
    desk.venue.orders = [order.model_copy(update={"state": "open"})]
    assert run(looked_up(desk.venue)).status is IntentStatus.UNKNOWN


@pytest.mark.parametrize(
    ("attempts_s", "status"),
    [
        pytest.param([0, 5, 10], IntentStatus.UNKNOWN, id="before-valid-until-nothing-counts"),
        pytest.param([11, 21], IntentStatus.UNKNOWN, id="too-few"),
        pytest.param([11, 12, 40], IntentStatus.UNKNOWN, id="span-29-s"),
        pytest.param([11, 12, 41], IntentStatus.EXPIRED, id="three-over-30-s"),
        pytest.param([11, 41], IntentStatus.UNKNOWN, id="two-over-30-s"),
    ],
)
def test_absence_needs_attempts_over_a_span_after_valid_until(
    desk: Any, attempts_s: Any, status: Any
) -> None:
    intent = UNKNOWN
    for second in attempts_s:
        intent = run(looked_up(desk.venue, intent, NOW + timedelta(seconds=second)))
    assert intent.status is status


@pytest.mark.parametrize("method", ["orders_by_label", "fills"])
def test_a_failing_look_up_counts_as_nothing(desk: Any, method: Any) -> None:
    desk.venue.failing = {method}
    for second in range(11, 100, 5):
        assert run(looked_up(desk.venue, at=NOW + timedelta(seconds=second))) == UNKNOWN


def test_an_order_hidden_for_a_while_is_found_before_it_expires(desk: Any) -> None:
    desk.venue.fill(UNKNOWN.label, CALL_9JAN_105, "sell", dec("0.1"))
    desk.venue.hidden_until = NOW + timedelta(seconds=40)
    intent = UNKNOWN
    for second in (11, 21, 31):
        intent = run(looked_up(desk.venue, intent, NOW + timedelta(seconds=second)))
        assert intent.status is IntentStatus.UNKNOWN
    intent = run(looked_up(desk.venue, intent, NOW + timedelta(seconds=41)))
    assert intent.status is IntentStatus.FILLED


@pytest.mark.parametrize(
    ("state", "status"), [("filled", IntentStatus.FILLED), ("open", IntentStatus.UNKNOWN)]
)
def test_two_orders_for_one_label_are_flagged(desk: Any, state: Any, status: Any) -> None:
    for _ in range(2):
        desk.venue.fill(UNKNOWN.label, CALL_9JAN_105, "sell", dec("0.1"))
    desk.venue.orders[1] = desk.venue.orders[1].model_copy(update={"state": state})
    found = run(looked_up(desk.venue))
    assert is_duplicate(found)
    assert (found.status, found.filled_coin) == (status, dec("0.2"))
    assert "BTC-1,BTC-2" in found.message
