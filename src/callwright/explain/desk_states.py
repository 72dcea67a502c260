"""What an answer says of the desk's state in words: halted, running, decided by a model, dry run.

There are few such states and few ways to say them. Only what contradicts the cited status is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from callwright.explain.reading import Token


class Said(NamedTuple):
    """A state as said, from and to which place of the sentence, and why it is not so."""

    first: int
    last: int
    problem: str


class _State(NamedTuple):
    pattern: re.Pattern[str]
    key: str
    values: tuple[object, ...]
    """Of the key; any other known value contradicts the words."""


def _said(words: str, key: str, *values: object) -> _State:
    return _State(re.compile(rf"(?<![\w-])(?:{words})(?![\w-])"), key, values)


_THE = r"(?:(?:the|an?|its|live|real|language) ){0,3}"
_STATES = (
    _said("halted", "trading_state", "HALTED"),
    _said("reducing|reduce - only|reduce only", "trading_state", "REDUCING"),
    _said(
        "(?:state|trading|desk|it) (?:(?:is|stands at|was) )?(?:now |fully )?active",
        "trading_state", "ACTIVE",
    ),
    _said(
        rf"(?:in|on|using|uses?|runs?|with|by) {_THE}(?:llm|model)(?: mode| brain)?"
        r"|llm (?:mode|brain)"
        r"|(?:model|llm|manager)(?: agent)? (?:that )?decides"
        r"|(?:model|llm|manager)(?: agent)? is (?:deciding|configured|in charge|used)"
        r"|(?:brain|mode) is (?:the |an? )?(?:llm|model)",
        "brain", "llm",
    ),
    _said(
        rf"(?:runs on|running on|decided by|in|by|using|uses) {_THE}rules?(?: mode| brain)?"
        r"|rules? (?:mode|brain|decides?|is deciding|are deciding)|rule - based mode"
        r"|brain is (?:the )?rules",
        "brain", "rules",
    ),
    _said(r"dry [-] run|dry run|dry_run", "dry_run", True),
    _said(r"(?:real|live|actual) orders", "dry_run", False),
    _said(
        r"(?:desk|it|loop|process|bot|callwright) (?:is |was )(?:now |currently |still |up and )?"
        r"running(?= (?:now|currently|at|since|[.,;!)]|in))",
        "running", True,
    ),
    _said(
        r"(?:is|was) (?:now |currently )?(?:stopped|idle|down|offline)", "running", False,
    ),
)  # fmt: skip
_REAL_MONEY = re.compile(
    r"(?:trad(?:es|ing|ed)|uses?|using|with|risk(?:s|ing)) (?:(?:your|its|the) )?"
    r"real (?:money|funds)"
    r"|real (?:money|funds) (?:is|are) (?:at risk|traded|used|involved)|(?<!\w)mainnet(?!\w)"
)
_NOT = re.compile(
    r"(?:^|\W)(?:not|no|never|without|neither|nor|cannot|\w+n't|off|instead of|rather than|if|when|"
    r"whether|would|could|until|unless|nothing|false)(?:\W|$)"
)
_OFF = re.compile(r"\s*(?:mode )?(?:is |was |= |: )?(?:off|false|disabled|not|no)\b")
_MIXED = frozenset({"fall", "falls", "fallback", "baseline", "budget", "otherwise", "or"})
_LOOKS_BACK = 34
"""In how many characters before a state its opposite may be said: "is not in"."""


def false_states(
    tokens: Sequence[Token], places: Sequence[int], statuses: Sequence[Mapping[str, Any]]
) -> Iterator[Said]:
    """Yield each state that the sentence says and no cited status has.

    Args:
        places: Those of the sentence's own tokens.
        statuses: What ``get_status`` answered, as cited; without one only money is looked at.
    """
    text, starts = _plain(tokens, places)
    for match in _REAL_MONEY.finditer(text):
        if not _is_denied(text, match):
            yield _at(starts, places, match, "the desk trades on a test network or on paper only")
    if not statuses:
        return
    mixed = bool(_MIXED.intersection(text.split()))
    for state in _STATES:
        if mixed and state.key == "brain":
            continue
        for match in state.pattern.finditer(text):
            denied = _is_denied(text, match)
            known = [s[state.key] for s in statuses if s.get(state.key) is not None]
            if known and all((value in state.values) == denied for value in known):
                yield _at(starts, places, match, f"{state.key} is {known[0]}")


def _plain(tokens: Sequence[Token], places: Sequence[int]) -> tuple[str, list[int]]:
    pieces: list[str] = []
    starts: list[int] = []
    at = 0
    for place in places:
        token = tokens[place]
        said = "[]" if token.kind in ("cite", "quote") else token.text.lower().replace("’", "'")
        starts.append(at)
        pieces.append(said)
        at += len(said) + 1
    return " ".join(pieces), starts


def _is_denied(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _LOOKS_BACK) : match.start()]
    before = re.split(r"[.;:,]|\bbut\b|\[\]", before)[-1]
    inside = match.group()
    return bool(_NOT.search(before) or _NOT.search(inside) or _OFF.match(text, match.end()))


def _at(starts: Sequence[int], places: Sequence[int], match: re.Match[str], problem: str) -> Said:
    inside = [p for p, at in zip(places, starts, strict=True) if match.start() <= at < match.end()]
    return Said(inside[0], inside[-1], problem)
