"""Which words say what a number is: each word names one, each number takes the nearest."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import takewhile
from typing import NamedTuple

from callwright.explain.fields import BY_KIND, PHRASE_WORDS_MAX, PHRASES, WEAK_WORDS
from callwright.explain.mentions import Mention
from callwright.explain.names import (
    ACTIONS,
    ACTORS,
    BOUNDARY_WORDS,
    BREAK_WORDS,
    COINS,
    COUNT_NOUNS,
    COUNTED,
    FAILED,
    FILLERS,
    LOOSE_WORDS,
    OPTION_NOUNS,
    PROPOSED,
    ROLE_WORDS,
    SIDES,
    SOURCES,
    STATUSES,
    STRIKE_NOUNS,
    UNITS,
    VERDICTS,
)  # fmt: skip
from callwright.explain.reading import Token

BEFORE_MAX, AFTER_MAX = 4, 2
"""How many words, fillers apart, may stand between a number and the word that names it."""


class Label(NamedTuple):
    """A phrase that names a kind, and where it stands."""

    start: int
    end: int
    kinds: frozenset[str]
    is_weak: bool
    text: str


def labels_of(
    tokens: list[Token], clauses: list[int], extra: Mapping[tuple[str, ...], frozenset[str]]
) -> list[Label]:
    """Find the phrases that name a kind, the longest at each place."""
    out: list[Label] = []
    place = 0
    while place < len(tokens):
        if tokens[place].kind not in ("word", "code"):
            place += 1
            continue
        words: list[str] = []
        best: Label | None = None
        step = place
        while step < len(tokens) and len(words) < PHRASE_WORDS_MAX and step - place < 8:
            token = tokens[step]
            if token.kind == "mark" and token.text == "-" and words:
                step += 1
                continue
            if token.kind not in ("word", "code") or clauses[step] != clauses[place]:
                break
            words.append(token.text.lower())
            key = tuple(words)
            kinds = PHRASES.get(key, frozenset()) | extra.get(key, frozenset())
            if kinds:
                phrase = " ".join(words)
                weak = phrase in WEAK_WORDS or not PHRASES.get(key)
                weak = weak and not (len(words) > 1 and phrase not in WEAK_WORDS)
                weak = weak and "_" not in phrase
                best = Label(place, step, kinds, weak, phrase)
            step += 1
        before = tokens[place - 1].text if place else ""
        if best is None or (best.text == "run" and before in ("dry", "-")):
            place += 1
        else:
            out.append(best)
            place = best.end + 1
    return out


def give_labels(
    mentions: list[Mention], labels: list[Label], tokens: list[Token], own: list[bool],
    clauses: list[int], is_row: bool,
) -> None:  # fmt: skip
    """Give each number the word that says what it is: the nearest, else a neighbour's."""
    if not mentions:
        return
    weight = _weights(tokens)
    places = [m.place for m in mentions]
    numbers = [p for p, t in enumerate(tokens) if t.kind == "number"]
    pairs: list[tuple[float, int, int]] = []
    for at, label in enumerate(labels):
        for step in (-1, 0):
            slot = bisect_left(numbers, label.start) + step
            if not 0 <= slot < len(numbers):
                continue
            place = numbers[slot]
            if clauses[place] != clauses[label.start]:
                continue
            which = bisect_left(places, place)
            if which >= len(places) or places[which] != place:
                continue
            if label.text in ("at", "for") and place < label.start:
                continue
            if _is_no_count(mentions[which], label):
                continue
            if place > label.end:
                gap = weight[place] - weight[label.end + 1]
                most = BEFORE_MAX
            else:
                gap = weight[label.start] - weight[place + 1] + 0.5
                most = AFTER_MAX
            if label.text in ("at", "for"):
                most = 0
            if gap <= most + 0.5:
                pairs.append((gap, which, at))
    pairs.sort()
    taken: set[int] = set()
    for is_weak in (False, True):
        for _, which, at in pairs:
            label, mention = labels[at], mentions[which]
            if label.is_weak == is_weak and at not in taken and not mention.kinds:
                taken.add(at)
                _say(mention, label)
            elif is_weak and label.is_weak and mention.kinds and not mention.is_labelled:
                # "filled in full for 0.1 BTC": each of several vague words may be meant.
                mention.kinds.append(label.kinds)
        if not is_weak:
            # A word may serve a second number right before it: "a 7-day IV of 33%".
            for _, which, at in pairs:
                label, mention = labels[at], mentions[which]
                between = tokens[mention.place + 1 : label.start]
                touches = all(t.text == "-" or t.text in UNITS for t in between)
                if not mention.kinds and not label.is_weak and between and touches:
                    _say(mention, label)
    counted = {m.clause for m in mentions}
    for mention in mentions:
        mention.is_strange = not mention.kinds and _is_strange(tokens, clauses, mention.place)
        _label_from_behind(mention, labels, tokens, clauses, counted)
    if is_row:
        _label_by_row(mentions, [label for label in labels if own[label.start]], tokens)
        return
    last: Mention | None = None
    for mention in mentions:
        if last is not None and not mention.kinds and not mention.is_strange:
            mention.kinds += last.kinds
            mention.label = last.label
            mention.follows = last
        last = mention
    for mention in mentions[::-1]:
        if last is not None and not mention.kinds and not mention.is_strange:
            mention.kinds += last.kinds
            mention.label = last.label
        last = mention


