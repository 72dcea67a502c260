"""What a record's ``llm`` says of recorded replies; a record may come from anybody's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callwright.domain.failure import ModelFailure
from callwright.domain.shadow import shadow_of


def recorded_on(llm: Mapping[str, Any] | None) -> str | None:
    """Return the day on which the model's replies were recorded; None where one was asked."""
    recorded = (llm or {}).get("recorded")
    date = recorded.get("date") if isinstance(recorded, Mapping) else None
    return date if isinstance(date, str) and date else None


def rules_instead(llm: Mapping[str, Any] | None) -> str | None:
    """Return why the rules decided where a model's replies were not recorded; None otherwise."""
    shadow = shadow_of(llm)
    if shadow is None or shadow.failure != ModelFailure.NOT_RECORDED:
        return None
    return shadow.why or ModelFailure.NOT_RECORDED.value
