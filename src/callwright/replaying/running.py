"""Deciding stored decisions again, one after the other, and following what became of both choices.

One pass in the order of time: a snapshot is decoded, decided on, used to value what was chosen
before, and let go. Nothing of the desk is written; what a model costs is booked.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from callwright.config import Settings, changed_settings
from callwright.domain.base import iso_utc
from callwright.domain.decision import DoNothing
from callwright.domain.desk import DESK_FILE
from callwright.domain.explain import WhatIf
from callwright.domain.failure import BUDGET_FAILURES, UNHEARD, ModelFailure
from callwright.domain.record import CycleRecord, DecisionSource
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid, QueryInvalid
from callwright.evaluation.running import UNREACHED_MAX, AskAnything, rules
from callwright.judging import held_but_not_shown
from callwright.memory.database import DeskDatabase, read_desk_database
from callwright.memory.snapshots import (
    StoredDecision,
    count_decisions,
    decisions_in_order,
    span_of_decisions,
)
from callwright.playing import origin_of
from callwright.ports import BrainAnswer
from callwright.replaying.asking import model
from callwright.replaying.comparing import Aspect, Choice, choice_of, compared
from callwright.replaying.legs import Legs, legs_of
from callwright.replaying.outcomes import Future
from callwright.replaying.question import Progress, Question, nothing_to_decide
from callwright.replaying.report import (
    BrainName,
    Difference,
    Missing,
    Report,
    Side,
    by_day,
    totals_of,
)
from callwright.replaying.tally import Tally, by_count
from callwright.what_if.case import case_under, decided
from callwright.what_if.settings import settings_then, with_changes


def replay(
    question: Question,
    settings: Settings,
    *,
    booked_in: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_record: Callable[[CycleRecord], None] = lambda record: None,
) -> Report:
    """Return what the stored decisions of the settings' home come to when decided again.

    Args:
        settings: Of now: their home is read and their models are asked; limits, scanner and policy
            are those of each decision, with the question's changes.
        booked_in: Home in whose budgets a model is booked; None: a temporary one's.
        on_record: Told of each record that was made again.

    Raises:
        ConfigError: A model's endpoint or price is refused, its key is missing, or the prompt has
            other placeholders than the manager's.
        QueryInvalid: No stored decision is meant, or a change is impossible.
        StorageError: The desk's memory cannot be read, or the usage cannot be booked.
    """
    # Another model in its place would not be the one that is asked about.
    settings = changed_settings(settings, llm_cheaper_model_name=None)
    with ExitStack() as stack:
        # First: booking in a home makes one where none is.
        database = stack.enter_context(read_desk_database(settings.callwright_home / DESK_FILE))
        ask: AskAnything = rules
        if question.brain == "llm":
            ask = stack.enter_context(model(settings, prompt=question.prompt, booked_in=booked_in))
        run = _Run(question, settings, ask, on_progress, on_record)
        asyncio.run(run.all(database))
    return run.report()


_Changed = tuple[Settings, tuple[str, ...]]
"""Settings, and how they were changed, in words."""


@dataclass(frozen=True)
class _Differing:
    """A difference whose outcomes are not known yet; of both, what is recorded stands first."""

    decision_id: int
    cycle_id: str
    at: datetime
    differs: tuple[Aspect, ...]
    choices: tuple[Choice, Choice]
    legs: tuple[Legs, Legs]


class _Run:
    def __init__(
        self,
        question: Question,
        settings: Settings,
        ask: AskAnything,
        on_progress: Callable[[Progress], None],
        on_record: Callable[[CycleRecord], None],
    ) -> None:
        self._question, self._settings, self._ask = question, settings, ask
        self._on_progress, self._on_record = on_progress, on_record
        self._future = Future()
        self._differing: list[_Differing] = []
        self._missing: Counter[str] = Counter()
        self._tally = Tally()
        self._under: tuple[Mapping[str, Any], _Changed] | None = None
        self._unreached = 0
        self._span: tuple[str, str] | None = None
        self._origin = origin_of(settings) if question.brain == "llm" else None
        self._known_until = self._stopped = ""

    async def all(self, database: DeskDatabase) -> None:
        """Go through the memory once."""
        question = self._question
        self._span = span_of_decisions(database)
        until = None if question.until is None else iso_utc(question.until)
        total = count_decisions(database, since=question.since)
        rows = decisions_in_order(database, since=question.since)
        for at, stored in enumerate(rows, start=1):
            is_asked = until is None or stored.record.state.as_of < until
            is_asked = is_asked and not self._stopped
            if not (is_asked or self._differing):
                break
            self._future.note(stored.record)
            answer = await self._one(stored, is_asked=is_asked)
            self._on_progress(Progress(at, total, stored.decision_id, answer))

    async def _one(self, stored: StoredDecision, *, is_asked: bool) -> str:
        if stored.data is None:
            if is_asked:
                self._missing["without_snapshot"] += 1
                self._missing["saw_no_market"] += stored.record.state.portfolio is None
            return ""
        self._known_until = stored.record.state.as_of
        if not (is_asked or self._future.is_waiting):
            return ""
        try:
            snapshot = stored.snapshot()
        except DataInvalid:
            snapshot = None
        if snapshot is None:
            self._missing["unreadable"] += is_asked
            return ""
        self._future.see(snapshot)
        return await self._decide_again(stored, snapshot) if is_asked else ""

    async def _decide_again(self, stored: StoredDecision, snapshot: Snapshot) -> str:
        record = stored.record
        under = self._settings_of(record)
        if under is None:
            self._missing["unreadable"] += 1
            return ""
        case = case_under(
            *under,
            WhatIf(settings=self._question.changes),
            decision_id=stored.decision_id,
            record=record,
            snapshot=snapshot,
        )
        answer = BrainAnswer(proposal=DoNothing(), source=_SOURCES[self._question.brain])
        if held_but_not_shown(snapshot) is None:
            answer = await self._ask(case)
        if answer.failure in UNHEARD:
            self._not_heard(answer)
            return answer.failure
        self._unreached = 0
        replayed = decided(case, answer)
        comparison = compared(record, replayed)
        self._tally.count(record, replayed, comparison)
        if self._question.changes:
            self._tally.changes.update(dict.fromkeys(case.changes))
        if comparison.differs:
            self._differ(stored, snapshot, replayed, comparison.differs)
        self._on_record(replayed)
        return replayed.failure or replayed.final_action.action

    def _settings_of(self, record: CycleRecord) -> _Changed | None:
        """Return the settings of a decision, changed; None where this version cannot read them."""
        # Checking settings as a whole takes longer than deciding, and they seldom change.
        if self._under is None or self._under[0] != record.config_snapshot:
            try:
                then = settings_then(self._settings, record.config_snapshot)
            except QueryInvalid:
                return None
            changed = with_changes(then, self._question.changes)
            self._under = record.config_snapshot, changed
        return self._under[1]

    def _not_heard(self, answer: BrainAnswer) -> None:
        """Count an asking that nobody answered; what a budget prevented was no asking.

        It is neither a hold nor another failed decision: it tells nothing of what would have been
        decided. A budget, a refused key, and a server that is silent for long end the asking.
        """
        code = str(answer.failure)
        if code not in BUDGET_FAILURES:
            self._tally.unanswered[code] += 1
        # Recorded replies are all looked for: the next one may be among them.
        self._unreached += code != ModelFailure.NOT_RECORDED
        is_refused = code in BUDGET_FAILURES or code == ModelFailure.NOT_AUTHORISED
        if is_refused or self._unreached >= UNREACHED_MAX:
            self._stopped = f"{code}: {self._settings.redact(answer.failure_message)}"

    def _differ(
        self,
        stored: StoredDecision,
        snapshot: Snapshot,
        replayed: CycleRecord,
        differs: tuple[Aspect, ...],
    ) -> None:
        recorded = stored.record
        legs = (
            legs_of(recorded.final_action, snapshot),
            legs_of(replayed.final_action, snapshot),
        )
        for each in legs:
            self._future.watch(each)
        choices = choice_of(recorded), choice_of(replayed)
        self._differing.append(
            _Differing(
                stored.decision_id, recorded.cycle_id, snapshot.as_of, differs, choices, legs
            )
        )

    def report(self) -> Report:
        """Return what was found.

        Raises:
            QueryInvalid: Nothing could be replayed.
        """
        missing = Missing(**self._missing)
        tally = self._tally
        if not (tally.decisions or tally.unanswered or self._stopped):
            raise nothing_to_decide(self._span, missing)
        differences = tuple(self._difference(differing) for differing in self._differing)
        is_model = self._question.brain == "llm"
        return Report(
            brain=self._question.brain,
            model=self._settings.llm_model_name if is_model else None,
            recording=None if self._origin is None else self._origin.label,
            prompt=self._question.prompt_name if is_model else None,
            prompt_versions=by_count(tally.versions),
            recorded_by=dict(tally.recorded_by.most_common()),
            recorded_prompt_versions=by_count(tally.recorded_versions),
            changes=tuple(tally.changes),
            failures=dict(tally.failures.most_common()),
            unanswered=dict(tally.unanswered.most_common()),
            decisions=tally.decisions,
            identical=tally.identical,
            same_decision=tally.same,
            differences=differences,
            totals=totals_of(differences),
            by_day=by_day(differences),
            missing=missing,
            first_as_of=tally.first_as_of,
            last_as_of=tally.last_as_of,
            known_until=self._known_until,
            stopped=self._stopped,
        )

    def _difference(self, differing: _Differing) -> Difference:
        recorded, replayed = (
            Side(choice=choice, outcome=self._future.outcome(legs, differing.at))
            for choice, legs in zip(differing.choices, differing.legs, strict=True)
        )
        return Difference(
            decision_id=differing.decision_id,
            cycle_id=differing.cycle_id,
            as_of=iso_utc(differing.at),
            differs=differing.differs,
            recorded=recorded,
            replayed=replayed,
        )


_SOURCES: Mapping[BrainName, DecisionSource] = {"rules": "rule_based", "llm": "llm"}
