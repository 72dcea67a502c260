"""Words for numbers, times, actions and texts of others, as an answer in Markdown says them.

Numbers are rounded to what a reader needs and never computed here. Texts that models, venues or
rules wrote are quoted up to where they could be taken for markup, a citation or a link.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from callwright.domain import base
from callwright.domain.explain import Source
from callwright.explain.questions_time import Span
from callwright.explain.templates_codes import meaning

QUOTE_LENGTH_MAX = 420
SENTENCES_QUOTED = 4

DONE = {
    "OPEN_COVERED_CALL": "opened",
    "ROLL_COVERED_CALL": "rolled",
    "CLOSE_COVERED_CALL": "closed",
    "DO_NOTHING": "held",
}
NOUN = {
    "OPEN_COVERED_CALL": "open",
    "ROLL_COVERED_CALL": "roll",
    "CLOSE_COVERED_CALL": "close",
    "DO_NOTHING": "hold",
}
_DECIDED_BY = {"llm": "The manager", "rule_based": "The rules", "care": "Deterministic care"}
_SENTENCE_END = re.compile(r"(?<=\.)\s+(?=[A-Z])")
_MARKUP = re.compile(
    r"[\[\]`|\\*~\"]|<[A-Za-z/!?]|[a-z]+://|www\.|[^\x20-\x7e\u00a1-\u2027\u2030-\uffff]"
)


def cited(source: Source | int) -> str:
    """Return the token that cites a source, or a decision by its number."""
    return f"[{source.cite}]" if isinstance(source, Source) else f"[#{source}]"


def minute(as_of: str) -> str:
    """Return a record's time to the minute; times are UTC throughout."""
    return as_of[:16].replace("T", " ")


def number(value: float | int | None, digits: int = 6) -> str:
    """Return a number to ``digits`` significant digits, never with an exponent."""
    if value is None:
        return "unknown"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    text = f"{Decimal(f'{value:.{digits}g}'):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def coins(value: float | None) -> str:
    """Return an amount of coin to eight decimals, as venues book it."""
    return "unknown" if value is None else f"{value:,.8f}".rstrip("0").rstrip(".")


def usd(value: float | None) -> str:
    """Return an amount of USD to cents."""
    return "unknown" if value is None else f"{value:,.2f}"


def several(count: int, noun: str) -> str:
    """Return "1 roll", "43 rolls"; one open is "1 opening", since "open" may mean a state."""
    if count == 1 and noun.endswith("open"):
        noun += "ing"
    return base.several(count, noun)


def quoted(text: str, *, length_max: int = QUOTE_LENGTH_MAX) -> str:
    """Return the beginning of a text in quotes, verbatim; "" when nothing of it can be quoted."""
    line = text.strip()
    markup = _MARKUP.search(line)
    kept = line[: markup.start()] if markup else line
    if len(kept) > length_max:
        kept = kept[:length_max].rpartition(" ")[0]
    kept = kept.rstrip()
    if not kept:
        return ""
    return f'"{kept}"' + ("" if kept == line else " …")


def stated(found: Source, *, length_max: int = QUOTE_LENGTH_MAX, about: Sequence[str] = ()) -> str:
    """Return what whoever decided stated, as theirs and never as a fact: a cited sentence.

    Args:
        about: Only the sentences that have one of these words, where any has.
    """
    record = found.result["record"]
    who = _DECIDED_BY.get(record["decision_source"], "Its author")
    reasoning = record["proposed_action"]["reasoning"]
    own = _sentences_with(reasoning, about)
    if own and own != [reasoning]:
        quotes = [quote for each in own if (quote := quoted(each, length_max=length_max))]
        if quotes:
            return f"{who} stated {cited(found)}: {', '.join(quotes[:SENTENCES_QUOTED])}"
    said = quoted(reasoning, length_max=length_max)
    if not said:
        return f"{who} stated no reason that can be quoted {cited(found)}."
    return f"{who} stated {cited(found)}: {said}"


def _sentences_with(text: str, names: Sequence[str]) -> list[str]:
    """Return the sentences of a text that have a name: the first of ``names`` that any has."""
    pieces = _SENTENCE_END.split(text)
    for name in names:
        words = re.compile(r"\W+".join(map(re.escape, re.split(r"[-_. ]", name))), re.IGNORECASE)
        own = [piece for piece in pieces if words.search(piece)]
        if own:
            return own
    return []


def run_words(hit: Mapping[str, Any]) -> str:
    """Return how far a run of alike decisions goes; "" for a single one."""
    if hit["run_length"] == 1:
        return ""
    return f" The decisions down to [#{hit['run_end_id']}] did the same for the same reason."


def action_words(action: Mapping[str, Any]) -> str:
    """Return an action with what it names: "roll BTC-… into BTC-…, size 0.1"."""
    params = action["params"]
    noun = NOUN.get(action["action"], plain(action["action"]))
    symbol, from_symbol, size = (params.get(name) for name in ("symbol", "from_symbol", "size"))
    words = noun
    if from_symbol:
        words += f" {plain(from_symbol)} into {plain(symbol)}"
    elif symbol:
        words += f" {plain(symbol)}"
    return words + (f", size {coins(size)}" if isinstance(size, int | float) else "")


def plain(text: object) -> str:
    """Return a name without anything that Markdown or a terminal would read."""
    return "".join(c for c in str(text)[:64] if c.isalnum() or c in "-_.:+ ")


def reason_words(reason: Mapping[str, Any], cite: str) -> str:
    """Return a verdict's reason: its code and facts, cited, and what the code means."""
    told = ", ".join(
        f"{plain(name)} {number(value) if _is_number(value) else plain(value)}"
        for name, value in reason["facts"].items()
    )
    # Apart from what it means: in one sentence those words would say whose the facts are.
    code = plain(reason["code"])
    return (f"{code}: {told} {cite}." if told else f"{code} {cite}.") + meaning(code)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def span_words(span: Span | None) -> str:
    """Return the span as words that begin with a space; "" for all time."""
    if span is None:
        return ""
    since, until = span.since, span.until
    if since is not None and until is not None:
        if since.day == 1 and until == _next_month(since) and _is_midnight(since):
            return f" in {since:%B %Y}"
        if until - since == timedelta(days=1) and _is_midnight(since):
            return f" on {since:%Y-%m-%d}"
        if until - since == timedelta(minutes=1):
            return f" at {since:%Y-%m-%d %H:%M}"
        return f" from {_time(since)} up to but without {_time(until)}"
    if since is not None:
        return f" since {_time(since)}"
    return f" before {_time(until)}" if until is not None else ""


def listed(lines: Sequence[str]) -> str:
    """Return lines as a Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d}" if _is_midnight(at) else f"{at:%Y-%m-%d %H:%M}"


def _is_midnight(at: datetime) -> bool:
    return (at.hour, at.minute, at.second) == (0, 0, 0)


def _next_month(begin: datetime) -> datetime:
    return (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
