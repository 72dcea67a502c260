"""Whether the combination in use is approved, and in what it differs where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from callwright.gate.approvals import Approval, Approvals, Part, differing

if TYPE_CHECKING:
    from callwright.gate.combination import Combination

CANARIES = ("open/calm", "open/below-floor", "care/roll-due-by-days", "care/cover-lost")
"""Situations of the canary: sell, hold, roll, close."""


@dataclass(frozen=True)
class Standing:
    """What the gate says of one combination.

    Attributes:
        approval: Its own; None when it is not approved.
        nearest: What it was compared with where it is not approved; None when nothing is.
    """

    remedy: ClassVar[str] = "callwright gate approve"

    combination: Combination
    approval: Approval | None
    nearest: Approval | None

    @property
    def version(self) -> str:
        return self.combination.version

    @property
    def is_approved(self) -> bool:
        return self.approval is not None

    @property
    def differs(self) -> tuple[Part, ...]:
        """Return the parts that differ from the nearest approval; none when it is approved."""
        if self.is_approved or self.nearest is None:
            return ()
        return differing(self.combination.parts, self.nearest.parts)

    @property
    def why(self) -> str:
        """Return why it is not approved, in a sentence without an end; empty when it is."""
        if self.is_approved:
            return ""
        what = f"{self.combination.model} as {self.combination.version} is not approved"
        if self.nearest is None:
            return f"{what}: nothing is"
        parts = " and ".join(self.differs)
        of = self.nearest
        return f"{what}: other {parts} than {of.model} as {of.version} of {of.approved_at:%Y-%m-%d}"


@dataclass(frozen=True)
class NeverApproved:
    """How recorded replies stand: no file can approve them, so nothing is looked up."""

    why: ClassVar[str] = "recorded replies are never approved"
    remedy: ClassVar[str] = "take LLM_RECORDING away, so that a model is asked"
    version: ClassVar[None] = None
    approval: ClassVar[None] = None


def standing_of(combination: Combination, approvals: Approvals) -> Standing:
    """Return what the gate says of a combination."""
    return Standing(
        combination,
        approval=approvals.of(combination.version),
        nearest=approvals.nearest(combination.parts),
    )


def other_model(approval: Approval, llm: Mapping[str, Any]) -> str:
    """Return in what the provider's name for the model is not the approved one; else empty.

    The reply that proposed has to be named as approved; whatever an earlier reply of the decision
    is named has to be approved as well.

    Args:
        llm: Of an answer that came without a failure.
    """
    approved = ", ".join(approval.served_models)
    served = next(
        (name for name in llm.get("served_models", ()) if name not in approval.served_models),
        llm.get("served_model"),
    )
    if served in approval.served_models or (served is None and not approved):
        return ""
    if served is None:
        return f"the provider no longer names the model, approved was {approved}"
    return f"the provider names the model {served}, approved was {approved or 'one without a name'}"
