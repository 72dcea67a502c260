"""Whatever a venue does to a desk: one record a cycle, no order twice, and trading goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import dec
from callwright import loop
from callwright.domain.orders import IntentStatus
from callwright.domain.record import CycleRecord
from faulty_desks import FOREVER, WAYS, FaultyDesk, a_faulty_desk, after, open_passing, withdraw
from proposals import close_nth, hold, open_nth, roll_nth

OPEN, CLOSE = open_passing(), close_nth(0)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF_FIRST_S", 0.0)


@pytest.fixture(params=WAYS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FaultyDesk]:
    with a_faulty_desk(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def http_desk(tmp_path: Path) -> Iterator[FaultyDesk]:
    with a_faulty_desk("http", tmp_path) as opened:
        yield opened


def statuses(records: list[CycleRecord]) -> list[str]:
    return [record.execution.status for record in records]


def failures(records: list[CycleRecord]) -> list[str | None]:
    return [record.failure for record in records]


def kinds(record: CycleRecord) -> list[str]:
    return [update.kind for update in record.order_updates]


# The order itself: fault points 29 to 32 and 35.


@pytest.mark.parametrize("fault", ["lose_reply", "error_after"])
def test_an_order_whose_answer_is_lost_is_found_in_the_same_cycle(
    desk: FaultyDesk, fault: str
) -> None:
    records = desk.run(
        hold, after(lambda: desk.arm(fault, "sell"), OPEN), after(lambda: desk.arm(fault, "buy"), CLOSE), OPEN
    )
    assert statuses(records) == ["skipped", "filled", "filled", "filled"]
    assert failures(records) == [None] * 4
    desk.assert_sound()


def test_an_order_that_never_arrived_is_looked_for_before_the_coin_trades_again(
    desk: FaultyDesk,
) -> None:
    records = desk.run(after(lambda: desk.arm("timeout_before", "sell"), OPEN), OPEN, OPEN, OPEN, OPEN)
    print(statuses(records), failures(records), [[r.code for r in x.risk_check.reasons] for x in records], [kinds(r) for r in records])
    assert statuses(records)[0] == "unknown"
    desk.assert_sound()
