"""What models did in a run and what asking them cost: those that decided, and shadows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from callwright.domain.record import ActionRecord, CycleRecord
from callwright.domain.shadow import gated_shadow_of


@dataclass
class UsageTotals:
    """What asking a model took.

    Attributes:
        cycles: Those that are counted.
        requests: Requests to providers.
        input_tokens, cached_tokens, output_tokens: Sums of what providers reported; None: nothing.
        cost_usd: Sum of the known costs; None when none is known.
        unpriced: Decisions whose cost is not known.
    """

    cycles: int = 0
    requests: int = 0
    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    cost_usd: float | None = None
    unpriced: int = 0

    def to_jsonable(self) -> dict[str, Any]:
        """Return the totals as JSON values."""
        return dict(self.__dict__)

    def _add_usage(self, llm: Mapping[str, Any] | None) -> None:
        if not llm or not llm.get("requests"):
            return
        self.requests += llm["requests"]
        for name in ("input_tokens", "cached_tokens", "output_tokens", "cost_usd"):
            value = llm.get(name)
            if value is not None:
                setattr(self, name, (getattr(self, name) or 0) + value)
        self.unpriced += llm.get("cost_usd") is None


@dataclass
class ModelTotals(UsageTotals):
    """What models decided in the cycles that were theirs to decide, and what that cost.

    Attributes:
        decided: Those in which it gave a proposal.
        agreed: Proposals of the same action on the same instruments as the rules'.
        denied: Proposals that a gate refused.
    """

    decided: int = 0
    agreed: int = 0
    denied: int = 0

    def add(self, record: CycleRecord) -> None:
        """Count one record, if a model was to decide it."""
        baseline, proposed = record.baseline_action, record.proposed_action
        if baseline is None:
            return
        self.cycles += 1
        if record.failure is None or (record.llm or {}).get("proposal"):
            self.decided += 1
        if record.failure is None:
            self.agreed += _same_trade(proposed, baseline)
            verdicts = (record.guardrail, record.risk_check)
            self.denied += any(verdict.allowed is False for verdict in verdicts)
        self._add_usage(record.llm)


@dataclass
class ShadowTotals(UsageTotals):
    """What models proposed in cycles that the rules decided, and what asking them cost.

    A reply that was not recorded is no shadow: nobody was asked.

    Attributes:
        proposed: Those in which it gave a proposal.
        agreed: Proposals of the same action on the same instruments as the rules'.
    """

    proposed: int = 0
    agreed: int = 0

    def add(self, record: CycleRecord) -> None:
        """Count one record, if it has a shadow."""
        shadow = gated_shadow_of(record.llm)
        if shadow is None:
            return
        self.cycles += 1
        if shadow.action is not None:
            self.proposed += 1
            proposed = record.proposed_action
            self.agreed += _traded(shadow.action, shadow.params) == _traded(
                proposed.action, proposed.params
            )
        self._add_usage(record.llm)


def _same_trade(one: ActionRecord, other: ActionRecord) -> bool:
    return _traded(one.action, one.params) == _traded(other.action, other.params)


def _traded(action: str, params: Mapping[str, Any]) -> tuple[Any, ...]:
    return action, params.get("from_symbol"), params.get("symbol")