def _is_no_count(mention: Mention, label: Label) -> bool:
    """Whether a word that counts stands beside a number with decimals."""
    if mention.unit or mention.number.value % 1 == 0:
        return False
    kinds = [BY_KIND[kind] for kind in label.kinds if kind in BY_KIND]
    return bool(kinds) and all(kind.unit == "count" for kind in kinds)


def _is_strange(tokens: list[Token], clauses: list[int], place: int) -> bool:
    """Whether the word before a number, or the noun behind it, is none that any table knows."""
    at = place - 1
    while at >= 0 and clauses[at] == clauses[place] and tokens[at].text in FILLERS:
        at -= 1
    if at >= 0 and clauses[at] == clauses[place] and _is_unknown(tokens[at]):
        return True
    words = takewhile(
        lambda at: clauses[at] == clauses[place] and tokens[at].kind == "word",
        range(place + 1, min(place + 3, len(tokens))),
    )
    behind = [tokens[at].text for at in words]
    return bool(behind) and _KNOWN.isdisjoint(behind)


def _is_unknown(token: Token) -> bool:
    # Verbs and adverbs go with any number; what is looked for is a noun.
    is_noun = token.kind == "word" and not token.text.endswith(("ly", "ed", "ing", "s"))
    return is_noun and token.text not in _KNOWN


_KNOWN = frozenset().union(
    BREAK_WORDS, FILLERS, UNITS, COINS, ACTIONS, PROPOSED, VERDICTS, FAILED, STATUSES, SOURCES,
    SIDES, ACTORS, ROLE_WORDS, BOUNDARY_WORDS, COUNT_NOUNS, OPTION_NOUNS, STRIKE_NOUNS,
    LOOSE_WORDS, COUNTED, (word for phrase in PHRASES for word in phrase),
)  # fmt: skip


def _label_from_behind(
    mention: Mention, labels: list[Label], tokens: list[Token], clauses: list[int],
    counted: set[int],
) -> None:  # fmt: skip
    """Take the word of the next clause when it has no number of its own: "25 with unknown cost"."""
    behind = mention.clause + 1
    if mention.is_labelled or behind in counted or mention.unit not in ("", "times"):
        return
    near = range(mention.place + 1, min(mention.place + 3, len(tokens)))
    if not any(clauses[p] == behind and tokens[p].text == "with" for p in near):
        return
    for label in labels:
        if clauses[label.start] == behind and not label.is_weak:
            mention.kinds.clear()
            _say(mention, label)
            return


def _say(mention: Mention, label: Label) -> None:
    mention.kinds.append(label.kinds)
    mention.label = label.text
    mention.is_labelled = not label.is_weak


def _label_by_row(mentions: list[Mention], labels: list[Label], tokens: list[Token]) -> None:
    """In a table a row's first cell may say what its numbers are."""
    first = next((p for p, t in enumerate(tokens) if t.text == "|"), len(tokens))
    if any(t.kind == "number" for t in tokens[:first]):
        return
    named = [label for label in labels if label.end < first and not label.is_weak]
    for mention in mentions:
        if not mention.is_labelled and named:
            mention.kinds.insert(0, named[-1].kinds)
            mention.label, mention.is_labelled = named[-1].text, True


def _weights(tokens: list[Token]) -> list[float]:
    """Return running sums of how much each token separates its neighbours."""
    out = [0.0]
    for token in tokens:
        if token.kind == "word":
            step = (
                0.0 if token.text in FILLERS or token.text in UNITS or token.text in COINS else 1.0
            )
        else:
            step = 0.0 if token.kind in ("mark", "cite") else 1.0
        out.append(out[-1] + step)
    return out
