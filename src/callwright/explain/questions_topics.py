"""Which template a question belongs to, and what of the question that template cannot use.

Pure. An answer to another question is worse than none: what a topic does not use is named, and a
date, a name or a word that changes the meaning leaves the question without a topic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from callwright.domain.decision import Action
from callwright.explain.questions_names import SALE_WORDS

if TYPE_CHECKING:
    from callwright.explain.questions import Asked

Topic = Literal[
    "help", "who_decides", "what_if", "decision", "baseline", "last_denial", "denials", "failures",
    "model_cost", "how_often", "strikes", "summary", "last_cycle", "positions", "why_not",
    "why_trade", "option", "settled", "market", "setting", "settings_changed", "state", "money",
    "advice", "words",
]  # fmt: skip


def topic_of(asked: Asked) -> Topic | None:
    """Return the first topic whose rule holds; None for what no template answers."""
    about = asked.concepts
    if "ranked" in about or ({"how_many", "not"} <= about and not about & {"deny", "fail"}):
        # No tool ranks decisions, or counts what did not happen.
        return None
    return next((topic for topic, holds in _RULES if holds(asked, about)), None)


def asked_words(asked: Asked) -> frozenset[str]:
    """Return the lower-case words of a question."""
    return frozenset(re.findall(r"[a-z']+", asked.text.lower()))


def is_sale(asked: Asked) -> bool:
    """Return whether a question asks for what was sold, which rolls do, too."""
    return bool(asked_words(asked) & SALE_WORDS)


def _is_idle(asked: Asked, concepts: frozenset[str]) -> bool:
    if "not" in concepts and (concepts & {"trade", "decision", "did"} or asked.actions):
        return True
    return asked.actions == (Action.DO_NOTHING,)


def _is_bare(asked: Asked, concepts: frozenset[str]) -> bool:
    """Return whether "What would you do now?" is all that a question says."""
    words = asked_words(asked)
    return concepts <= {"would", "what", "did", "now", "model", "rules"} and not (
        words & {"if", "suppose", "supposing", "assume", "assuming", "with", "without", "could",
                 "might"}
        or asked.unused or asked.coin or asked.symbol or asked.strike_usd is not None
        or asked.settings
    )  # fmt: skip


_IN_THE_MONEY = "in the money"
_Rule = Callable[["Asked", frozenset[str]], bool]
_RULES: tuple[tuple[Topic, _Rule], ...] = (
    # The first that holds; what is narrower stands before what is wider.
    ("what_if", lambda a, c: not a.changes.is_nothing),
    ("baseline", lambda a, c: "rules" in c and bool(c & {"same", "would"}) and "mode" not in c),
    ("decision", lambda a, c: bool(a.decisions)),
    ("settings_changed", lambda a, c: {"changed", "limit"} <= c and "would" not in c),
    (
        "what_if",
        lambda a, c: (
            {"would", "did", "what"} <= c
            and a.span is None
            and not a.actions
            and _is_bare(a, c)
        ),
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
    (
        "how_often",
        lambda a, c: (
            "how_many" in c and a.actions == (Action.DO_NOTHING,) and "not" not in c
            and "deny" not in c
        ),
    ),
    ("denials", lambda a, c: "deny" in c or (a.code is not None and not _is_idle(a, c))),
    ("failures", lambda a, c: "fail" in c or a.failure is not None),
    ("setting", lambda a, c: bool(a.settings) and "how_many" not in c and not a.actions),
    ("setting", lambda a, c: "limit" in c and not a.actions),
    (
        "option",
        lambda a, c: (
            a.symbol is not None
            and Action.DO_NOTHING not in a.actions
            and not c & {"not", "would", "strike", "vol", "scan", "always"}
            and bool(
                a.actions
                or c & {"what", "why", "how_many", "money", "make", "cost", "fee", "settle",
                        "summarize", "trade"}
            )
        ),
    ),
    (
        "settled",
        lambda a, c: (
            ("settle" in c or _IN_THE_MONEY in a.text.lower())
            and not a.actions and not c & {"would", "not", "why", "limit"}
        ),
    ),
    (
        "how_often",
        lambda a, c: (
            ("how_many" in c or bool(a.by))
            and "not" not in c
            and (bool(a.actions) or bool(c & {"decision", "trade"}))
            and "strike" not in c
            and not c & {"why", "money", "equity"}
            and not {"how_many", "make", "trade"} <= c
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
        lambda a, c: (
            "strike" in c
            or (a.strike_usd is not None and ("always" in c or ("why" in c and not a.actions)))
        ),
    ),
    (
        "last_cycle",
        lambda a, c: (
            {"last", "decision"} <= c and a.count is None and a.span is None and not a.actions
        ),
    ),
    (
        "why_trade",
        lambda a, c: (
            bool(a.actions)
            and bool(c & {"last", "first"})
            and not c & {"summarize", "money", "cost", "not"}
            and a.count is None
        ),
    ),
    (
        "why_not",
        lambda a, c: (
            bool(c & {"why", "cause"}) and _is_idle(a, c)
            and not ("position" in c and a.actions == (Action.DO_NOTHING,) and "not" not in c)
        ),
    ),
    (
        "positions",
        lambda a, c: (
            ("position" in c or ("what" in c and a.actions == (Action.DO_NOTHING,)))
            and not c & {"how_many", "cost"}
            and not is_sale(a)
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
            and not c & {"summarize", "money", "cost", "make"}
            and a.count is None
            and a.span is None
        ),
    ),
    ("who_decides", lambda a, c: "model" in c and bool(c & {"mode", "now", "decision", "what"})),
    ("who_decides", lambda a, c: "rules" in c and bool(c & {"mode", "now", "decision"})),
    ("who_decides", lambda a, c: {"what", "decision"} <= c and "who" in asked_words(a)),
    (
        "market",
        lambda a, c: (
            bool(c & {"spot", "vol", "margin"}) or ("equity" in c and a.span is not None)
        )
        and not c & {"why", "how_many"} and not a.actions,
    ),
    ("money", lambda a, c: bool(c & {"money", "fee", "equity"})),
    ("money", lambda a, c: "make" in c and not c & {"trade", "decision", "how_many"}),
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
)  # fmt: skip

_ANY = frozenset({"what", "did", "decision", "summarize", "code", "now", "help", "mode"})
"""What says nothing that an answer could miss."""

_SOFT = frozenset(
    {"always", "trade", "position", "why", "cause", "model", "rules", "state", "real"}
)
"""What an answer may leave out if it says so; without any other word it would be another's."""

