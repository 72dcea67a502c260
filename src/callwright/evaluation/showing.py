"""A situation as a model sees it: the very texts, character by character."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from callwright.agents.prompt import situation as situation_text
from callwright.evaluation.cases import Case
from callwright.gates import menu_now
from callwright.tools.candidates import list_candidates
from callwright.tools.menu import Choices, choices_of
from callwright.tools.portfolio import get_portfolio
from callwright.tools.vol import get_vol_state

if TYPE_CHECKING:
    # It brings the SDK along, and nothing is asked here.
    from callwright.agents.providers import Protocol


def choices_in(case: Case) -> Choices:
    """Return the menu of a situation, as a model is shown it."""
    settings = case.settings
    menu = menu_now(case.snapshot, case.scan, settings.policy_settings(), settings.limits())
    return choices_of(menu, case.snapshot, case.scan)


def as_shown(case: Case, protocol: Protocol) -> Mapping[str, str]:
    """Return what the manager is told after its instructions, by what tells it."""
    snapshot, scan = case.snapshot, case.scan
    if protocol == "menu":
        return {"message": situation_text(snapshot, choices_in(case))}
    return {
        "message": situation_text(snapshot),
        "get_portfolio": get_portfolio(snapshot, scan, case.settings.limits()),
        "get_vol_state": get_vol_state(scan),
        "list_candidates": list_candidates(
            snapshot, scan, lambda proposal, *seen: case.codes_of(proposal)
        ),
    }
