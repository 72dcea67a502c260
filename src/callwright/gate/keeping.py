"""The gate of a running desk: whose answer counts, and what is told of it.

Production lets a model decide only while its combination is approved and its canary sang; else the
rules decide, and the model is their shadow. Research lets it decide and says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from callwright.domain.record import DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.shadow import GATE, RESEARCH_LETS_IT, RULES_DECIDE
from callwright.domain.snapshot import Snapshot
from callwright.gate.standing import NeverApproved, Standing, other_model
from callwright.ports import Brain, BrainAnswer
from callwright.shadowing import ShadowedBrain

NOT_BEGUN = "its canary has not been asked yet"

Canary = Callable[[Standing], Awaitable[str]]
"""Returns in what a model that is approved is not as it was then; empty when it is."""


class GatedBrain:
    """Implements ``ports.Brain``: a model behind the gate.

    Args:
        model: Asked in every cycle, whoever decides.
        standings: Of each model that may be asked, the usual one first.
        is_production: The rules decide where something speaks against the model.
        canary: None leaves the canary out; production has to have one.
    """

    def __init__(
        self,
        model: Brain,
        rules: Brain,
        standings: Mapping[str, Standing | NeverApproved],
        *,
        is_production: bool,
        canary: Canary | None,
    ) -> None:
        self._standings = dict(standings)
        self._usual = next(iter(standings))
        self._is_production = is_production
        self._canary = canary
        self._against: dict[str, str] = {}
        for name, standing in self._standings.items():
            self._object(name, standing.why or (NOT_BEGUN if is_production else ""))
        self._brain = ShadowedBrain(model, rules, self._instead)

    @property
    def decided_by(self) -> str:
        """Return who decides, in words."""
        if self._is_production and self._standings[self._usual].why:
            return f"the rules, with {self._usual} as their shadow"
        return self._usual

    async def begin(self, tell: Callable[[str], None]) -> None:
        """Say how each model stands, and ask the canaries of those that are approved.

        Raises:
            StorageError: The usage of a model cannot be booked.
        """
        for name, standing in self._standings.items():
            if isinstance(standing, NeverApproved) or standing.approval is None:
                tell(self._told(standing.why, remedy=standing.remedy))
            elif self._canary is None:
                tell(f"{name} is approved as {standing.approval.version}; its canary is left out.")
            else:
                count = len(standing.approval.canary)
                tell(f"Asking {name} the {count} situations of its canary before it decides.")
                drift = await self._canary(standing)
                self._object(name, drift)
                if drift:
                    tell(f"ALARM: {name}: {self._told(drift)}")
                else:
                    tell(f"{name} answers as approved ({standing.approval.version}).")

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        """Return the model's answer, or the rules' own with the model's as its shadow.

        Raises:
            StorageError: The usage of the model cannot be booked.
        """
        answer = await self._brain.decide(snapshot, scan)
        if answer.llm is None:
            return answer
        name = self._name(answer)
        gate: dict[str, Any] = {}
        if (version := self._standings[name].version) is not None:
            gate["version"] = version
        gate["approved"] = not self._against[name]
        if self._against[name]:
            gate["why"] = self._against[name]
        return replace(answer, llm={**answer.llm, GATE: gate})

    def _instead(self, answer: BrainAnswer) -> str | None:
        name = self._name(answer)
        approval = self._standings[name].approval
        if approval is not None and answer.failure is None and not self._against[name]:
            # From here on: only another start, and its canary, can take that back.
            self._object(name, other_model(approval, answer.llm or {}))
        return self._reason(name)

    def _object(self, name: str, why: str) -> None:
        self._against[name] = why
        # What a cycle is recorded under that ended before anybody was asked.
        self.source: DecisionSource = "rule_based" if self._reason(self._usual) else "llm"

    def _reason(self, name: str) -> str | None:
        return self._against.get(name) or None if self._is_production else None

    def _name(self, answer: BrainAnswer) -> str:
        """Return which model was asked; one that nobody named counts as the usual one."""
        name = (answer.llm or {}).get("model")
        return name if name in self._standings else self._usual

    def _told(self, why: str, *, remedy: str = "") -> str:
        decides = RULES_DECIDE if self._is_production else f"{RESEARCH_LETS_IT} all the same"
        return f"{why}; {decides}." + (f" What to do: {remedy}." if remedy else "")
