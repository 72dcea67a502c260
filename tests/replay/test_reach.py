"""Deciding again cannot send: nothing that it imports joins, holds or is a way to an exchange."""

from __future__ import annotations

import subprocess
import sys

import pytest

from callwright.config import Settings
from import_walk import PACKAGE, reached_from, those_within

CAN_SEND = (
    "callwright.bootstrap", "callwright.connect", "callwright.cycle", "callwright.loop",
    "callwright.execution.submit", "callwright.execution.startup", "callwright.execution.planner",
    "callwright.execution.reconcile", "callwright.venues", "callwright.backtest",
    "callwright.paper.exchange", "callwright.paper.store", "callwright.paper.server",
    "callwright.paper.orders", "callwright.memory.intents", "callwright.memory.decision_log",
)  # fmt: skip


@pytest.mark.parametrize("start", sorted(p.stem for p in (PACKAGE / "replaying").glob("*.py")))
def test_nothing_that_is_imported_can_send(start: str) -> None:
    reached = reached_from(f"callwright.replaying.{start}")
    assert those_within(reached, CAN_SEND) == {}


def test_the_walk_finds_what_is_imported_late() -> None:
    reached = reached_from("callwright.replaying.running")
    assert "callwright.agents.manager" in reached
    assert "callwright.what_if.case" in reached


def test_the_rules_again_load_neither_sdk_nor_exchange(sixty_days: Settings) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from callwright.config import load_settings\n"
        "from callwright.replaying.question import Question\n"
        "from callwright.replaying.running import replay\n"
        f"home = Path({str(sixty_days.callwright_home)!r})\n"
        "from datetime import UTC, datetime\n"
        "until = datetime(2026, 1, 7, tzinfo=UTC)\n"
        "replay(Question(until=until), load_settings(callwright_home=home, log_dir=home))\n"
        f"bad = [m for m in sys.modules if m.startswith({CAN_SEND!r})]\n"
        "heavy = [m for m in sys.modules if m in ('agents', 'openai', 'sqlite_utils')]\n"
        "assert not bad + heavy, bad + heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
