"""Two records of one decision side by side: the recorded one and the one that was made again."""

from __future__ import annotations

import json
from typing import Literal

from callwright.domain.base import Frozen
from callwright.domain.record import ActionRecord, CycleRecord, DecisionSource, VerdictRecord

DECIDED = (
    "state", "proposed_action", "baseline_action", "guardrail", "risk_check", "clamps",
    "final_action", "decision_source", "failure", "failure_message",
)  # fmt: skip
"""What a decision makes of a record. The rest is orders, what earlier orders became, settings, and
what a model cost."""

Aspect = Literal["action", "option", "size", "verdict", "failure"]


class Comparison(Frozen):
    """How two records of a decision compare.

    Attributes:
        is_identical: Every digit and word of what a decision makes of a record.
        differs: In what the decisions differ; empty with other words or figures only.
    """

    is_identical: bool
    differs: tuple[Aspect, ...]


def compared(recorded: CycleRecord, replayed: CycleRecord) -> Comparison:
    """Return how a decision that was made again compares with the recorded one."""
    one, other = (json.loads(record.to_line()) for record in (recorded, replayed))
    if all(one[name] == other[name] for name in DECIDED):
        return Comparison(is_identical=True, differs=())
    found: list[Aspect] = []
    for a, b in (
        (recorded.proposed_action, replayed.proposed_action),
        (recorded.final_action, replayed.final_action),
    ):
        aspect = _aspect(a, b)
        if aspect is not None and aspect not in found:
            found.append(aspect)
    if any(
        _verdict(a) != _verdict(b)
        for a, b in (
            (recorded.guardrail, replayed.guardrail),
            (recorded.risk_check, replayed.risk_check),
        )
    ):
        found.append("verdict")
    if recorded.failure != replayed.failure:
        found.append("failure")
    return Comparison(is_identical=False, differs=tuple(found))


class Choice(Frozen):
    """What was decided, by whom, and what the gates said."""

    decided_by: DecisionSource
    model: str | None
    proposed: ActionRecord
    guardrail: VerdictRecord
    risk_check: VerdictRecord
    final: ActionRecord
    failure: str | None
    failure_message: str

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code of its denial; none when it was allowed."""
        verdicts = (self.guardrail, self.risk_check)
        return tuple(dict.fromkeys(r.code for v in verdicts if not v.allowed for r in v.reasons))


def choice_of(record: CycleRecord) -> Choice:
    """Return the choice that a record tells of."""
    model = (record.llm or {}).get("model")
    return Choice(
        decided_by=record.decision_source,
        model=None if record.decision_source == "rule_based" or model is None else str(model),
        proposed=record.proposed_action,
        guardrail=record.guardrail,
        risk_check=record.risk_check,
        final=record.final_action,
        failure=record.failure,
        failure_message=record.failure_message,
    )


def _aspect(one: ActionRecord, other: ActionRecord) -> Aspect | None:
    """Return in what two actions differ; what follows from it is not named again."""
    if one.action != other.action:
        return "action"
    if any(one.params.get(name) != other.params.get(name) for name in ("from_symbol", "symbol")):
        return "option"
    return "size" if one.params.get("size") != other.params.get("size") else None


def _verdict(verdict: VerdictRecord) -> tuple[bool | None, frozenset[str]]:
    return verdict.allowed, frozenset(reason.code for reason in verdict.reasons)
