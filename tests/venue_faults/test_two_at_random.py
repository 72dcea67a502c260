"""Two faults at once, at random: one record a cycle, no order twice, and trading goes on."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import Any

import pytest

from faulty_desks import (
    CLOSE,
    OPEN,
    Act,
    FaultyDesk,
    a_throwaway_desk,
    after,
    failures,
    open_passing,
    roll_later,
)
from proposals import hold

TRANSPORT = ["unavailable", "rate_limit", "timeout_before", "lose_reply", "error_after"]
ON_THE_EXCHANGE = [
    *("time", "market", "buy", "sell", "orders_by_label", "open_orders", "trades"),
    *("settlements", "positions", "account", "margins"),
]
ON_THE_SERVER = ["auth", "advance", "pass_time"]
CYCLES = 12


def a_fault(random: Random, desk: FaultyDesk) -> Act:
    kind = random.choice([*TRANSPORT * 2, "reject", "partial_fill", "hide_order", "stale_feed"])
    methods = ON_THE_EXCHANGE + (ON_THE_SERVER if desk.way == "http" else [])
    details: dict[str, Any] = {"times": random.choice([1, 1, 2, 3, 5, 50])}
    if kind in ("partial_fill", "hide_order"):
        methods = ["buy", "sell"]
    elif kind == "stale_feed":
        methods = ["market"]
    if kind == "reject":
        details["code"] = random.choice([10009, 10047, 11044, 13009, 13020, 13888])
    elif kind == "partial_fill":
        details["fraction"] = random.choice([0.0, 0.3, 0.5])
    elif kind == "hide_order":
        details["seconds"] = random.choice([1, 20])
    chosen = random.sample(methods, min(len(methods), random.choice([1, 1, 2, 3])))
    return partial(desk.arm, kind, *chosen, **details)


def run_with_two_faults(desk: FaultyDesk, random: Random) -> None:
    """Run a random script; the faults come between cycles or while the desk decides."""
    choices = [
        random.choice([OPEN, OPEN, open_passing("ETH"), CLOSE, roll_later, hold])
        for _ in range(CYCLES)
    ]
    acts: dict[int, Act] = {CYCLES - 4: desk.faults.clear}
    for _ in range(2):
        fault, at = a_fault(random, desk), random.randrange(CYCLES - 5)
        if at not in acts and random.random() < 0.5:
            acts[at] = fault
        else:
            choices[at] = after(fault, choices[at])
    choices[-4:] = [hold, hold, OPEN, CLOSE]
    desk.run(*choices, before=acts)


@pytest.mark.parametrize(("way", "seeds"), [("embedded", range(25)), ("http", range(100, 104))])
def test_two_faults_at_random_break_nothing(way: Any, seeds: range) -> None:
    for seed in seeds:
        with a_throwaway_desk(way, max_failures_in_a_row=50) as desk:
            run_with_two_faults(desk, Random(seed))
            desk.assert_sound()
            assert failures(desk.records[-2:]) == [None, None], seed
