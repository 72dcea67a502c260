"""What each number of a sentence is said to be, and whose: the reading side of the check.

A sentence is cut into clauses at commas, brackets and words like "and", "with", "against". In its
clause a number takes the nearest word that names a kind, each word once; what the clause does not
say, it takes from the clauses before it, then from those behind.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from callwright.explain.fields import BY_KIND, PHRASE_WORDS_MAX, PHRASES, WEAK_WORDS
from callwright.explain.layout import clauses_of, joined, laid_out
from callwright.explain.names import (
    ACTION_CODES,
    ACTIONS,
    ACTORS,
    BOUNDARY_WORDS,
    BREAK_WORDS,
    COINS,
    COMPARING,
    COUNT_NOUNS,
    COUNTED,
    FAILED,
    FILLERS,
    LOOSE_WORDS,
    OPTION_NOUNS,
    PERIODS,
    PROPOSED,
    ROLE_MARKS,
    ROLE_NOUNS,
    ROLE_WORDS,
    SIDES,
    SOURCES,
    STATUSES,
    STRIKE_NOUNS,
    UNITS,
    VERDICTS,
)  # fmt: skip
from callwright.explain.reading import Instrument, Number, Token
from callwright.explain.sentences import Sentence

BEFORE_MAX, AFTER_MAX, ROLE_MAX = 4, 2, 4
"""How many words, fillers apart, may stand between a number and the word that names it."""


class Name(NamedTuple):
    """Something named: a dimension and its value, and where it stands."""

    place: int
    dim: str
    value: Any
    is_boundary: bool = False


@dataclass
class Mention:
    """A number, and what the sentence says of it.

    Attributes:
        kinds: Sets of kinds to try, best first.
        role: "" for what was measured; ``limit``, ``max`` or ``min``.
        follows: The number whose kind it goes on with: "0.21 and 0.24".
        own: Names of its own clause: it must be theirs.
        before, after: Nearest names before and behind the number.
        waiting: Dimensions of ``before`` whose clause has no number of its own.
        is_whole: What another number is a part of: "22 of the 43 rolls", "in 240 decisions".
        previous: The word right before it, articles apart.
        is_rate: "a day", "per month" stands behind it.
        goes_on_costing: "cost 0.1 BTC and 2 ETH": the verb of the number before it is meant.
        is_difference: "129 more opens than rolls".
        is_strange: A word beside it says that it is something which no table knows: "theta 0.1".
    """

    token: Token
    number: Number
    place: int
    clause: int
    unit: str = ""
    kinds: list[frozenset[str]] = field(default_factory=list)
    is_labelled: bool = False
    label: str = ""
    role: str = ""
    follows: Mention | None = None
    moment: str = ""
    own: dict[str, Name] = field(default_factory=dict)
    before: dict[str, Name] = field(default_factory=dict)
    after: dict[str, Name] = field(default_factory=dict)
    words: frozenset[str] = frozenset()
    waiting: frozenset[str] = frozenset()
    is_whole: bool = False
    previous: str = ""
    is_rate: bool = False
    goes_on_costing: bool = False
    is_difference: bool = False
    is_strange: bool = False

    def named(self, dim: str) -> Name | None:
        """Return what is named of a dimension: in the clause, else before it, else behind it."""
        return self.own.get(dim) or self.before.get(dim) or self.after.get(dim)


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
    labels = _labels(tokens, clauses, extra)
    mentions = _mentions(tokens, own, clauses)
    _give_labels(mentions, labels, tokens, own, clauses, sentence.is_row)
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


class _Label(NamedTuple):
    start: int
    end: int
    kinds: frozenset[str]
    is_weak: bool
    text: str


def _labels(
    tokens: list[Token], clauses: list[int], extra: Mapping[tuple[str, ...], frozenset[str]]
) -> list[_Label]:
    """Find the phrases that name a kind, the longest at each place."""
    out: list[_Label] = []
    place = 0
    while place < len(tokens):
        if tokens[place].kind not in ("word", "code"):
            place += 1
            continue
        words: list[str] = []
        best: _Label | None = None
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
                best = _Label(place, step, kinds, weak, phrase)
            step += 1
        before = tokens[place - 1].text if place else ""
        if best is None or (best.text == "run" and before in ("dry", "-")):
            place += 1
        else:
            out.append(best)
            place = best.end + 1
    return out


_MOMENTS = {
    "from": "before", "was": "before", "before": "before", "instead": "before", "to": "after",
    "now": "after", "after": "after",
}  # fmt: skip


def _mentions(tokens: list[Token], own: list[bool], clauses: list[int]) -> list[Mention]:
    out = []
    for place, token in enumerate(tokens):
        if token.kind != "number" or not own[place]:
            continue
        number = token.value
        assert isinstance(number, Number)
        if place and tokens[place - 1].text == "minus":
            number = number._replace(value=-number.value, signed=True)
        mention = Mention(token, number, place, clauses[place], unit=number.unit)
        behind = place + 1
        if behind < len(tokens) and tokens[behind].text == "-":
            behind += 1
        if behind < len(tokens) and mention.unit == "usd" and tokens[behind].text in COINS:
            mention.unit = "none: $ and a coin"
        if behind < len(tokens) and not mention.unit:
            word = tokens[behind].text
            further = tokens[behind + 1].text if behind + 1 < len(tokens) else ""
            if word in COINS and further not in COUNT_NOUNS:
                mention.unit = f"coin {COINS[word]}"
            elif word in UNITS:
                mention.unit = UNITS[word]
        previous = tokens[place - 1].text if place else ""
        if previous == "of" and place > 1 and tokens[place - 2].text == "instead":
            previous = "instead"
        mention.moment = _MOMENTS.get(previous, "")
        out.append(mention)
    return out


def _give_labels(
    mentions: list[Mention], labels: list[_Label], tokens: list[Token], own: list[bool],
    clauses: list[int], is_row: bool,
) -> None:  # fmt: skip
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


def _is_no_count(mention: Mention, label: _Label) -> bool:
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
    mention: Mention, labels: list[_Label], tokens: list[Token], clauses: list[int],
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


def _say(mention: Mention, label: _Label) -> None:
    mention.kinds.append(label.kinds)
    mention.label = label.text
    mention.is_labelled = not label.is_weak


def _label_by_row(mentions: list[Mention], labels: list[_Label], tokens: list[Token]) -> None:
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


def _give_roles(
    mentions: list[Mention], tokens: list[Token], clauses: list[int], labels: list[_Label]
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
