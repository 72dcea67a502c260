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
from callwright.domain.desk import TradingState
from callwright.domain.failure import ModelFailure
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.paper.faults import FaultPlan
from callwright.ports import Brain, BrainAnswer
from callwright.shadowing import ShadowedBrain
from callwright.summary import RunSummary
from desks import ScriptedBrain, desk_settings, violations
from proposals import open_nth


class SlowBrain:
    """Proposes the first candidate that it was shown, after ``seconds`` in which things happen."""

    source: DecisionSource = "llm"

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


def late_care(home: Path, *, waits_s: float, is_blind: bool) -> tuple[CycleRecord, CycleRecord]:
    """Return the records of an open, and of a cycle whose model fails late and care must close.

    Args:
        is_blind: The market cannot be looked at again after the model's failure.
    """
    plan = FaultPlan()
    # Any short call needs more maintenance margin than this allows: care must close it.
    settings = desk_settings(home, max_maintenance_pct=0.5)
    opens = ScriptedBrain([open_nth(0)])
    with open_desk(settings, durable=False, brain=opens, faults=plan) as home_desk:
        desk = home_desk.desk

        class Late:
            source: DecisionSource = "llm"

            async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
                await desk.clock.sleep(waits_s)
                if is_blind:
                    plan.arm("unavailable", "market", times=20)
                return BrainAnswer(
                    DoNothing(),
                    source="llm",
                    failure=ModelFailure.TIMEOUT,
                    stop_new_risk="the month's budget for models is spent",
                )

        async def both() -> tuple[CycleRecord, CycleRecord]:
            await desk.start()
            first = await run_cycle(desk)
            assert desk.stepped is not None
            await desk.stepped.advance()
            second = await run_cycle(replace(desk, brain=Late()))
            assert desk.state.trading_state() is TradingState.REDUCING
            return first, second

        records = asyncio.run(both())
    assert violations(settings) == ()
    return records


def test_care_acts_after_a_model_that_let_its_deadline_pass(tmp_path: Path) -> None:
    first, second = late_care(tmp_path, waits_s=60.0, is_blind=False)
    assert first.execution.status == "filled"
    assert second.failure == ModelFailure.TIMEOUT
    assert second.decision_source == "care"
    assert second.final_action.action == "CLOSE_COVERED_CALL"
    assert second.execution.status == "filled"
    assert second.baseline_action is not None


def test_care_does_not_act_on_an_old_look(tmp_path: Path) -> None:
    # Late enough for a new look, early enough for the old order to be in time.
    _, second = late_care(tmp_path, waits_s=6.0, is_blind=True)
    assert second.failure == ModelFailure.TIMEOUT
    assert "VENUE_UNAVAILABLE" in second.failure_message
    assert second.final_action.action == "DO_NOTHING"
    assert second.execution.orders == ()


def never_looked_again(home: Path, behind: Callable[[Brain], Brain]) -> CycleRecord:
    """Return the record of a cycle whose model took long, and whose second look failed.

    Args:
        behind: Puts the model, which proposes to open, behind something else.
    """
    plan = FaultPlan()
    with open_desk(desk_settings(home), durable=False, faults=plan) as home_desk:
        desk = home_desk.desk

        class Slow:
            source: DecisionSource = "llm"

            async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
                await desk.clock.sleep(30.0)
                plan.arm("unavailable", "market", times=20)
                proposal = open_nth(0)(snapshot, scan)
                return BrainAnswer(proposal, source="llm", llm={"requests": 2})

        async def one() -> CycleRecord:
            await desk.start()
            return await run_cycle(replace(desk, brain=behind(Slow())))

        record = asyncio.run(one())
    assert record.failure == "VENUE_UNAVAILABLE"
    assert record.proposed_action.action == "DO_NOTHING"
    return record


def test_what_the_rules_proposed_is_never_recorded_as_the_models(tmp_path: Path) -> None:
    rules = ScriptedBrain([open_nth(0, "ETH")])
    record = never_looked_again(
        tmp_path, lambda model: ShadowedBrain(model, rules, lambda seen: "nobody approved it")
    )
    assert record.decision_source == "rule_based"
    assert record.llm is not None
    assert "proposal" not in record.llm
    # The model's own stands where a shadow's does.
    assert record.llm["shadow"]["proposal"]["action"] == "OPEN_COVERED_CALL"


def test_a_proposal_that_could_not_be_looked_at_again_is_kept(tmp_path: Path) -> None:
    record = never_looked_again(tmp_path, lambda model: model)
    assert record.llm is not None
    assert record.llm["proposal"]["action"] == "OPEN_COVERED_CALL"
    summary = RunSummary()
    summary.add(record)
    assert (summary.models.decided, summary.models.agreed, summary.models.cost_usd) == (1, 0, None)
