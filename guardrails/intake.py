"""The first question of the guardrail: is this a proposal at all, and one without a size?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from callwright.domain.decision import (
    Action,
    CloseCoveredCall,
    DoNothing,
    OpenCoveredCall,
    Proposal,
    RollCoveredCall,
    parse_proposal,
)
from callwright.domain.instrument import is_option_name
from callwright.domain.verdict import Reason, Verdict
from callwright.errors import DecisionInvalid

_SIZE_WORDS = ("size", "amount", "quantity", "qty", "contracts", "lots", "notional")
_FACT_LENGTH_MAX = 300


def read_proposal(data: Any) -> Proposal | Verdict:
    """Return the proposal that ``data`` is (a model, a mapping, JSON text), or why it is none.

    The denials: PROPOSAL_INVALID, ACTION_UNKNOWN, SIZE_FROM_MODEL, SYMBOL_UNREADABLE. Never raises.
    """
    proposal: Proposal
    if isinstance(data, DoNothing | OpenCoveredCall | RollCoveredCall | CloseCoveredCall):
        proposal = data
    else:
        try:
            proposal = parse_proposal(data)
        except DecisionInvalid as exc:
            return _why_invalid(data, exc)
    if not isinstance(proposal, DoNothing):
        for field, symbol in proposal.params:
            if field.endswith("symbol") and not is_option_name(symbol):
                return Verdict.deny("SYMBOL_UNREADABLE", symbol=_shown(symbol))
    return proposal


def _why_invalid(data: Any, error: DecisionInvalid) -> Verdict:
    body = _as_mapping(data)
    reasons: list[Reason] = []
    if body is not None:
        action, params = body.get("action"), body.get("params")
        if "action" in body and action not in list(Action):
            reasons += Verdict.deny("ACTION_UNKNOWN", action=_shown(action)).reasons
        keys = [str(key) for key in (*body, *(params if isinstance(params, Mapping) else ()))]
        sized = [key for key in keys if any(word in key.lower() for word in _SIZE_WORDS)]
        if sized:
            reasons += Verdict.deny("SIZE_FROM_MODEL", fields=_shown(" ".join(sized))).reasons
    if not reasons:
        reasons += Verdict.deny("PROPOSAL_INVALID", why=error.message[:_FACT_LENGTH_MAX]).reasons
    return Verdict(allowed=False, reasons=tuple(reasons))


def _as_mapping(data: Any) -> Mapping[Any, Any] | None:
    if isinstance(data, str | bytes):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            return None
    return data if isinstance(data, Mapping) else None


def _shown(value: object) -> str:
    # Model text goes into records and onto screens: quoted, so without control characters.
    return ascii(value)[:_FACT_LENGTH_MAX]
