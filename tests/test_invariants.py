"""Whatever is proposed, whatever fails and whenever it restarts: the invariants hold.

Each example runs a real desk on the real paper exchange. ``audit`` then checks, over the stored
books: no order without an intent, none sent twice, none lost; cover at every single trade; orders
only as the verdicts allowed; one record a cycle; dry runs send nothing; desk and exchange agree.
"""

from __future__ import annotations

import asyncio
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from callwright import loop
from callwright.bootstrap import open_desk
from callwright.domain.orders import Intent, IntentStatus
from callwright.memory.database import read_desk_database
from callwright.memory.intents import SqliteIntentStore
from callwright.paper.faults import FaultPlan
from desks import ScriptedBrain, desk_settings, run_desk, violations
from proposals import close_nth, hold, open_any_listed, open_nth, roll_nth

HEALING_CYCLES = 5
"""Cycles without faults at the end, in which every doubt must be resolved."""


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF_FIRST_S", 0.0)


numbers = st.integers(0, 1_000)
choices = st.one_of(
    st.just(hold),
    numbers.map(open_nth),
    numbers.map(open_nth),
    numbers.map(open_any_listed),
    numbers.map(roll_nth),
    numbers.map(close_nth),
)
faults = st.one_of(
    st.none(),
    st.tuples(
        st.sampled_from(["lose_reply", "error_after", "timeout_before", "rate_limit"]),
        st.sampled_from([("buy", "sell"), ("orders_by_label", "trades"), ("account",)]),
        st.fixed_dictionaries({"times": st.integers(1, 3)}),
    ),
    st.tuples(
        st.sampled_from(["unavailable", "reject"]),
        st.sampled_from([("buy", "sell"), ("market",), ("account", "trades", "settlements")]),
        st.fixed_dictionaries({"code": st.sampled_from([10009, 13888])}),
    ),
    st.tuples(
        st.just("partial_fill"),
        st.just(("buy", "sell")),
        st.fixed_dictionaries({"fraction": st.sampled_from([0.0, 0.5])}),
    ),
    st.tuples(
        st.just("hide_order"),
        st.just(("buy", "sell")),
        st.fixed_dictionaries({"seconds": st.integers(1, 60)}),
    ),
    st.tuples(st.just("stale_feed"), st.just(("market",)), st.just({})),
)
steps = st.lists(st.tuples(choices, faults, st.booleans()), min_size=3, max_size=10)


def loosened(home: Path, **changes: Any) -> Any:
    """Return settings whose pace limits leave the sequences room to trade."""
    return desk_settings(
        home,
        open_cooldown_sec=0,
        roll_dwell_sec=0,
        max_orders_per_day=100,
        max_failures_in_a_row=50,
        default_order_size="BTC=0.4,ETH=4",
        max_expiry_exposure="BTC=2,ETH=20",
        max_net_delta_abs="BTC=2,ETH=20",
        max_margin_used_pct=100,
        roll_max_debit_coin=Decimal("0.5"),
        roll_defend_delta=0.0,
        **changes,
    )


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_any_sequence_of_proposals_faults_and_restarts_keeps_the_invariants(
    sequence: list[tuple[Any, Any, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        desk = loosened(Path(folder))
        plan = FaultPlan()
        pending: list[Any] = []
        for choice, fault, restart in sequence:
            if fault is not None:
                kind, methods, details = fault
                plan.arm(kind, *methods, **details)
            pending.append(choice)
            if restart:
                run_desk(desk, len(pending), brain=ScriptedBrain(pending), faults=plan)
                pending = []
        if pending:
            run_desk(desk, len(pending), brain=ScriptedBrain(pending), faults=plan)
        plan.clear()
        run_desk(desk, HEALING_CYCLES, brain=ScriptedBrain([hold] * HEALING_CYCLES), faults=plan)
        assert violations(desk) == ()
        with read_desk_database(Path(folder) / "desk.db") as database:
            assert SqliteIntentStore(database).unresolved() == ()
            for (status,) in database.rows("SELECT DISTINCT status FROM intents"):
                event(f"an intent ended as {status}")
            for (failure,) in database.rows("SELECT DISTINCT failure FROM cycles"):
                event(f"a cycle failed as {failure}")


def test_reconciling_twice_equals_once(tmp_path: Path) -> None:
    desk = loosened(tmp_path)
    plan = FaultPlan()
    plan.arm("lose_reply", "sell", times=2)
    plan.arm("unavailable", "orders_by_label", "trades", times=4)
    run_desk(desk, 4, brain=ScriptedBrain([open_nth(0), open_nth(1), hold, hold]), faults=plan)

    async def reconcile_twice() -> tuple[Any, Any]:
        with open_desk(desk, durable=False) as home_desk:
            reconciler = home_desk.desk.reconciler
            first = await reconciler.at_start()
            account = await home_desk.desk.venue.account()
            return first, await reconciler.each_cycle(account)

    first, second = asyncio.run(reconcile_twice())
    assert not first.reducing
    assert second.updates == ()
    assert second.findings == ()
    assert second.unresolved == ()
    assert violations(desk) == ()


def test_without_look_ups_the_audit_would_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks above have teeth: give up on an order at once, and it is found to be lost."""

    async def give_up(intent: Intent, **_: Any) -> Intent:
        return intent.model_copy(update={"status": IntentStatus.EXPIRED})

    monkeypatch.setattr("callwright.execution.submit.resolve", give_up)
    monkeypatch.setattr("callwright.execution.startup.resolve", give_up)
    desk = loosened(tmp_path)
    plan = FaultPlan()
    plan.arm("lose_reply", "sell")
    # The process dies before the next cycle could find the fill by the position it made.
    run_desk(desk, 1, brain=ScriptedBrain([open_nth(0)]), faults=plan)
    assert any(line.startswith("LOST") for line in violations(desk))
