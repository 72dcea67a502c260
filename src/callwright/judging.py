"""What code makes of a snapshot and an answer around the two gates: prechecks, baseline, care.

Pure. The cycle asks it of what it has just seen, ``what_if`` of what a cycle saw before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from callwright import gates
from callwright.analytics.scanner import with_prechecks
from callwright.domain.decision import DoNothing, OpenCoveredCall, OpenParams, Proposal, Sizing
from callwright.domain.instrument import parse_option_name
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.scan import Candidate, Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid
from callwright.guardrails.approval import precheck
from callwright.policy.care import forced_close
from callwright.policy.rules import rule_based_proposal
from callwright.policy.sizing import size
from callwright.ports import BrainAnswer


def prechecked(
    snapshot: Snapshot,
    scan: Scan,
    margins: Mapping[str, Decimal],
    policy: PolicySettings,
    limits: Limits,
) -> Scan:
    """Return the scan, each candidate with its size, its margin, and what it would fail.

    Args:
        margins: The venue's initial margin for selling one coin, by option; one that is missing
            is unknown, and denies.
    """
    with_margins = [
        c.model_copy(update={"margin_initial_coin": margins.get(c.symbol)}) for c in scan.candidates
    ]
    scan = with_prechecks(scan, with_margins)
    return with_prechecks(
        scan, [_prechecked(c, snapshot, scan, policy, limits) for c in with_margins]
    )


def _prechecked(
    candidate: Candidate, snapshot: Snapshot, scan: Scan, policy: PolicySettings, limits: Limits
) -> Candidate:
    proposal = OpenCoveredCall(
        params=OpenParams(underlying=candidate.underlying, symbol=candidate.symbol)
    )
    sizing = size(proposal, snapshot, scan, policy, limits)
    codes = precheck(proposal, snapshot=snapshot, scan=scan, sizing=sizing, limits=limits)
    return candidate.model_copy(
        update={"size_coin": sizing.sell_coin, "passes": not codes, "codes": codes}
    )


def held_but_not_shown(snapshot: Snapshot) -> str | None:
    """Return a live option that is held and missing from the chain: its worth is not known."""
    for position in snapshot.account.positions:
        try:
            option = parse_option_name(position.instrument_name)
        except DataInvalid:
            # A future or a combo: somebody else's, reported, and it leaves net delta unknown.
            continue
        market = snapshot.market.underlyings.get(option.underlying)
        if market is None or option.expiry <= snapshot.as_of:
            continue
        if market.chain.listing.row(option.name) is None:
            return option.name
    return None


def failed_after(answer: BrainAnswer, code: str, message: str) -> BrainAnswer:
    """Return an answer that cannot be acted on; an earlier failure stays first, a proposal is kept.

    What the model had proposed stands in the record's ``llm.proposal``; what the rules had, in the
    cycle of a shadow, is none of the model's.
    """
    if answer.failure is not None:
        return replace(answer, failure_message=f"{answer.failure_message}; {code} {message}")
    llm = answer.llm
    if answer.source == "llm" and llm is not None and not isinstance(answer.proposal, DoNothing):
        llm = {**llm, "proposal": answer.proposal.model_dump()}
    return replace(answer, failure=code, failure_message=message, llm=llm)


def after_failure(
    failed: BrainAnswer,
    snapshot: Snapshot,
    scan: Scan,
    policy: PolicySettings,
    limits: Limits,
    *,
    may_care: bool = True,
) -> BrainAnswer:
    """Return what is done when a brain failed: the close that care forces, else nothing."""
    close = None
    if may_care:
        would_pass = gates.passes(snapshot, scan, policy, limits)
        close = forced_close(snapshot, scan, limits, would_pass=would_pass)
    return BrainAnswer(
        proposal=close or DoNothing(reasoning=""),
        source="care" if close else failed.source,
        failure=failed.failure,
        failure_message=failed.failure_message,
        llm=failed.llm,
    )


def baseline_of(
    answer: BrainAnswer, snapshot: Snapshot, scan: Scan, policy: PolicySettings, limits: Limits
) -> tuple[Proposal, Sizing] | None:
    """Return what the rules would have proposed where a model was to decide, else None."""
    if answer.source != "llm":
        return None
    would_pass = gates.passes(snapshot, scan, policy, limits)
    proposal = rule_based_proposal(snapshot, scan, policy, limits, would_pass=would_pass)
    return proposal, size(proposal, snapshot, scan, policy, limits)
