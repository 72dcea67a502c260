"""Whole desks in a temporary home, for tests that run the real thing end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from callwright.audit import audit
from callwright.bootstrap import HomeDesk, open_desk
from callwright.config import Settings, load_settings
from callwright.connect import PAPER_FILE
from callwright.domain.decision import DoNothing
from callwright.domain.desk import DESK_FILE
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.loop import LoopResult, run_loop
from callwright.paper.faults import FaultPlan
from callwright.ports import Brain, BrainAnswer
from proposals import Choose


class ScriptedBrain:
    """Answers each cycle with the next function of a list; holds when the list is over."""

    source: DecisionSource = "rule_based"

    def __init__(self, choices: Sequence[Choose | Exception]) -> None:
        self._choices = list(choices)

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        if not self._choices:
            return BrainAnswer(proposal=DoNothing(reasoning="the script is over"), source="llm")
        choice = self._choices.pop(0)
        if isinstance(choice, Exception):
            raise choice
        return BrainAnswer(proposal=choice(snapshot, scan), source="rule_based")


def desk_settings(home: Path, **changes: Any) -> Settings:
    """Return settings of a desk that trades the synthetic market in ``home``, and nothing else."""
    base: dict[str, Any] = {
        "market": "synthetic:7",
        "step": "6h",
        "dry_run": False,
        "callwright_home": home,
        "log_dir": home / "logs",
    }
    return load_settings(config_file=None, env_file=home / "no.env", **(base | changes))


def run_desk(
    settings: Settings,
    cycles: int | None,
    *,
    brain: Brain | None = None,
    faults: FaultPlan | None = None,
    durable: bool = False,
    before: Callable[[HomeDesk], None] = lambda home_desk: None,
) -> tuple[LoopResult, list[CycleRecord]]:
    """Open the desk, run the loop without pauses, close it, and return what it recorded."""
    records: list[CycleRecord] = []
    with open_desk(settings, durable=durable, brain=brain, faults=faults) as home_desk:
        before(home_desk)
        result = asyncio.run(
            run_loop(home_desk.desk, cycles=cycles, interval_s=0.0, on_record=records.append)
        )
    return result, records


def violations(settings: Settings) -> tuple[str, ...]:
    """Return every invariant that the books of this home break."""
    home = settings.callwright_home
    return audit(home / DESK_FILE, home / PAPER_FILE, settings.log_dir)