_USES: dict[Topic, str] = {
    # What a topic answers about; "*": whatever is asked.
    "help": "*",
    "advice": "*",
    "words": "*",
    "decision": "*",
    "who_decides": "model rules trade",
    "what_if": "would model rules same trade not why money equity",
    "baseline": "rules same would model why last first trade",
    "last_denial": "deny gate last first why trade position not",
    "denials": "deny gate how_many why last trade position always",
    "failures": "fail how_many why last model deny",
    "model_cost": "model cost tokens money make how_many trade",
    "how_often": "how_many cost fee trade model rules position cause make",
    "strikes": "strike why always how_many last position trade",
    "summary": "last first trade position why",
    "last_cycle": "last why trade",
    "positions": "position why trade",
    "why_not": "why cause not trade position",
    "why_trade": "why cause trade last first position strike",
    "option": "why cause trade position how_many money make cost fee settle",
    "settled": "settle position last how_many money trade",
    "market": "spot equity vol margin last",
    "setting": "limit model",
    "settings_changed": "changed limit last",
    "state": "state trade",
    "money": "money make fee cost how_many trade position equity",
}
_NAMES: dict[Topic, str] = {
    # Names, dates and numbers that a topic's answer is narrowed by.
    "help": "*",
    "advice": "*",
    "words": "*",
    "decision": "decisions coin symbol strike_usd actions code failure settings",
    "what_if": "coin actions settings decisions",
    "baseline": "decisions count span actions",
    "last_denial": "span coin symbol strike_usd code actions",
    "denials": "span coin symbol strike_usd code actions",
    "failures": "span failure code",
    "model_cost": "span actions",
    "how_often": "span coin symbol strike_usd actions by cause code",
    "strikes": "span coin symbol strike_usd actions",
    "summary": "span count actions coin symbol strike_usd",
    "positions": "coin actions",
    "why_not": "span coin symbol strike_usd actions cause code",
    "why_trade": "span coin symbol strike_usd actions",
    "option": "span coin symbol strike_usd actions",
    "settled": "span coin symbol",
    "market": "span coin",
    "setting": "settings coin",
    "settings_changed": "settings span",
    "money": "span coin actions",
}
_SPOKEN = {"span": "the date", "coin": "the coin", "symbol": "the option", "strike_usd":
           "the strike", "count": "how many", "actions": "what was done", "code": "the code",
           "failure": "the failure", "settings": "the setting", "by": "the grouping",
           "cause": "the cause", "decisions": "the decision"}  # fmt: skip


def left_over(asked: Asked, topic: Topic) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return words that an answer must say it left out, and what it cannot do without.

    With anything of the second kind there is no answer: it would be to another question.
    """
    told: list[str] = []
    left: list[str] = []
    used = _USES[topic].split()
    if "*" not in used:
        for concept, words in asked.said.items():
            if concept in used or concept in _ANY:
                continue
            (told if concept in _SOFT else left).extend(words)
    names = _NAMES.get(topic, "").split()
    if "*" not in names:
        for name, spoken in _SPOKEN.items():
            value = getattr(asked, name)
            if name not in names and value not in (None, ()):
                left.append(spoken)
    narrow = asked.coin or asked.symbol or asked.strike_usd is not None or asked.cause
    if topic == "how_often" and narrow and Action.DO_NOTHING in asked.actions:
        # Holds are counted by their words, which no tool splits or adds to trades.
        if asked.by:
            left.append("the grouping")
        if len(asked.actions) > 1:
            left.append("holds beside trades")
    if topic == "model_cost" and set(asked.by) - {"model"}:
        left.append("the grouping")
    return tuple(dict.fromkeys(told)), tuple(dict.fromkeys(left))
