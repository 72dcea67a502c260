"""A question in English as a topic and what it is about; what nobody understands is left over.

Pure and deterministic: words, synonyms, names and dates, no model. A question is never guessed at:
without a topic, or with too many words that mean nothing here, it has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from callwright.domain.decision import Action
from callwright.domain.history import GroupName
from callwright.explain.questions_names import (
    ACTION_WORDS,
    read_actions,
    read_codes,
    read_coins,
    read_decisions,
    read_settings,
    read_strike,
    read_symbol,
    spoken_code,
)
from callwright.explain.questions_time import Span, read_span
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

Topic = Literal[
    "help", "who_decides", "what_if", "decision", "baseline", "last_denial", "denials", "failures",
    "model_cost", "how_often", "strikes", "summary", "last_cycle", "positions", "why_not",
    "why_trade", "setting", "settings_changed", "state", "money", "advice", "words",
]  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What a question is about.

    Attributes:
        decisions: Numbers or ``cycle_id`` of decisions.
        count: "Last 10", "five": how many decisions.
        settings: Names of the configuration.
        code: A denial code; ``spoken`` when everyday words may mean it.
        by: What counts are to be split by.
        unused: Words that nobody understood; of the topic ``words``, those to search for.
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
    concepts: frozenset[str] = frozenset()
    by: tuple[GroupName, ...] = ()
    unused: tuple[str, ...] = ()


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
    count, rest = read_count(rest)
    spoken = spoken_code(rest)
    names, rest = read_settings(rest, settings, is_spoken=names_a_limit(rest))
    by, rest = read_dimensions(rest)
    coins, rest = read_coins(rest)
    actions, rest = read_actions(rest)
    concepts, unused = read_concepts(rest)
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
        concepts=concepts,
        by=(*by, "underlying") if len(coins) > 1 and "underlying" not in by else by,
        unused=unused,
    )
    if "mention" in concepts and unused and not actions:
        return replace(asked, topic="words")
    most = UNUSED_OF_A_DECISION_MAX if decisions else UNUSED_MAX
    topic = _topic(asked) if len(unused) <= most else None
    if code is None and topic in ("denials", "last_denial") and spoken is not None:
        words, code = spoken
        unused = tuple(word for word in unused if word not in words)
    return replace(asked, topic=topic, code=code, unused=unused)


def _topic(asked: Asked) -> Topic | None:
    about = asked.concepts
    if "ranked" in about or ({"how_many", "not"} <= about and not about & {"deny", "fail"}):
        # No tool ranks decisions, or counts what did not happen.
        return None
    return next((topic for topic, holds in _RULES if holds(asked, asked.concepts)), None)


_SELL_WORDS = frozenset(ACTION_WORDS[Action.OPEN_COVERED_CALL].split()) - {"open", "opened"}
_Rule = Callable[[Asked, frozenset[str]], bool]
_RULES: tuple[tuple[Topic, _Rule], ...] = (
    # The first that holds; what is narrower stands before what is wider.
    ("what_if", lambda a, c: not a.changes.is_nothing),
    ("baseline", lambda a, c: "rules" in c and bool(c & {"same", "would"}) and "mode" not in c),
    ("decision", lambda a, c: bool(a.decisions)),
    ("settings_changed", lambda a, c: {"changed", "limit"} <= c and "would" not in c),
    (
        "what_if",
        lambda a, c: {"would", "did", "what"} <= c and a.span is None and not a.actions,
    ),
    ("advice", lambda a, c: "advice" in c or ("real" in c and bool(c & {"money", "trade"}))),
    (
        "model_cost",
        lambda a, c: "tokens" in c or ("model" in c and bool(c & {"cost", "money"})),
    ),
    (
        "last_denial",
        lambda a, c: (
            "deny" in c
            and not c & {"how_many"}
            and (bool(c & {"last", "first"}) or ("what" in c and "gate" in c))
        ),
    ),
    ("denials", lambda a, c: "deny" in c or a.code is not None),
    ("failures", lambda a, c: "fail" in c or a.failure is not None),
    ("setting", lambda a, c: bool(a.settings) and "how_many" not in c and not a.actions),
    ("setting", lambda a, c: "limit" in c and not a.actions),
    (
        "how_often",
        lambda a, c: (
            ("how_many" in c or bool(a.by))
            and "not" not in c
            and (bool(a.actions) or bool(c & {"decision", "trade"}))
            and "strike" not in c
            and not c & {"why", "money"}
        ),
    ),
    (
        "how_often",
        lambda a, c: (
            "did" in c
            and bool(a.actions)
            and a.span is not None
            and not c & {"why", "what", "not", "summarize"}
        ),
    ),
    (
        "strikes",
        lambda a, c: "strike" in c or (a.strike_usd is not None and bool(c & {"why", "always"})),
    ),
    (
        "last_cycle",
        lambda a, c: (
            {"last", "decision"} <= c and a.count is None and a.span is None and not a.actions
        ),
    ),
    (
        "why_not",
        lambda a, c: "why" in c and _is_idle(a, c) and "position" not in c,
    ),
    (
        "positions",
        lambda a, c: (
            ("position" in c or ("what" in c and a.actions == (Action.DO_NOTHING,)))
            and not c & {"how_many", "cost"}
            and not asked_words(a) & _SELL_WORDS
            and set(a.actions) <= {Action.DO_NOTHING, Action.OPEN_COVERED_CALL}
            and (bool(c & {"what", "why", "now", "summarize"}) or not a.actions)
            and a.symbol is None
            and a.span is None
        ),
    ),
    (
        "why_trade",
        lambda a, c: "why" in c and bool(a.actions or a.symbol or "trade" in c),
    ),
    (
        "why_trade",
        lambda a, c: (
            bool(a.actions or a.symbol)
            and bool(c & {"last", "what", "first"})
            and not c & {"summarize", "money", "cost"}
            and a.count is None
            and a.span is None
        ),
    ),
    ("who_decides", lambda a, c: "model" in c and bool(c & {"mode", "now", "decision", "what"})),
    ("who_decides", lambda a, c: "rules" in c and bool(c & {"mode", "now", "decision"})),
    ("who_decides", lambda a, c: {"what", "decision"} <= c and "who" in asked_words(a)),
    ("money", lambda a, c: "money" in c or "fee" in c),
    (
        "summary",
        lambda a, c: (
            "summarize" in c
            or (a.count is not None and bool(c & {"decision", "last"}))
            or (
                "what" in c
                and "did" in c
                and (a.span is not None or bool(a.actions) or "now" in c or "trade" in c)
            )
        ),
    ),
    ("state", lambda a, c: "state" in c or {"mode", "what"} <= c),
    ("why_trade", lambda a, c: "why" in c and (a.strike_usd is not None or a.span is not None)),
    ("help", lambda a, c: "help" in c),
)


def asked_words(asked: Asked) -> frozenset[str]:
    """Return the lower-case words of a question."""
    return frozenset(re.findall(r"[a-z']+", asked.text.lower()))


def _is_idle(asked: Asked, concepts: frozenset[str]) -> bool:
    if "not" in concepts and (concepts & {"trade", "decision", "did"} or asked.actions):
        return True
    return asked.actions == (Action.DO_NOTHING,)
