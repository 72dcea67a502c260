"""Deciding again cannot send: nothing that it imports joins, holds or is a way to an exchange."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from callwright.config import Settings

PACKAGE = Path(__file__).parents[2] / "src" / "callwright"
CAN_SEND = (
    "callwright.bootstrap", "callwright.connect", "callwright.cycle", "callwright.loop",
    "callwright.execution.submit", "callwright.execution.startup", "callwright.execution.planner",
    "callwright.execution.reconcile", "callwright.venues", "callwright.backtest",
    "callwright.paper.exchange", "callwright.paper.store", "callwright.paper.server",
    "callwright.paper.orders", "callwright.memory.intents", "callwright.memory.decision_log",
)  # fmt: skip


def file_of(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def reached_from(start: str) -> dict[str, str]:
    """Return every module of ours that this one imports, in whatever function, and by whom."""
    found, queue = {start: "the start"}, [start]
    while queue:
        module = queue.pop()
        file = file_of(module)
        if file is None:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                if name.startswith("callwright.") and name not in found:
                    found[name] = module
                    queue.append(name)
    return found


def can_send(module: str) -> bool:
    return any(module == each or module.startswith(f"{each}.") for each in CAN_SEND)


@pytest.mark.parametrize("start", sorted(p.stem for p in (PACKAGE / "replaying").glob("*.py")))
def test_nothing_that_is_imported_can_send(start: str) -> None:
    reached = reached_from(f"callwright.replaying.{start}")
    assert {module: by for module, by in reached.items() if can_send(module)} == {}


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
