"""A situation as a model sees it: the very texts, character by character."""

from __future__ import annotations

from collections.abc import Mapping

from callwright.agents.prompt import situation as situation_text
from callwright.evaluation.cases import Case
from callwright.tools.candidates import list_candidates
from callwright.tools.portfolio import get_portfolio
from callwright.tools.vol import get_vol_state


def as_shown(case: Case) -> Mapping[str, str]:
    """Return what the manager is told after its instructions, by what tells it."""
    snapshot, scan = case.snapshot, case.scan
    return {
        "message": situation_text(snapshot),
        "get_portfolio": get_portfolio(snapshot, scan, case.settings.limits()),
        "get_vol_state": get_vol_state(scan),
        "list_candidates": list_candidates(
            snapshot, scan, lambda proposal, *seen: case.codes_of(proposal)
        ),
    }
