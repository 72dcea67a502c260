"""A brain behind a model: the model is asked first, and the rules decide where it may not.

What the model proposed is kept in the record as a shadow. It reaches no gate, no size and no order:
an answer of the rules carries it as data, under ``llm``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from callwright.domain.decision import DoNothing
from callwright.domain.record import DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.shadow import SHADOW
from callwright.domain.snapshot import Snapshot
from callwright.errors import CallwrightError, StorageError
from callwright.ports import Brain, BrainAnswer


class ShadowedBrain:
    """Implements ``ports.Brain``: a model whose answer stands unless there is a reason against it.

    Args:
        model: Asked first, within its own deadline and budget.
        rules: Asked when the model's answer does not stand.
        instead: Why the rules decide in the place of this answer of the model's; None: it stands.
    """

    def __init__(
        self, model: Brain, rules: Brain, instead: Callable[[BrainAnswer], str | None]
    ) -> None:
        # What a cycle is recorded under that ended before anybody was asked.
        self.source: DecisionSource = model.source
        self._model = model
        self._rules = rules
        self._instead = instead

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        """Return the model's answer, or the rules' own with the model's as its shadow.

        Raises:
            StorageError: The usage of the model cannot be booked.
        """
        broken: Exception | None = None
        try:
            answer = await self._model.decide(snapshot, scan)
        except StorageError:
            raise
        except Exception as exc:  # noqa: BLE001 - a shadow must not be able to end a cycle
            broken = exc
            answer = BrainAnswer(
                proposal=DoNothing(),
                source=self._model.source,
                failure=exc.code if isinstance(exc, CallwrightError) else CallwrightError.code,
                # The message of what nobody expected may say anything; its name tells enough.
                failure_message=type(exc).__name__,
            )
        why = self._instead(answer)
        if why is None:
            if broken is not None:
                raise broken
            return answer
        return in_shadow(answer, await self._rules.decide(snapshot, scan), why)


def in_shadow(answer: BrainAnswer, decided: BrainAnswer, why: str) -> BrainAnswer:
    """Return what the rules decided, with a model's answer as its shadow.

    That the model's budget stops new risk holds whoever decides.
    """
    return replace(
        decided,
        llm={**(answer.llm or {}), SHADOW: _shadow(answer, why)},
        stop_new_risk=decided.stop_new_risk or answer.stop_new_risk,
    )


def _shadow(answer: BrainAnswer, why: str) -> Mapping[str, Any]:
    # A failed answer's DO_NOTHING is no proposal of anybody's.
    has_failed = answer.failure is not None
    return {
        "proposal": None if has_failed else answer.proposal.model_dump(mode="json"),
        "failure": answer.failure,
        "failure_message": answer.failure_message,
        "why": why,
    }
