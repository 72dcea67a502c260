"""The rule-based policy in the brain's place; the LLM manager takes the same one."""

from __future__ import annotations

from callwright.domain.decision import DoNothing
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import InsufficientData
from callwright.policy.rules import rule_based_proposal
from callwright.ports import BrainAnswer


class RuleBasedBrain:
    """Implements ``ports.Brain`` with the rule-based policy."""

    def __init__(self, settings: PolicySettings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        """Return the policy's proposal.

        Holding because no underlying has a known volatility is a failure to decide, not a hold.
        """
        proposal = rule_based_proposal(snapshot, scan, self._settings, self._limits)
        if isinstance(proposal, DoNothing) and all(v.status != "OK" for v in scan.vols.values()):
            return BrainAnswer(
                proposal=DoNothing(),
                source="rule_based",
                failure=InsufficientData.code,
                failure_message=proposal.reasoning,
            )
        return BrainAnswer(proposal=proposal, source="rule_based")
