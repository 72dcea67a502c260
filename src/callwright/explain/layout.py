"""A sentence laid out for reading: lead-in and column heads in place, options in words joined."""

from __future__ import annotations

from callwright.explain.fields import PHRASES
from callwright.explain.names import (
    BREAK_MARKS,
    BREAK_WORDS,
    COINS,
    OPTION_NOUNS,
    STRIKE_NOUNS,
    UNITS,
)
from callwright.explain.reading import Date, Instrument, Number, Token
from callwright.explain.sentences import Sentence


def laid_out(sentence: Sentence) -> tuple[list[Token], list[bool]]:
    """Return lead-in and heads of columns before what they stand over, and which are its own."""
    tokens: list[Token] = list(sentence.lead)
    own = [False] * len(tokens)
    if tokens:
        tokens.append(Token("mark", ";", tokens[-1].end, tokens[-1].end))
        own.append(False)
    shown: tuple[Token, ...] = ()
    for place, token in enumerate(sentence.tokens):
        head = sentence.columns[place] if sentence.columns else ()
        if head and head is not shown:
            tokens += [h for h in head if h.kind not in ("cite", "number", "quote")]
            own += [False] * (len(tokens) - len(own))
        shown = head
        tokens.append(token)
        own.append(True)
    return tokens, own


def joined(tokens: list[Token], own: list[bool]) -> tuple[list[Token], list[bool]]:
    """Join what names an option in words: ``9 Jan 97k call``, ``BTC 97,000 call``."""
    out: list[Token] = []
    kept: list[bool] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        strike = _strike_at(tokens, place)
        if strike is not None:
            value, number_at, used = strike
            is_put = any(t.text in ("put", "puts") for t in tokens[place : place + used + 1])
            parts = Instrument(strike=value, kind="P" if is_put else None)
            # The head of a column may say "strike"; what is claimed stands in the cell.
            start = token.start if own[place] else tokens[number_at].start
            end = max(tokens[number_at].end, token.end if own[place] else 0)
            if out and _is_day(out[-1]) and kept[-1] == own[number_at]:
                date = out.pop().value
                kept.pop()
                assert isinstance(date, Date)
                parts = parts._replace(expiry=_expiry(date))
                start = tokens[place - 1].start
            if out and out[-1].kind == "word" and out[-1].text in COINS:
                parts = parts._replace(coin=COINS[out[-1].text])
            out.append(Token("instrument", "", start, end, parts))
            kept.append(own[number_at])
            place += used
            continue
        behind = tokens[place + 1].text if place + 1 < len(tokens) else ""
        if token.text in COINS and behind in OPTION_NOUNS and token.kind == "word":
            out.append(Token("instrument", token.text, token.start, token.end,
                             Instrument(coin=COINS[token.text])))  # fmt: skip
            kept.append(own[place])
            place += 1
            continue
        if _is_day(token) and behind in OPTION_NOUNS:
            assert isinstance(token.value, Date)
            parts = Instrument(expiry=_expiry(token.value))
            out.append(Token("instrument", "", token.start, token.end, parts))
            kept.append(own[place])
            place += 1
            continue
        out.append(token)
        kept.append(own[place])
        place += 1
    return out, kept


def _is_day(token: Token) -> bool:
    value = token.value
    return isinstance(value, Date) and value.day is not None and value.minute is None


def _expiry(date: Date) -> tuple[int | None, int, int]:
    return date.year, date.month or 0, date.day or 0


def _strike_at(tokens: list[Token], place: int) -> tuple[float, int, int] | None:
    """Return a strike in words: its value, where its number stands, how many tokens it takes."""
    token = tokens[place]
    if token.kind == "word" and token.text in STRIKE_NOUNS:
        at = place + 1
        while at < len(tokens) and at < place + 4 and tokens[at].text in ("of", "was", "is", "="):
            at += 1
        value = _plain_value(tokens, at)
        behind = tokens[at + 1].text if at + 1 < len(tokens) else ""
        if value is None or value < 100 or behind in STRIKE_NOUNS:
            return None
        return value, at, at - place + 1
    value = _plain_value(tokens, place)
    if value is None:
        return None
    at = place + 1
    if at < len(tokens) and tokens[at].text == "-":
        at += 1
    word = tokens[at].text if at < len(tokens) else ""
    if word in STRIKE_NOUNS:
        return value, place, at - place + 1
    if word in OPTION_NOUNS and value >= 100:
        return value, place, 1
    if place and _is_day(tokens[place - 1]) and value >= 100 and word not in UNITS:
        return value, place, 1
    is_short = tokens[place].text[-1] in "kK" and place > 0 and tokens[place - 1].text == "the"
    if is_short and (word,) not in PHRASES:
        return value, place, 1
    return None


def _plain_value(tokens: list[Token], place: int) -> float | None:
    """Return the number at a place when it can be a strike: without a sign or a unit but USD."""
    value = tokens[place].value if place < len(tokens) else None
    if isinstance(value, Number) and value.unit in ("", "usd") and not value.signed:
        return value.value
    return None


def clauses_of(tokens: list[Token]) -> list[int]:
    """Return the number of the clause in which each token stands."""
    out = []
    clause = 0
    for place, token in enumerate(tokens):
        if (token.kind == "mark" and token.text in BREAK_MARKS) or (
            token.kind == "word" and token.text in BREAK_WORDS and place
        ):
            clause += 1
        out.append(clause)
    return out
