"""Both gates in their order. The only place that builds an ``ApprovedTrade``.

The planner accepts nothing else, so no order can skip a gate. Nothing here knows who proposed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from callwright.domain.decision import DoNothing, OpenCoveredCall, Sizing
from callwright.domain.limits import Limits
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.domain.verdict import ApprovedTrade, Verdict
from callwright.guardrails.intake import read_proposal
from callwright.guardrails.rule_input import RuleInput
from callwright.guardrails.ruleset import GUARDRAIL_RULES, RISK_RULES, run_rules


class Approval(NamedTuple):
    """What the gates said.

    Attributes:
        guardrail: Is it a legal proposal?
        risk: Would the book after it respect every limit? None: not asked, the guardrail denied.
        trade: What may be sent; None when either gate denied, or for holding.
    """

    guardrail: Verdict
    risk: Verdict | None
    trade: ApprovedTrade | None


def approve(
    proposal: Any, *, snapshot: Snapshot, scan: Scan, sizing: Sizing, limits: Limits
) -> Approval:
    """Return what guardrail and risk engine say of a proposal; never raises for its sake.

    Args:
        proposal: A domain ``Proposal``, or what should become one: a mapping or JSON text.
        sizing: The size that code gave it.

    Every rule of a gate is asked and every reason kept, in the order of the rules. ``DoNothing`` is
    allowed by both, with nothing to trade.
    """
    read = read_proposal(proposal)
    if isinstance(read, Verdict):
        return Approval(read, None, None)
    if isinstance(read, DoNothing):
        return Approval(Verdict.allow(), Verdict.allow(), None)
    x = RuleInput(read, snapshot, scan, sizing, limits)
    guardrail = run_rules(GUARDRAIL_RULES, x)
    if not guardrail.allowed:
        return Approval(guardrail, None, None)
    risk = run_rules(RISK_RULES, x)
    if not risk.allowed:
        return Approval(guardrail, risk, None)
    return Approval(guardrail, risk, ApprovedTrade(read, sizing, guardrail, risk))


def precheck(
    proposal: OpenCoveredCall, *, snapshot: Snapshot, scan: Scan, sizing: Sizing, limits: Limits
) -> tuple[str, ...]:
    """Return every code that opening this call now would fail with, each once; empty: it passes."""
    read = read_proposal(proposal)
    if isinstance(read, Verdict):
        return read.codes
    x = RuleInput(proposal, snapshot, scan, sizing, limits)
    return tuple(dict.fromkeys(run_rules((*GUARDRAIL_RULES, *RISK_RULES), x).codes))
