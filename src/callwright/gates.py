"""A proposal's way through sizing and both gates, in one call, and a menu of what passes them."""

from __future__ import annotations

from collections.abc import Callable

from callwright.domain.decision import Proposal, Sizing
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.menu import Menu
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.guardrails.approval import Approval, approve
from callwright.policy.menu import menu
from callwright.policy.sizing import size


def judge(
    proposal: Proposal, snapshot: Snapshot, scan: Scan, policy: PolicySettings, limits: Limits
) -> tuple[Sizing, Approval]:
    """Return the size that code gives a proposal, and what guardrail and risk engine say of it."""
    sizing = size(proposal, snapshot, scan, policy, limits)
    return sizing, approve(proposal, snapshot=snapshot, scan=scan, sizing=sizing, limits=limits)


def passes(
    snapshot: Snapshot, scan: Scan, policy: PolicySettings, limits: Limits
) -> Callable[[Proposal], bool]:
    """Return the question "would both gates allow it now?", for choosing between alternatives."""

    def would_pass(proposal: Proposal) -> bool:
        return judge(proposal, snapshot, scan, policy, limits)[1].trade is not None

    return would_pass


def codes(
    proposal: Proposal, snapshot: Snapshot, scan: Scan, policy: PolicySettings, limits: Limits
) -> tuple[str, ...]:
    """Return every code that the gates would deny a proposal with now; none: it would pass."""
    approval = judge(proposal, snapshot, scan, policy, limits)[1]
    verdicts = (approval.guardrail, approval.risk)
    return tuple(dict.fromkeys(code for v in verdicts if v is not None for code in v.codes))


def menu_now(
    snapshot: Snapshot,
    scan: Scan,
    policy: PolicySettings,
    limits: Limits,
    *,
    has_prechecks: bool = True,
) -> Menu:
    """Return what is worth considering, of that only what both gates would allow.

    Args:
        has_prechecks: False leaves in what gates deny, to measure what a model makes of it.
    """
    would_pass = passes(snapshot, scan, policy, limits) if has_prechecks else None
    return menu(snapshot, scan, policy, limits, would_pass=would_pass)
