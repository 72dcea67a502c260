"""``propose_action``: the one way in which a manager answers, its schema and what it is told.

The schema is generated from the decision contract. A proposal is told whether it fits the contract
and names symbols that were shown, never what the risk engine would say of it.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Literal

from callwright.domain.decision import (
    PROPOSAL_ADAPTER,
    CloseCoveredCall,
    OpenCoveredCall,
    Proposal,
    RollCoveredCall,
    parse_proposal,
)
from callwright.domain.scan import Scan
from callwright.errors import DecisionInvalid
from callwright.tools.fences import fenced, outside_text

ERRORS_SHOWN_MAX = 4
CANNOT_DECIDE = "CANNOT_DECIDE"
"""In place of an action: a model that has to call a tool could not say otherwise that it has no
decision, and would hold instead. It is none of the contract's actions; no gate ever sees it.

A small model is not offered it: that of the cassettes took it in 3 of 18 situations, under a prompt
that also told another thing of the prechecks; without it, it decides them all (2026-11-22)."""


def proposal_schema(
    *, reasoning_length_max: int | None = None, can_refuse: bool = True
) -> dict[str, Any]:
    """Return the JSON schema of a proposal, as strict function parameters allow it.

    OpenAI's strict mode wants one closed object at the top, without ``anyOf`` (structured outputs
    guide, read 2026-11-21): so the union is flattened to ``action``, ``params`` (any of the
    actions' params) and ``reasoning``. Which params belong to which action is left to the parser.

    Args:
        reasoning_length_max: Characters, for a server whose grammar keeps it; strict mode has none.
        can_refuse: Whether ``CANNOT_DECIDE`` is among the actions.
    """
    reasoning: dict[str, Any] = {"type": "string"}
    if reasoning_length_max is not None:
        reasoning["maxLength"] = reasoning_length_max
    whole = PROPOSAL_ADAPTER.json_schema()
    variants = [_resolved(variant, whole) for variant in whole["oneOf"]]
    params: list[dict[str, Any]] = []
    for variant in variants:
        schema = _plain(_resolved(variant["properties"]["params"], whole))
        if schema not in params:
            params.append(schema)
    return {
        "type": "object",
        "properties": {
            "action": {
                "type": "string",
                "enum": [
                    *(variant["properties"]["action"]["const"] for variant in variants),
                    *([CANNOT_DECIDE] if can_refuse else []),
                ],
            },
            "params": {"anyOf": params},
            "reasoning": reasoning,
        },
        "required": ["action", "params", "reasoning"],
        "additionalProperties": False,
    }


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = whole["$defs"][reference.rpartition("/")[2]]
    return found


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an object of strings without titles, lengths and defaults: strict mode has none."""
    properties = copy.deepcopy(schema.get("properties", {}))
    return {
        "type": "object",
        "properties": {name: {"type": part["type"]} for name, part in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


def read_arguments(text: str) -> Any:
    """Return what a JSON text says, taking nothing that JSON or the contract does not know.

    Raises:
        DecisionInvalid: It is not JSON, a key stands twice, or a number is not finite.
    """
    try:
        return json.loads(
            text,
            parse_constant=_no_number,
            parse_float=_finite,
            object_pairs_hook=_without_duplicates,
        )
    except (ValueError, RecursionError) as exc:
        raise DecisionInvalid(f"not JSON: {outside_text(str(exc))}") from exc


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:20]} is not a finite number")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def refusal_of(data: Any) -> str | None:
    """Return why a model says that it cannot decide; None when it says no such thing.

    A menu has it among its options. A small model without a menu is told to write
    ``{"error": true, "error_reason": "…"}`` instead.
    """
    if not isinstance(data, dict):
        return None
    if CANNOT_DECIDE in (data.get("action"), data.get("option")):
        return outside_text(str(data.get("reasoning", "")))
    if data.get("error") is True:
        return outside_text(str(data.get("error_reason", "")))
    return None


def read_proposal(data: Any, scan: Scan) -> Proposal:
    """Return the proposal that ``data`` (JSON text, or what it says) states, on symbols shown.

    Raises:
        DecisionInvalid: It breaks the decision contract, or names a symbol that is not among the
            candidates or open short calls of ``scan``.
    """
    proposal = parse_proposal(read_arguments(data) if isinstance(data, str) else data)
    wrong = membership_errors(
        proposal,
        candidates=[candidate.symbol for candidate in scan.candidates],
        shorts=[short.symbol for book in scan.books.values() for short in book.short_calls],
    )
    if wrong:
        raise DecisionInvalid("; ".join(wrong))
    return proposal


def membership_errors(
    proposal: Proposal, *, candidates: list[str], shorts: list[str]
) -> tuple[str, ...]:
    """Return one sentence for each symbol that is not of those shown."""

    def missing(field: str, symbol: str, kind: Literal["candidate", "short"]) -> list[str]:
        known = candidates if kind == "candidate" else shorts
        what = "one of the candidates" if kind == "candidate" else "an open short call"
        name = outside_text(symbol, length_max=64)
        return [] if symbol in known else [f"params.{field}: {name} is not {what}"]

    match proposal:
        case OpenCoveredCall():
            return tuple(missing("symbol", proposal.params.symbol, "candidate"))
        case RollCoveredCall():
            return tuple(
                missing("from_symbol", proposal.params.from_symbol, "short")
                + missing("symbol", proposal.params.symbol, "candidate")
            )
        case CloseCoveredCall():
            return tuple(missing("symbol", proposal.params.symbol, "short"))
    return ()


def answer_accepted() -> str:
    """Return what a model is told of a proposal that was taken."""
    return '{"accepted":true}'


def answer_refused(error: DecisionInvalid) -> str:
    """Return what a model is told of a proposal that was not taken: which fields, and why."""
    errors = [outside_text(part, length_max=200) for part in error.message.split("; ")]
    # They quote what the model wrote, and that may come from a text that it was shown.
    return fenced({"accepted": False, "errors": errors[:ERRORS_SHOWN_MAX]})
