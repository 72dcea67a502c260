"""The rule-based policy in the brain's place; the LLM manager takes the same one."""

from __future__ import annotations

from callwright.domain.decision import DoNothing
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.record import DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import InsufficientData
from callwright.gates import passes
from callwright.policy.rules import rule_based_proposal
from callwright.ports import BrainAnswer


class RuleBasedBrain:
    """Implements ``ports.Brain`` with the rule-based policy."""

    source: DecisionSource = "rule_based"

    def __init__(self, settings: PolicySettings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        """Return the policy's proposal."""
        return rule_based_answer(snapshot, scan, self._settings, self._limits)


def rule_based_answer(
    snapshot: Snapshot, scan: Scan, settings: PolicySettings, limits: Limits
) -> BrainAnswer:
    """Return the policy's proposal.

    Holding because no underlying has a known volatility is a failure to decide, not a hold.
    """
    proposal = rule_based_proposal(
        snapshot, scan, settings, limits, would_pass=passes(snapshot, scan, settings, limits)
    )
    unknown = {vol.status for vol in scan.vols.values()}
    if isinstance(proposal, DoNothing) and "OK" not in unknown:
        # Too little history passes with time; a surface that cannot be read does not.
        return BrainAnswer(
            proposal=DoNothing(),
            source="rule_based",
            failure="NO_SURFACE" if "NO_SURFACE" in unknown else InsufficientData.code,
            failure_message=proposal.reasoning,
        )
    return BrainAnswer(proposal=proposal, source="rule_based")
