"""A question in English as a topic and what it is about; what nobody understands is left over.

Pure and deterministic: words, synonyms, names and dates, no model. A question is never guessed at:
without a topic, or with too many words that mean nothing here, it has none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from callwright.domain.decision import Action
from callwright.domain.history import GroupName
from callwright.explain.questions_names import (
    asked_setting,
    read_actions,
    read_cause,
    read_codes,
    read_coins,
    read_decisions,
    read_settings,
    read_strike,
    read_symbol,
    spoken_code,
)
from callwright.explain.questions_time import Span, read_span
from callwright.explain.questions_topics import Topic, left_over, topic_of
from callwright.explain.questions_what_if import Changes, is_supposing, read_changes
from callwright.explain.questions_words import (
    names_a_limit,
    read_concepts,
    read_count,
    read_dimensions,
)

QUESTION_LENGTH_MAX = 2_000
UNUSED_MAX = 1
"""More words than these that nobody used, and the question counts as not understood."""

UNUSED_OF_A_DECISION_MAX = 4
"""The same where a decision is named: what there is to say of it answers most questions."""


@dataclass(frozen=True)
class Asked:
    """What a question is about.

    Attributes:
        decisions: Numbers or ``cycle_id`` of decisions.
        count: "Last 10", "five": how many decisions.
        settings: Names of the configuration.
        code: A denial code; ``spoken`` when everyday words may mean it.
        by: What counts are to be split by.
        cause: Words of a stated reason to look for.
        said: The words of each concept.
        unused: Words that nobody understood; of the topic ``words``, those to search for.
        left: What was understood and no answer can use; then there is no topic.
    """

    text: str
    topic: Topic | None
    decisions: tuple[int | str, ...] = ()
    count: int | None = None
    span: Span | None = None
    coin: str | None = None
    symbol: str | None = None
    strike_usd: float | None = None
    actions: tuple[Action, ...] = ()
    code: str | None = None
    failure: str | None = None
    settings: tuple[str, ...] = ()
    changes: Changes = field(default_factory=Changes)
    cause: str | None = None
    said: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by: tuple[GroupName, ...] = ()
    unused: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def concepts(self) -> frozenset[str]:
        """What the question is about."""
        return frozenset(self.said)


def read_question(text: str, *, now: datetime, settings: Collection[str]) -> Asked:
    """Return what a question asks.

    Args:
        now: What "today" is: the market time of the newest record.
        settings: Names of the configuration, as the newest record has them.

    Raises:
        ValueError: It names a day that no calendar has; the message says which.
    """
    rest = " ".join(text[:QUESTION_LENGTH_MAX].replace("’", "'").lower().split())
    decisions, rest = read_decisions(rest)
    code, failure, rest = read_codes(rest)
    symbol, rest = read_symbol(rest)
    changes = Changes()
    if is_supposing(rest):
        changes, rest = read_changes(rest, settings)
    span, rest = read_span(rest, now)
    strike, rest = read_strike(rest)
    cause, rest = read_cause(rest)
    count, rest = read_count(rest)
    spoken = spoken_code(rest)
    rest = asked_setting(rest)
    names, rest = read_settings(rest, settings, is_spoken=names_a_limit(rest))
    by, rest = read_dimensions(rest)
    coins, rest = read_coins(rest)
    actions, rest = read_actions(rest)
    said, unused = read_concepts(rest)
    asked = Asked(
        text=text,
        topic=None,
        decisions=decisions,
        count=count,
        span=span,
        coin=next(iter(coins)) if len(coins) == 1 else None,
        symbol=symbol,
        strike_usd=strike,
        actions=actions,
        code=code,
        failure=failure,
        settings=names,
        changes=changes,
        cause=cause,
        said=said,
        by=(*by, "underlying") if len(coins) > 1 and "underlying" not in by else by,
        unused=unused,
    )
    if "mention" in said and unused and not actions:
        return replace(asked, topic="words")
    most = UNUSED_OF_A_DECISION_MAX if decisions else UNUSED_MAX
    topic = topic_of(asked) if len(unused) <= most else None
    if code is None and topic in ("denials", "last_denial") and spoken is not None:
        words, code = spoken
        unused = tuple(word for word in unused if word not in words)
        said = {name: kept for name, all_ in said.items()
                if (kept := tuple(word for word in all_ if word not in words.split()))}  # fmt: skip
    asked = replace(asked, topic=topic, code=code, unused=unused, said=said)
    if topic is None:
        return asked
    told, left = left_over(asked, topic)
    if left:
        return replace(asked, topic=None, left=left)
    return replace(asked, unused=tuple(dict.fromkeys((*unused, *told))))
