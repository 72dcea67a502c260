"""What a model's text means, when it did not answer with a tool: one JSON object, or nothing.

Pure JSON, JSON in a code fence and JSON within prose are understood. Nothing is repaired: a number
that JSON does not know, a key that stands twice or an object that is cut off is not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from callwright.agents.failures import ModelFailed
from callwright.domain.decision import Proposal
from callwright.domain.failure import ModelFailure
from callwright.errors import DecisionInvalid
from callwright.tools.proposal import read_arguments, refusal_of

OBJECTS_MAX = 32
"""Objects within one text that are looked at."""


def read_answer(text: str, read: Callable[[Any], Proposal], *, field: str = "action") -> Proposal:
    """Return the proposal that a text states.

    Args:
        field: That says what is proposed; an object without it is none.
        read: Makes a proposal of what a JSON object says, or raises ``DecisionInvalid``.

    Raises:
        ModelFailed: EMPTY, REFUSED (it says that it cannot decide), AMBIGUOUS (two different
            proposals), INVALID (it breaks the contract) or NO_PROPOSAL.
    """
    if not text.strip():
        raise ModelFailed(ModelFailure.EMPTY, "the model answered with nothing")
    found: list[Any] = []
    broken: DecisionInvalid | None = None
    for piece in _objects(text):
        if f'"{field}"' not in piece and '"error"' not in piece:
            continue
        try:
            data = read_arguments(piece)
        except DecisionInvalid as exc:
            broken = exc
            continue
        if isinstance(data, dict) and (field in data or data.get("error") is True):
            found.append(data)
    for data in found:
        require_decided(data)
    if len({same_proposal(data) for data in found}) > 1:
        raise ModelFailed(ModelFailure.AMBIGUOUS, "two different proposals in one answer")
    if broken is not None:
        # Next to something that cannot be read, even a good proposal may not be what was meant.
        raise ModelFailed(ModelFailure.INVALID, broken.message)
    if not found:
        raise ModelFailed(ModelFailure.NO_PROPOSAL, "the answer states no proposal")
    try:
        return read(found[0])
    except DecisionInvalid as exc:
        raise ModelFailed(ModelFailure.INVALID, exc.message) from exc


def require_decided(data: Any) -> None:
    """Raise ``ModelFailed`` (REFUSED) when a model says that it cannot decide."""
    reason = refusal_of(data)
    if reason is not None:
        raise ModelFailed(ModelFailure.REFUSED, f"the model cannot decide: {reason}")


def same_proposal(data: Any) -> str:
    """Return a text that is the same for proposals of the same action and params."""
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if key != "reasoning"}
    return json.dumps(data, sort_keys=True)


def _objects(text: str) -> Iterator[str]:
    """Yield each outermost balanced ``{…}`` of a text, braces within strings left out."""
    found, start, depth, in_string, escaped = 0, 0, 0, False, False
    for i, c in enumerate(text):
        if in_string:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                in_string = False
        elif c == '"' and depth:
            in_string = True
        elif c == "{":
            if depth == 0:
                start = i
            depth += 1
        elif c == "}" and depth:
            depth -= 1
            if depth == 0:
                yield text[start : i + 1]
                found += 1
                if found == OBJECTS_MAX:
                    return
