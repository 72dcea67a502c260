"""A model that takes its time: what it says is judged, priced and sent on what is true by then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from callwright.bootstrap import HomeDesk, open_desk, set_trading_state
from callwright.cycle import run_cycle
from callwright.domain.decision import DoNothing, OpenCoveredCall
from callwright.domain.failure import ModelFailure
from callwright.domain.record import CycleRecord
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.paper.faults import FaultPlan
from callwright.ports import BrainAnswer
from desks import ScriptedBrain, desk_settings, violations
from proposals import open_nth


class SlowBrain:
    """Proposes the first candidate that it was shown, after ``seconds`` in which things happen."""

    def __init__(
        self, home_desk: HomeDesk, seconds: float, meanwhile: Callable[[HomeDesk], None]
    ) -> None:
        self._home_desk, self._seconds, self._meanwhile = home_desk, seconds, meanwhile
        self.shown: list[Snapshot] = []

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        self.shown.append(snapshot)
        self._meanwhile(self._home_desk)
        await self._home_desk.desk.clock.sleep(self._seconds)
        return BrainAnswer(proposal=open_nth(0)(snapshot, scan), source="llm")


def slow_cycle(
    home: Path,
    seconds: float,
    meanwhile: Callable[[HomeDesk], None],
    *,
    faults: FaultPlan | None = None,
    **changes: Any,
) -> tuple[CycleRecord, Snapshot, HomeDesk]:
    """Return the record of one cycle with a slow model, and what the model was shown."""
    settings = desk_settings(home, **changes)
    with open_desk(settings, durable=False, faults=faults) as home_desk:
        brain = SlowBrain(home_desk, seconds, meanwhile)

        async def one() -> CycleRecord:
            await home_desk.desk.start()
            return await run_cycle(replace(home_desk.desk, brain=brain))

        record = asyncio.run(one())
    assert violations(settings) == ()
    return record, brain.shown[0], home_desk


def the_market_moves(home_desk: HomeDesk) -> None:
    home_desk.exchange.advance()


def test_what_moved_away_meanwhile_is_denied(tmp_path: Path) -> None:
    record, shown, _ = slow_cycle(tmp_path, 30.0, the_market_moves, step="1d")
    assert record.state.as_of > shown.as_of.isoformat()
    assert record.proposed_action.action == "OPEN_COVERED_CALL"
    assert record.final_action.action == "DO_NOTHING"
    assert not record.guardrail.allowed
    assert record.execution.orders == ()


def test_what_still_stands_is_sent_at_the_new_price(tmp_path: Path) -> None:
    record, shown, _ = slow_cycle(tmp_path, 30.0, the_market_moves, step="15m")
    (order,) = record.execution.orders
    assert order.status == "filled"
    (now,) = [c for c in record.state.candidates if c["symbol"] == order.symbol]
    before = shown.market.quote(order.symbol)
    assert before is not None
    assert float(before.bid_coin or 0) != now["bid_coin"], "the market did not move"
    assert order.price == now["bid_coin"]


@pytest.mark.parametrize("kind", ["unavailable", "timeout_before"])
@pytest.mark.parametrize("method", ["account", "market"])
def test_without_a_new_look_there_is_no_trade(tmp_path: Path, kind: Any, method: Any) -> None:
    plan = FaultPlan()
    record, _, _ = slow_cycle(
        tmp_path, 30.0, lambda home_desk: _armed(plan, kind, method), faults=plan
    )
    assert record.failure == "VENUE_UNAVAILABLE"
    assert record.final_action.action == "DO_NOTHING"
    assert record.execution.orders == ()


def _armed(plan: FaultPlan, kind: Any, method: Any) -> None:
    plan.arm(kind, method, times=20)


def test_a_market_that_stands_still_meanwhile_is_too_old(tmp_path: Path) -> None:
    # The feed froze while the model thought: its quotes are two minutes old by then.
    record, shown, _ = slow_cycle(tmp_path, 120.0, lambda home_desk: None, step="6h")
    assert record.state.as_of == shown.as_of.isoformat(timespec="milliseconds")[:23] + "Z"
    assert record.final_action.action == "DO_NOTHING"
    assert record.execution.orders == ()


def test_a_desk_that_is_halted_meanwhile_sends_nothing(tmp_path: Path) -> None:
    record, _, _ = slow_cycle(
        tmp_path,
        0.0,
        lambda home_desk: set_trading_state(home_desk.settings, "HALTED", reason="stop"),
    )
    assert isinstance(record.proposed_action.params["symbol"], str)
    assert record.proposed_action.action == OpenCoveredCall.model_fields["action"].default
    assert not [order for order in record.execution.orders if order.filled]


def test_care_acts_after_a_model_that_let_its_deadline_pass(tmp_path: Path) -> None:
    # Any short call needs more maintenance margin than this allows: care must close it.
    settings = desk_settings(tmp_path, max_maintenance_pct=0.5)
    opens = ScriptedBrain([open_nth(0)])
    with open_desk(settings, durable=False, brain=opens) as home_desk:
        desk = home_desk.desk

        class Late:
            async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
                await desk.clock.sleep(60.0)
                return BrainAnswer(DoNothing(), source="llm", failure=ModelFailure.TIMEOUT)

        async def both() -> tuple[CycleRecord, CycleRecord]:
            await desk.start()
            first = await run_cycle(desk)
            assert desk.stepped is not None
            await desk.stepped.advance()
            return first, await run_cycle(replace(desk, brain=Late()))

        first, second = asyncio.run(both())
    assert first.execution.status == "filled"
    assert second.failure == ModelFailure.TIMEOUT
    assert second.decision_source == "care"
    assert second.final_action.action == "CLOSE_COVERED_CALL"
    assert second.execution.status == "filled"
    assert violations(settings) == ()
