"""The explainer can read and nothing else: neither its imports nor what it holds reach an order."""

from __future__ import annotations

import ast
import gc
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import callwright
from explainers import an_explainer, explainer_settings

PACKAGE = Path(callwright.__file__).parent
ALLOWED = {
    "agents", "analytics", "tools", "explain", "ports", "domain", "errors", "crashpoints",
    "recordings",
}  # fmt: skip
"""The parts of ours that the explainer is made of; none of them knows a venue or a store."""
SENDING = ("place_order", "place", "cancel_order", "cancel_all", "send", "submit", "buy", "sell")


def file_of(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def imported(module: str) -> set[str]:
    """Return every module of ours that this one imports, at any place in it."""
    path = file_of(module)
    assert path is not None, module
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {name for name in names if name.startswith("callwright.") and file_of(name)}
    return found


def test_no_import_leads_to_an_order() -> None:
    seen: set[str] = set()
    left = ["callwright.agents.explainer"]
    while left:
        module = left.pop()
        if module not in seen:
            seen.add(module)
            left += imported(module)
    assert {module.split(".")[1] for module in seen} <= ALLOWED
    assert {"callwright.tools.memory_tools", "callwright.explain.evidence"} <= seen


def reachable(start: Any) -> Iterator[Any]:
    """Yield what an object holds, over any number of steps; not what its code could import."""
    seen: set[int] = set()
    left = [start]
    while left:
        value = left.pop()
        if id(value) in seen or isinstance(value, types.ModuleType | type):
            continue
        seen.add(id(value))
        yield value
        if isinstance(value, types.FunctionType):
            left += [cell.cell_contents for cell in value.__closure__ or ()]
            left += value.__defaults__ or ()
        else:
            left += gc.get_referents(value)


def test_nothing_that_it_holds_can_send() -> None:
    explainer = an_explainer(explainer_settings("http://127.0.0.1:1/v1"))
    ours = [
        value for value in reachable(explainer) if type(value).__module__.startswith("callwright.")
    ]
    assert {type(value).__name__ for value in ours} >= {"Explainer", "Provider"}
    for value in ours:
        assert type(value).__module__.split(".")[1] in ALLOWED, type(value)
        assert not [name for name in SENDING if hasattr(value, name)], type(value)
