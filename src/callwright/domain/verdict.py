"""Refusing is a value: a stable code plus ``key=value`` facts.

Only ``guardrails.approval`` may build an ``ApprovedTrade``; the planner accepts nothing else, so
no order can skip the gates (a test reads the source for this).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callwright.domain.base import Frozen
from callwright.domain.decision import Sizing, TradeProposal

Fact = str | int | float | bool | None


class Reason(Frozen):
    """Why something was denied: ``DTE_BELOW_MINIMUM`` with ``{"dte_days": 2.99, "min": 3.0}``.

    Codes are ``CATEGORY_CONDITION``, documented in docs/codes.md, and never change their meaning.
    """

    code: str
    facts: Mapping[str, Fact] = {}

    def __str__(self) -> str:
        facts = " ".join(
            f"{key}={value:.6g}" if isinstance(value, float) else f"{key}={value}"
            for key, value in self.facts.items()
        )
        return f"{self.code} {facts}".rstrip()


class Verdict(Frozen):
    """What one rule, or a whole set of rules, says of a proposal."""

    allowed: bool
    reasons: tuple[Reason, ...] = ()

    @classmethod
    def allow(cls) -> Verdict:
        """Return the verdict that has nothing against it."""
        return _ALLOWED

    @classmethod
    def deny(cls, code: str, **facts: Any) -> Verdict:
        """Return a denial; Decimals among the facts become floats for the record."""
        clean = {
            key: value if value is None or isinstance(value, (str, int)) else _finite(value)
            for key, value in facts.items()
        }
        return cls(allowed=False, reasons=(Reason(code=code, facts=clean),))

    @property
    def code(self) -> str | None:
        """The first code, or None when allowed."""
        return self.reasons[0].code if self.reasons else None

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes, in the order of the rules."""
        return tuple(reason.code for reason in self.reasons)


def _finite(value: Any) -> Fact:
    number = float(value)
    # A fact is evidence, not arithmetic: a NaN that caused a denial is named, not hidden.
    return number if abs(number) < float("inf") else str(number)


_ALLOWED = Verdict(allowed=True)


@dataclass(frozen=True)
class ApprovedTrade:
    """A proposal and its size that both gates allowed, for one snapshot.

    Attributes:
        proposal: What was asked for.
        sizing: The most that may be sent.
        guardrail, risk: The verdicts that allowed it.
    """

    proposal: TradeProposal
    sizing: Sizing
    guardrail: Verdict
    risk: Verdict

    def __post_init__(self) -> None:
        if not (self.guardrail.allowed and self.risk.allowed):
            raise ValueError("an approved trade needs two verdicts that allow it")
