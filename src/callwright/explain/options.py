"""Which option, code or name is meant, and where it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from callwright.explain.binding import Bound
from callwright.explain.facts import Named, SourceFacts
from callwright.explain.mentions import Name
from callwright.explain.names import (
    ACTED_WORDS,
    BOUGHT_WORDS,
    CANDIDATE_WORDS,
    HELD_WORDS,
    ROLLED_WORDS,
    SOLD_WORDS,
)
from callwright.explain.reading import MONTHS, Instrument, Token

_SYMBOL_PARTS = re.compile(
    r"([A-Z]+)(?:_[A-Z]+)?-(\d{1,2})([A-Z]{3})(\d{2})-(\d+)(?:d(\d+))?-([CP])\Z"
)


def instrument_holds(
    token: Token, place: int, bound: Bound, sources: Sequence[SourceFacts]
) -> tuple[str, str]:
    """Return where an option stands in the part that is spoken of and "", or "" and why not."""
    parts = token.value
    assert isinstance(parts, Instrument)
    for source in sources:
        for named in _symbols_meant(place, bound, source):
            if is_symbol(named.text, parts):
                return f"{source.cite} {named.path}", ""
        if source.cite.startswith(("stats", "search")) and parts.strike is not None:
            for fact in source.numbers:
                if fact.of.get("strike") == parts.strike and parts.expiry is None:
                    return f"{source.cite} {fact.path}", ""
            if in_search_text(Name(place, "symbol", parts), source):
                return f"{source.cite} arguments.text", ""
    cites = ", ".join(f"[{s.cite}]" for s in sources)
    return "", f"{cites} names no such option where this sentence looks"


def _symbols_meant(place: int, bound: Bound, source: SourceFacts) -> list[Named]:
    """Return the options of the part of a record that the sentence speaks of."""
    every = source.symbols
    if not source.cite.startswith(("#", "what-if", "model")):
        return every
    role = _role_word(place, bound)
    if role == "baseline":
        return [n for n in every if n.part == "baseline"]
    if role == "shadow":
        return [n for n in every if n.part == "shadow"]
    # What a shadow proposed was proposed by nobody who decides.
    others = ("baseline", "candidates", "held", "actual", "shadow")
    acted = [n for n in every if n.part not in others]
    if role in ("sold", "open"):
        sold = [n for n in acted if n.text in source.sold or n.of.get("side") == "sell"
                or (n.part == "opened_by" and "into" not in bound.words)]  # fmt: skip
        return sold + [n for n in every if n.part == "held"] if role == "open" else sold
    if role == "bought":
        return [n for n in acted if n.text in source.bought or n.of.get("side") == "buy"]
    if role == "held":
        return [n for n in every if n.part == "held" or n.text in source.subjects]
    if role == "candidate" or place in bound.confirmed or not source.subjects:
        return every
    return acted


def _role_word(place: int, bound: Bound) -> str:
    """Return what the nearest verb or noun before an option says of it, else the one behind."""
    for step in range(place - 1, max(-1, place - 9), -1):
        token = bound.tokens[step]
        if token.kind == "instrument" or (token.kind == "mark" and token.text in ".;"):
            break
        role = _ROLES.get(token.text) if token.kind == "word" else None
        if role == "rolled":
            # "rolled A into B": A was bought back.
            return "bought" if "into" in bound.words else "acted"
        if role == "open" and step == place - 1 and _is_verb(bound, step):
            return "sold"
        if role is not None:
            before = [t.text for t in bound.tokens[max(0, step - 2) : step]]
            if "shadow" in before:
                return "shadow"
            is_denied = any(text == "not" or text.endswith("n't") for text in before)
            # "It did not close A": any option of the record may be meant.
            return "candidate" if is_denied else role
    for token in bound.tokens[place + 1 : place + 4]:
        if token.kind != "word":
            break
        if _ROLES.get(token.text) in ("sold", "bought"):
            return _ROLES[token.text]
    return ""


def _is_verb(bound: Bound, place: int) -> bool:
    """Whether "open" before an option is what was done: "the open call" is not."""
    before = bound.tokens[place - 1].text if place else ""
    return before not in ("the", "an", "its", "still", "was", "is", "were", "are")


_ROLES = {
    **dict.fromkeys(HELD_WORDS, "held"), **dict.fromkeys(BOUGHT_WORDS, "bought"),
    **dict.fromkeys(SOLD_WORDS, "sold"), **dict.fromkeys(CANDIDATE_WORDS, "candidate"),
    **dict.fromkeys(ACTED_WORDS, "acted"), **dict.fromkeys(ROLLED_WORDS, "rolled"),
    "baseline": "baseline", "rules": "baseline", "open": "open", "shadow": "shadow",
}  # fmt: skip


def code_holds(
    token: Token, place: int, bound: Bound, sources: Sequence[SourceFacts]
) -> tuple[str, str]:
    """Return where a code stands and "", or "" and why it does not hold."""
    about_candidates = bool(bound.words & {"candidate", "candidates"})
    for source in sources:
        lower = token.text.lower()
        if (lower,) in source.phrases:
            return f"{source.cite} {lower}", ""
        for named in source.codes:
            if named.text != token.text:
                continue
            if named.part == "candidates" and not about_candidates:
                continue
            if named.part == "candidates":
                option = named.of.get("symbol")
                if any(n.dim == "symbol" for n in bound.names) and not (
                    option and symbol_is_meant(option, place, bound, source)
                ):
                    continue
            return f"{source.cite} {named.path}", ""
    cites = ", ".join(f"[{s.cite}]" for s in sources)
    return "", f"{token.text} is no code of {cites}"


def text_holds(token: Token, sources: Sequence[SourceFacts]) -> tuple[str, str]:
    """Return where a name such as a model's stands and "", or "" and why it does not hold."""
    for source in sources:
        for named in source.texts:
            is_there = named.text == token.text or token.text in named.text.split()
            if is_there and named.key not in ("reasoning", "failure_message", "message"):
                return f"{source.cite} {named.path}", ""
    cites = ", ".join(f"[{s.cite}]" for s in sources)
    return "", f"{token.text} stands in no field of {cites}"


