"""What each number of a sentence is said to be, and whose: the reading side of the check.

A sentence is cut into clauses at commas, brackets and words like "and", "with", "against". In its
clause a number takes the nearest word that names a kind, each word once; what the clause does not
say, it takes from the clauses before it, then from those behind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from callwright.explain.labels import Label, give_labels, labels_of
from callwright.explain.layout import clauses_of, joined, laid_out
from callwright.explain.mentions import Mention, Name, mentions_of
from callwright.explain.names import (
    ACTION_CODES,
    ACTIONS,
    ACTORS,
    BOUNDARY_WORDS,
    COINS,
    COMPARING,
    COUNT_NOUNS,
    FAILED,
    FILLERS,
    PERIODS,
    PROPOSED,
    ROLE_MARKS,
    ROLE_NOUNS,
    ROLE_WORDS,
    SIDES,
    SOURCES,
    STATUSES,
    UNITS,
    VERDICTS,
)  # fmt: skip
from callwright.explain.reading import Instrument, Token
from callwright.explain.sentences import Sentence

ROLE_MAX = 4
"""How many words, fillers apart, may stand between a number and the word that says its role."""


@dataclass
class Bound:
    """A sentence, read: its tokens with what was joined, clauses, names and numbers.

    Attributes:
        claims: Places of its own tokens.
        confirmed: Places of the options of which a number of the sentence holds.
    """

    tokens: list[Token]
    is_own: list[bool]
    clauses: list[int]
    names: list[Name]
    mentions: list[Mention]
    claims: list[int]
    words: frozenset[str]
    confirmed: set[int] = field(default_factory=set)

    def clause_words(self, clause: int) -> frozenset[str]:
        """Return the words of one clause."""
        if self._words is None:
            found: dict[int, set[str]] = {}
            for token, each in zip(self.tokens, self.clauses, strict=True):
                if token.kind == "word":
                    found.setdefault(each, set()).add(token.text)
            self._words = {each: frozenset(words) for each, words in found.items()}
        return self._words.get(clause, frozenset())

    def names_of(self, dim: str) -> list[Name]:
        """Return what is named of one dimension, in order."""
        if dim not in self._by_dim:
            self._by_dim[dim] = [name for name in self.names if name.dim == dim]
        return self._by_dim[dim]

    _words: dict[int, frozenset[str]] | None = None
    _by_dim: dict[str, list[Name]] = field(default_factory=dict)


def bind(sentence: Sentence, extra: Mapping[tuple[str, ...], frozenset[str]]) -> Bound:
    """Return the sentence as read.

    Args:
        extra: Further words to kinds: keys of the cited sources that the table of fields lacks.
    """
    tokens, own = laid_out(sentence)
    tokens, own = joined(tokens, own)
    clauses = clauses_of(tokens)
    names = _names(tokens, is_row=sentence.is_row)
    labels = labels_of(tokens, clauses, extra)
    mentions = mentions_of(tokens, own, clauses)
    give_labels(mentions, labels, tokens, own, clauses, sentence.is_row)
    _give_roles(mentions, tokens, clauses, labels)
    _give_names(mentions, names, clauses)
    bound = Bound(
        tokens, own, clauses, names, mentions,
        claims=[place for place, token in enumerate(tokens) if own[place]],
        words=frozenset(t.text for t in tokens if t.kind == "word"),
    )  # fmt: skip
    for at, mention in enumerate(mentions):
        mention.words = bound.clause_words(mention.clause)
        _look_around(mention, mentions[at - 1] if at else None, tokens)
    return bound


def _look_around(mention: Mention, before: Mention | None, tokens: list[Token]) -> None:
    """Note the words right before and behind a number that say how it is meant."""
    at = mention.place - 1
    while at >= 0 and tokens[at].text in ("the", "its", "all", "by", "about", "a", "some"):
        at -= 1
    mention.previous = tokens[at].text if at >= 0 else ""
    behind = [t.text for t in tokens[mention.place + 1 : mention.place + 6]]
    mention.is_rate = any(
        first in ("a", "per", "each", "every") and second in PERIODS
        for first, second in pairwise(behind)
    )
    mention.is_difference = bool(COMPARING.intersection(behind[:1])) and "than" in behind
    mention.goes_on_costing = (
        before is not None
        and before.clause == mention.clause - 1
        and before.unit.startswith("coin")
        and before.label in ("cost", "costs", "paid", "lost")
    )
    mention.is_whole = (
        before is not None
        and before.clause == mention.clause
        and mention.previous in ("of", "in")
        and bool(COUNT_NOUNS.intersection(behind[:1]))
        and mention.unit == ""
    )


def _names(tokens: list[Token], *, is_row: bool) -> list[Name]:
    out: list[Name] = []
    said = frozenset(t.text for t in tokens if t.kind == "word")
    for place, token in enumerate(tokens):
        if token.kind == "word":
            _name_word(out, tokens, place, said)
            behind = tokens[place + 1] if place + 1 < len(tokens) else token
            if is_row and token.text == "open" and (behind.kind == "cite" or behind.text == "|"):
                # Alone in its cell it is the action.
                out.append(Name(place, "action", ACTIONS["opened"]))
        elif token.kind == "instrument":
            parts = token.value
            assert isinstance(parts, Instrument)
            out.append(Name(place, "symbol", parts))
            if parts.coin:
                out.append(Name(place, "coin", parts.coin))
        elif token.kind == "date":
            previous = tokens[place - 1].text if place else ""
            out.append(Name(place, "time", token.value, previous in BOUNDARY_WORDS))
        elif token.kind == "code":
            dim = "action" if token.text in ACTION_CODES else "code"
            out.append(Name(place, dim, token.text))
        elif token.kind == "name":
            out.append(Name(place, "model", token.text))
        elif token.kind == "cite":
            out += [Name(place, "id", str(each)) for each in token.value or ()]
    return out


def _name_word(out: list[Name], tokens: list[Token], place: int, said: frozenset[str]) -> None:
    word = tokens[place].text
    following = tokens[place + 1].text if place + 1 < len(tokens) else ""
    if word in COINS:
        out.append(Name(place, "coin", COINS[word]))
    if word in ACTIONS:
        dim = "proposed_action" if said & PROPOSED else "action"
        out.append(Name(place, dim, ACTIONS[word]))
    if word in VERDICTS:
        out.append(Name(place, "verdict", VERDICTS[word]))
    if word in FAILED:
        out.append(Name(place, "failure", "ANY"))
    if word in STATUSES:
        out.append(Name(place, "status", STATUSES[word]))
    if word in SIDES:
        out.append(Name(place, "side", SIDES[word]))
    if word in SOURCES and following not in ("cost", "costs"):
        out.append(Name(place, "source", SOURCES[word]))
    if word in ACTORS:
        out.append(Name(place, "actor", ACTORS[word]))
    if "_" in word:
        out.append(Name(place, "filter", word))


def _give_roles(
    mentions: list[Mention], tokens: list[Token], clauses: list[int], labels: list[Label]
) -> None:
    inside = {place for label in labels for place in range(label.start, label.end + 1)
              if label.end > label.start}  # fmt: skip
    starts = [m.place for m in mentions]
    for at, mention in enumerate(mentions):
        floor = starts[at - 1] if at else -1
        step, passed = mention.place - 1, 0
        while step > floor and passed <= ROLE_MAX and clauses[step] == mention.clause:
            token = tokens[step]
            role = ROLE_WORDS.get(token.text) if step not in inside else None
            role = role or ROLE_MARKS.get(token.text)
            if token.text == "than" and COMPARING.intersection(
                t.text for t in tokens[max(0, step - 3) : step]
            ):
                role = "limit"
            if role:
                mention.role = role
                break
            passed += token.kind == "word" and token.text not in FILLERS
            step -= 1
        if mention.role:
            continue
        step = mention.place + 1
        while step < len(tokens) and (tokens[step].text in UNITS or tokens[step].text in COINS
                                      or tokens[step].text == "-"):  # fmt: skip
            step += 1
        if (
            step < len(tokens)
            and tokens[step].text in ROLE_NOUNS
            and clauses[step] == mention.clause
        ):
            nxt = starts[at + 1] if at + 1 < len(starts) else len(tokens)
            if not (nxt < len(tokens) and clauses[nxt] == mention.clause):
                mention.role = ROLE_WORDS[tokens[step].text]
        if not mention.role and mention.follows is not None:
            mention.role = mention.follows.role


def _give_names(mentions: list[Mention], names: list[Name], clauses: list[int]) -> None:
    by_dim: dict[str, list[Name]] = {}
    for name in names:
        by_dim.setdefault(name.dim, []).append(name)
    numbers = [m.place for m in mentions]
    counted = {m.clause for m in mentions}
    for dim, found in by_dim.items():
        places = [name.place for name in found]
        for at, mention in enumerate(mentions):
            split = bisect_left(places, mention.place)
            nxt = numbers[at + 1] if at + 1 < len(numbers) else None
            behind = found[split] if split < len(found) else None
            ahead = found[split - 1] if split else None
            own = None
            is_unit = dim == "coin" and mention.unit.startswith("coin ")
            if (
                behind is not None
                and behind.place <= mention.place + 2
                and (
                    clauses[behind.place] == mention.clause
                    and dim not in ("time", "id")
                    and (ahead is None or ahead.place < mention.place - 1)
                    and not (
                        is_unit
                        and ahead is not None
                        and clauses[ahead.place] == mention.clause
                        and (not at or ahead.place > numbers[at - 1])
                    )
                )
            ):
                # "0.2 of BTC-…", "3 rolls": what directly follows is meant.
                own = behind
            elif ahead is not None and clauses[ahead.place] == mention.clause:
                own = ahead
            elif (
                behind is not None
                and clauses[behind.place] == mention.clause
                and (nxt is None or behind.place < nxt)
            ):
                own = behind
            if own is not None:
                mention.own[dim] = own
            if ahead is not None:
                mention.before[dim] = ahead
                if clauses[ahead.place] not in counted:
                    mention.waiting |= {dim}
            if behind is not None:
                mention.after[dim] = behind
