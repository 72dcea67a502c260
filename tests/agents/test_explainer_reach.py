"""The explainer can read and nothing else: neither its imports nor what it holds reach an order."""

from __future__ import annotations

import gc
import types
from collections.abc import Iterator
from typing import Any

from explainers import an_explainer, explainer_settings
from import_walk import file_of, reached_from

ALLOWED = {
    "agents", "analytics", "tools", "explain", "ports", "domain", "errors", "crashpoints",
    "recordings",
}  # fmt: skip
"""The parts of ours that the explainer is made of; none of them knows a venue or a store."""
SENDING = ("place_order", "place", "cancel_order", "cancel_all", "send", "submit", "buy", "sell")


def test_no_import_leads_to_an_order() -> None:
    reached = reached_from("callwright.agents.explainer")
    seen = {module for module in reached if file_of(module) is not None}
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