def is_symbol(symbol: str, parts: Instrument) -> bool:
    """Return whether an option's full name is what was named, in full or in part."""
    match = _SYMBOL_PARTS.match(symbol)
    # A decision's words may name an option that no calendar has.
    if match is None or match[3].lower() not in MONTHS:
        return False
    coin, day, month, year, strike, fraction, kind = match.groups()
    if parts.coin not in (None, coin) or parts.kind not in (None, kind):
        return False
    if parts.strike is not None and parts.strike != float(f"{strike}.{fraction or 0}"):
        return False
    if parts.expiry is not None:
        when = (2000 + int(year), MONTHS.index(month.lower()) + 1, int(day))
        return when[1:] == parts.expiry[1:] and parts.expiry[0] in (None, when[0])
    return True


def expiry_of(symbol: str) -> datetime | None:
    match = _SYMBOL_PARTS.match(symbol)
    if match is None:
        return None
    try:
        return datetime(
            2000 + int(match[4]), MONTHS.index(match[3].lower()) + 1, int(match[2]), 8, tzinfo=UTC
        )
    except ValueError:
        return None


def resolved(parts: Instrument, source: SourceFacts) -> frozenset[str]:
    """Return the options of a source that a name means: the decision's own before all others."""
    if parts not in source.resolved:
        every = frozenset(n.text for n in source.symbols if is_symbol(n.text, parts))
        source.resolved[parts] = every & source.subjects or every
    return source.resolved[parts]


def symbol_is_meant(symbol: str, place: int, bound: Bound, source: SourceFacts) -> bool:
    named = [n for n in bound.names if n.dim == "symbol"]
    before = [n for n in named if n.place < place]
    meant = before[-1:] or named[:1]
    if meant:
        return is_symbol(symbol, meant[0].value)
    return symbol in source.subjects


def in_search_text(name: Name, source: SourceFacts) -> bool:
    words = " ".join(t.text for t in source.texts if t.key == "text").lower()
    if not words:
        return False
    if name.dim == "symbol":
        strike = name.value.strike
        return strike is not None and (
            f"{strike:g}" in words or f"{strike / 1000:g}k" in words or f"{strike:,.0f}" in words
        )
    return str(name.value).lower().split("_")[0] in words
