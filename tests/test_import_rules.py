"""Who may import whom. The table is ARCHITECTURE.md's; the source is read, nothing is imported."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "callwright"
FOUNDATION = {"domain", "errors"}

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "crashpoints": {"errors"},
    "domain": {"errors"},
    "ports": {"domain"},
    "config": FOUNDATION,
    "analytics": FOUNDATION,
    "policy": FOUNDATION | {"analytics"},
    "guardrails": FOUNDATION | {"analytics"},
    "paper": FOUNDATION | {"analytics"},
    "execution": FOUNDATION | {"analytics", "ports", "crashpoints"},
    "venues": FOUNDATION | {"ports", "paper", "crashpoints"},
    "memory": FOUNDATION | {"ports", "crashpoints"},
    "tools": FOUNDATION | {"analytics", "ports"},
    "explain": FOUNDATION | {"ports", "tools"},
    "agents": FOUNDATION | {"ports", "tools", "explain", "crashpoints", "recordings"},
    "journal": FOUNDATION | {"ports", "execution"},
    "gates": FOUNDATION | {"policy", "guardrails"},
    "brain": FOUNDATION | {"ports", "policy", "gates"},
    "shadowing": FOUNDATION | {"ports"},
    "judging": FOUNDATION | {"ports", "analytics", "policy", "guardrails", "gates"},
    "model_totals": FOUNDATION,
    "summary": FOUNDATION | {"model_totals"},
    "audit": FOUNDATION | {"memory", "paper"},
    "lock": FOUNDATION,
    "cycle": FOUNDATION
    | {
        "ports", "analytics", "guardrails", "gates", "judging", "execution", "journal",
        "crashpoints",
    },
    "loop": FOUNDATION | {"ports", "cycle", "journal", "execution", "crashpoints"},
    "clock": set(),
    "html_page": set(),
    "local": FOUNDATION,
    "recordings": FOUNDATION,
    "playing": FOUNDATION | {"config", "ports", "recordings"},
    "model_brain": FOUNDATION
    | {"config", "ports", "gates", "agents", "memory", "costs", "recordings"},
    "costs": FOUNDATION | {"config", "memory"},
    "history": FOUNDATION | {"config", "lock", "memory"},
    "status": FOUNDATION | {"config", "costs", "history", "lock", "memory", "summary"},
    "connect": FOUNDATION | {"config", "ports", "clock", "lock", "venues", "paper"},
    "desk_reader": FOUNDATION
    | {
        "config", "ports", "memory", "history", "costs", "status", "model_brain", "tools",
        "what_if",
    },
    "what_if": FOUNDATION
    | {"config", "ports", "analytics", "guardrails", "gates", "judging", "brain", "journal"},
    "replaying": FOUNDATION
    | {
        "config", "ports", "brain", "judging", "memory", "what_if", "paper", "evaluation",
        "model_brain", "html_page", "playing",
    },
    "evaluation": FOUNDATION
    | {
        "config", "ports", "analytics", "guardrails", "gates", "judging", "brain", "paper",
        "memory", "tools", "agents", "model_brain", "html_page",
    },
    "chatting": FOUNDATION
    | {
        "config", "ports", "desk_reader", "explain", "tools", "model_brain", "agents", "costs",
        "history", "memory", "playing",
    },
    "gate": FOUNDATION
    | {"config", "ports", "shadowing", "evaluation", "agents", "model_brain", "memory", "tools"},
    "bootstrap": FOUNDATION
    | {
        "config", "ports", "connect", "cycle", "loop", "brain", "execution", "memory", "paper",
        "lock", "summary", "model_brain", "costs", "status", "shadowing",
        "playing", "gate",
    },
    "demo": FOUNDATION
    | {
        "config", "bootstrap", "loop", "chatting", "recordings", "local", "agents", "playing",
        "model_brain",
    },
    "backtest": FOUNDATION | {"config", "connect", "bootstrap", "loop", "summary", "audit"},
    "health": FOUNDATION
    | {
        "config", "connect", "bootstrap", "memory", "paper", "lock", "audit", "health_live",
        "status", "gate",
    },
    "health_live": FOUNDATION
    | {"config", "connect", "venues", "agents", "model_brain", "costs", "playing"},
    "cli": FOUNDATION
    | {
        "config", "connect", "bootstrap", "loop", "summary", "health", "execution", "analytics",
        "paper", "costs", "backtest", "history", "local", "chatting", "evaluation",
        "desk_reader", "what_if", "explain", "tools", "status", "playing", "recordings", "gate",
        "replaying", "model_totals",
    },
}  # fmt: skip
"""Beside itself, each part may import these parts of ours; what is not listed may not."""


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def modules() -> list[Path]:
    # Path.rglob does not follow the symlinks to guardrails/ and memory/; os.walk can.
    found = [
        Path(folder) / name
        for folder, _, names in os.walk(PACKAGE, followlinks=True)
        for name in names
    ]
    return sorted(p for p in found if p.suffix == ".py" and p.name != "__main__.py")


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_inwards(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":
        assert not any(name.startswith("callwright") for name in imports_of(path))
        return
    assert part in MAY_IMPORT, f"{part} has no row in the import table"
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("callwright.")}
    ours -= {part, "__version__"}
    assert ours <= MAY_IMPORT[part], f"{part} may not import {sorted(ours - MAY_IMPORT[part])}"


def test_every_folder_is_walked() -> None:
    parts = {part_of(path) for path in modules()}
    assert {"guardrails", "memory", "domain", "paper", "cli"} <= parts


def test_only_the_senders_folders_name_the_order_sender() -> None:
    allowed = {"ports", "execution", "venues"}
    for path in modules():
        if part_of(path) not in allowed:
            assert "OrderSender" not in path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("module", ["openai", "agents"])
def test_the_sdk_is_imported_by_agents_only(module: str) -> None:
    for path in modules():
        if part_of(path) != "agents":
            assert module not in {name.split(".")[0] for name in imports_of(path)}, path


def test_the_agents_folder_is_no_package() -> None:
    assert not (ROOT / "agents" / "__init__.py").exists()


def test_import_agents_is_the_sdk() -> None:
    spec = importlib.util.find_spec("agents")
    assert spec is not None
    assert spec.origin is not None
    assert ROOT / "agents" not in Path(spec.origin).parents
    code = "import agents; agents.Agent"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["run"],
        ["chain"],
        ["doctor"],
        ["status"],
        ["backtest"],
        ["costs"],
        ["what-if"],
        ["gate"],
        ["gate", "approve"],
        ["replay"],
        ["decisions"],
        ["decisions", "search"],
    ],
)
def test_help_imports_neither_sdk_nor_numpy(command: list[str]) -> None:
    code = (
        "import sys\n"
        "from callwright.cli import main\n"
        f"sys.argv = ['callwright', *{command!r}, '--help']\n"
        "try:\n    main()\nexcept SystemExit as exc:\n    assert not exc.code, exc.code\n"
        "heavy = {'numpy', 'scipy', 'agents', 'openai', 'sqlite_utils'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
