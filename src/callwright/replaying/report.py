"""What a replay found, as data for tables, machines and a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from callwright.domain.base import Frozen
from callwright.replaying.comparing import Aspect, Choice
from callwright.replaying.outcomes import Outcome

BrainName = Literal["rules", "llm"]


class Side(Frozen):
    """A choice and what it earned."""

    choice: Choice
    outcome: Outcome


class Difference(Frozen):
    """A decision that came out otherwise.

    Attributes:
        as_of: Market time.
        differs: In what.
    """

    decision_id: int
    cycle_id: str
    as_of: str
    differs: tuple[Aspect, ...]
    recorded: Side
    replayed: Side


class Earned(Frozen):
    """What choices earned in all, each against holding.

    Attributes:
        coins: By coin, in coin.
        usd: Each leg at the index of its end.
    """

    coins: Mapping[str, float]
    usd: float


class Totals(Frozen):
    """What the differing choices earned.

    Attributes:
        counted: Differences of which both outcomes are known; only these are added up.
        unknown: Those of which one is not.
        open: Of the counted, those in which an option was not yet delivered, but marked.
    """

    counted: int
    unknown: int
    open: int
    recorded: Earned
    replayed: Earned


class Day(Frozen):
    """The differing choices of one UTC day, and what they earned."""

    day: str
    totals: Totals


class Missing(Frozen):
    """Decisions that could not be replayed.

    Attributes:
        without_snapshot: Nothing of what they saw is stored ...
        saw_no_market: ... and of these, those that could not observe, so that there was nothing.
        unreadable: Their snapshot, or their settings, cannot be read by this version.
    """

    without_snapshot: int = 0
    saw_no_market: int = 0
    unreadable: int = 0


class Report(Frozen):
    """What a replay found.

    Attributes:
        model: Who was asked; None for the rules.
        recording: Of recorded replies: from which model, on which day; None: somebody was asked.
        prompt: The file in place of the manager's prompt; None: the manager's own.
        prompt_versions: Of the requests, the most frequent first.
        recorded_by: Who decided then: source, with its model, to how many decisions.
        recorded_prompt_versions: As ``prompt_versions``, of the decisions that were replayed.
        changes: Settings that were changed, in words with before and after.
        failures: Answers that gave no decision this time, by their code; they are no holds.
        unanswered: Askings that nobody answered, by their code; of what would have been decided
            they tell nothing, and so are in no other number.
        decisions: How many were replayed.
        identical: Of these, those whose record came out the same, every digit and word.
        same_decision: Further ones with the same action, option, size, verdict and failure.
        differences: The others, oldest first.
        totals, by_day: What they earned, in all and by the day of the decision.
        first_as_of, last_as_of: Market times of the first and last decision replayed.
        known_until: Market time of the newest snapshot, where the recorded future ends.
        stopped: Why the rest was not asked; empty when everything was.
    """

    brain: BrainName
    model: str | None
    recording: str | None
    prompt: str | None
    prompt_versions: tuple[str, ...]
    recorded_by: Mapping[str, int]
    recorded_prompt_versions: tuple[str, ...]
    changes: tuple[str, ...]
    failures: Mapping[str, int]
    unanswered: Mapping[str, int]
    decisions: int
    identical: int
    same_decision: int
    differences: tuple[Difference, ...]
    totals: Totals
    by_day: tuple[Day, ...]
    missing: Missing
    first_as_of: str
    last_as_of: str
    known_until: str
    stopped: str


def by_day(differences: Iterable[Difference]) -> tuple[Day, ...]:
    """Return what the differing choices of each day earned, oldest first."""
    days: dict[str, list[Difference]] = {}
    for difference in differences:
        days.setdefault(difference.as_of[:10], []).append(difference)
    return tuple(Day(day=day, totals=totals_of(found)) for day, found in days.items())


def totals_of(differences: Iterable[Difference]) -> Totals:
    """Return what the differing choices earned in all; what is not known is in no sum."""
    counted = unknown = still_open = 0
    sums: tuple[dict[str, float], dict[str, float]] = ({}, {})
    usd = [0.0, 0.0]
    for difference in differences:
        outcomes = (difference.recorded.outcome, difference.replayed.outcome)
        if any(outcome.unknown for outcome in outcomes):
            unknown += 1
            continue
        counted += 1
        still_open += any(leg.ended == "marked" for outcome in outcomes for leg in outcome.legs)
        for place, outcome in enumerate(outcomes):
            usd[place] += outcome.earned_usd or 0.0
            if outcome.coin is not None:
                coin, earned = outcome.coin, outcome.earned_coin or 0.0
                sums[place][coin] = sums[place].get(coin, 0.0) + earned
    recorded, replayed = (
        Earned(coins=dict(sorted(coins.items())), usd=total)
        for coins, total in zip(sums, usd, strict=True)
    )
    return Totals(
        counted=counted, unknown=unknown, open=still_open, recorded=recorded, replayed=replayed
    )
