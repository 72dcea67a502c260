"""What a record's ``llm`` says of a shadow and of the gate; a record may come from anybody's file.

A shadow is what a model proposed in a cycle that the rules decided. It went through no gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callwright.domain.failure import ModelFailure

SHADOW = "shadow"
GATE = "gate"

RULES_DECIDE = "the rules decide, the model is their shadow"
RESEARCH_LETS_IT = "MODE=research lets it decide"
"""What becomes of a model that the gate has something against: in production, and in research."""


@dataclass(frozen=True)
class Shadow:
    """What a model came to that did not decide.

    Attributes:
        action: What it proposed; None when it failed.
        params: Of the proposal, without a size: none was made.
        failure: Why there is no proposal; empty when there is one.
        why: Why the rules decided in its place.
    """

    action: str | None
    params: Mapping[str, Any]
    reasoning: str
    failure: str
    why: str


def shadow_of(llm: Mapping[str, Any] | None) -> Shadow | None:
    """Return the shadow of a cycle; None when the one who was asked decided."""
    found = (llm or {}).get(SHADOW)
    if not isinstance(found, Mapping):
        return None
    proposal = found.get("proposal")
    if not isinstance(proposal, Mapping) or not isinstance(proposal.get("action"), str):
        proposal = None
    params = None if proposal is None else proposal.get("params")
    return Shadow(
        action=None if proposal is None else proposal["action"],
        params=params if isinstance(params, Mapping) else {},
        reasoning=_text((proposal or {}).get("reasoning")),
        failure=_text(found.get("failure")),
        why=_text(found.get("why")),
    )


def gated_shadow_of(llm: Mapping[str, Any] | None) -> Shadow | None:
    """Return the shadow of a model that was asked; a reply that was not recorded is none."""
    shadow = shadow_of(llm)
    return None if shadow and shadow.failure == ModelFailure.NOT_RECORDED else shadow


def was_asked(llm: Mapping[str, Any] | None) -> bool:
    """Return whether a model was asked: a shadow alone is of one that a budget left unasked."""
    return bool(set(llm or {}) - {SHADOW, GATE})


def objection_of(llm: Mapping[str, Any] | None) -> str:
    """Return what the gate had against the model that was asked; empty when nothing."""
    found = (llm or {}).get(GATE)
    return _text(found.get("why")) if isinstance(found, Mapping) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
