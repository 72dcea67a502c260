"""A question to a stored snapshot, made ready to be decided, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from callwright import gates
from callwright.analytics.scanner import scan as scan_snapshot
from callwright.brain import rule_based_answer
from callwright.config import Settings
from callwright.domain.explain import WhatIf, WhatIfAnswer
from callwright.domain.limits import Limits
from callwright.domain.market import decimal_of
from callwright.domain.record import CycleRecord
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import DataInvalid
from callwright.guardrails.breakers import breakers_to_trip
from callwright.journal import Judged, Observed, build_record
from callwright.judging import (
    after_failure,
    baseline_of,
    failed_after,
    held_but_not_shown,
    prechecked,
)
from callwright.ports import BrainAnswer
from callwright.what_if.changes import changed_snapshot
from callwright.what_if.settings import settings_then, with_changes

RULES = "the rules (rule-based policy)"

_MARGIN_FRAC_MAX, _MARGIN_FRAC_MIN = Decimal("0.15"), Decimal("0.10")
"""Deribit's initial margin of a short call of one coin: max(0.15 - OTM / forward, 0.10) + mark, OTM
= max(0, strike - forward) (standard margin, read 2026-10)."""


@dataclass(frozen=True)
class Case:
    """What is to be decided.

    Attributes:
        record: The decision whose snapshot it is, as recorded.
        settings: In force then, with the question's changes.
    """

    decision_id: int
    record: CycleRecord
    settings: Settings
    snapshot: Snapshot
    scan: Scan
    changes: tuple[str, ...]
    assumptions: tuple[str, ...]


def case_of(
    question: WhatIf,
    *,
    decision_id: int,
    record: CycleRecord,
    snapshot: Snapshot,
    settings: Settings,
) -> Case:
    """Return the question made ready.

    Args:
        snapshot: What the decision saw.
        settings: Of now; those that the record states take their place.

    Raises:
        QueryInvalid: A change is impossible.
    """
    settings, setting_changes = with_changes(
        settings_then(settings, record.config_snapshot), question.settings
    )
    return case_under(
        settings,
        setting_changes,
        question,
        decision_id=decision_id,
        record=record,
        snapshot=snapshot,
    )


def case_under(
    settings: Settings,
    setting_changes: tuple[str, ...],
    question: WhatIf,
    *,
    decision_id: int,
    record: CycleRecord,
    snapshot: Snapshot,
) -> Case:
    """Return the question made ready under settings that have its changes already.

    Args:
        settings, setting_changes: As ``with_changes`` returns them.

    Raises:
        QueryInvalid: A change is impossible.
    """
    changed = changed_snapshot(snapshot, question)
    changes = (*changed.changes, *setting_changes)
    limits, policy = settings.limits(), settings.policy_settings()
    snapshot = _tripped(changed.snapshot, limits) if changes else changed.snapshot
    scan = scan_snapshot(snapshot, settings.scan_settings())
    margins, guessed = _margins(snapshot, scan, record, changed.repriced)
    scan = prechecked(snapshot, scan, margins, policy, limits)
    assumptions = [
        f"All else is as decision #{decision_id} saw it at {record.state.as_of}; orders are "
        "neither planned nor sent.",
        *changed.assumptions,
    ]
    if guessed:
        assumptions.append(
            f"The venue was not asked for the margin of {', '.join(guessed)}: taken from Deribit's "
            "formula of its standard margin."
        )
    return Case(
        decision_id, record, settings, snapshot, scan, changes or ("nothing",), tuple(assumptions)
    )


def answered_by_rules(case: Case) -> WhatIfAnswer:
    """Return what the rule-based policy would propose, and what the gates say of it."""
    settings = case.settings
    answer = rule_based_answer(
        case.snapshot, case.scan, settings.policy_settings(), settings.limits()
    )
    return judged(case, answer, RULES)


def judged(case: Case, answer: BrainAnswer, answers_for: str) -> WhatIfAnswer:
    """Return an answer after sizing, guardrail, risk engine and care, told as a cycle would."""
    record = decided(case, answer)
    told = record.model_dump(mode="json", include=set(_TOLD))
    return WhatIfAnswer(
        answers_for=answers_for,
        decision_id=case.decision_id,
        as_of=case.record.state.as_of,
        changes=case.changes,
        assumptions=case.assumptions,
        actual_action=case.record.final_action.model_dump(mode="json"),
        failure=record.failure,
        failure_message=record.failure_message,
        llm=record.llm,
        **told,
    )


def decided(case: Case, answer: BrainAnswer) -> CycleRecord:
    """Return the record that a cycle would write of an answer, orders and their updates left out.

    Without a change, and with the answer that was given then, it says of the decision what the
    recorded one says.
    """
    snapshot, scan, settings = case.snapshot, case.scan, case.settings
    limits, policy = settings.limits(), settings.policy_settings()
    hidden = held_but_not_shown(snapshot)
    if hidden is not None:
        answer = failed_after(
            answer, DataInvalid.code, f"{hidden} is held, and the venue's chain does not show it"
        )
    baseline = baseline_of(answer, snapshot, scan, policy, limits)
    if answer.failure is not None:
        answer = after_failure(answer, snapshot, scan, policy, limits)
        answer = replace(answer, failure_message=settings.redact(answer.failure_message))
    sizing, approval = gates.judge(answer.proposal, snapshot, scan, policy, limits)
    return build_record(
        cycle_id=case.record.cycle_id,
        log_time=snapshot.as_of,
        observed=Observed(snapshot.as_of, snapshot, scan),
        judged=Judged(
            answer=answer,
            sizing=sizing,
            guardrail=approval.guardrail,
            risk=approval.risk,
            approved=approval.trade is not None,
        ),
        baseline=baseline,
        intents=(),
        dry_run=True,
        message="",
        config_snapshot=settings.config_snapshot(),
    )


_TOLD = ("proposed_action", "guardrail", "risk_check", "final_action", "state")


def _tripped(snapshot: Snapshot, limits: Limits) -> Snapshot:
    """Return the snapshot with the breakers that the changes trip, as a cycle would trip them."""
    more = breakers_to_trip(snapshot, limits)
    breakers = (*snapshot.desk.breakers, *more)
    return replace(snapshot, desk=snapshot.desk.model_copy(update={"breakers": breakers}))


def _margins(
    snapshot: Snapshot, scan: Scan, record: CycleRecord, repriced: frozenset[str]
) -> tuple[Mapping[str, Decimal], list[str]]:
    """Return the margin of each candidate, and the candidates whose margin nobody had asked for."""
    recorded = {row["symbol"]: row["margin_initial_coin"] for row in record.state.candidates}
    margins: dict[str, Any] = {}
    guessed = []
    for candidate in scan.candidates:
        name = candidate.symbol
        if name in recorded and candidate.underlying not in repriced:
            # Unknown then is unknown now.
            if recorded[name] is not None:
                margins[name] = decimal_of(float(recorded[name]))
            continue
        quote = snapshot.market.quote(name)
        if quote is None:
            continue
        forward_usd = decimal_of(quote.forward_usd)
        away_frac = max(Decimal(0), candidate.strike_usd - forward_usd) / forward_usd
        margins[name] = max(_MARGIN_FRAC_MAX - away_frac, _MARGIN_FRAC_MIN) + candidate.mark_coin
        if candidate.underlying not in repriced:
            guessed.append(name)
    return margins, guessed
