"""The evidence check: which claims of an answer stand in what the answer cites.

Deterministic and pure; no model. docs/evidence.md says what counts as a claim and when it holds.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from callwright.domain.explain import Claim, ClaimKind, Source
from callwright.explain.binding import Bound, bind
from callwright.explain.deeds import false_deeds
from callwright.explain.desk_states import false_states
from callwright.explain.facts import FREE_TEXT, SourceFacts, record_facts, walk
from callwright.explain.holding import number_holds
from callwright.explain.mentions import Mention
from callwright.explain.names import DESIGN_NOUNS, LOOKED, QUOTING
from callwright.explain.options import code_holds, instrument_holds, text_holds
from callwright.explain.reading import Instrument, Token
from callwright.explain.results import source_facts
from callwright.explain.sentences import Sentence, sentences_of
from callwright.explain.times import date_holds, loose_times

UNCITED = "its sentence cites nothing"
STALE = "it is older than the newest decision; ask again"
_TEXT_KEYS = frozenset(
    ("reasoning", "failure_message", "message", "why", "snippet", "error", "changes",
     "assumptions", "notes", "trading_state_reason", "breakers", "unresolved_orders")
)  # fmt: skip


def check(
    text: str,
    sources: Sequence[Source],
    record_of: Callable[[int], Mapping[str, Any] | None],
    *,
    stale: Collection[str] = (),
) -> tuple[Claim, ...]:
    """Return every claim of an answer, in order, with where it stands or why it does not hold.

    Args:
        text: The answer, markdown.
        sources: Tool results of the conversation; of several with one ``cite`` the last
            counts, of a decision every view.
        record_of: A decision by its number, ``DecisionDetail`` as JSON; None when there is none.
        stale: Cites of what is no longer so: a status, or a what-if, before the newest decision.
    """
    library = _Library(sources, record_of, frozenset(stale))
    claims: list[Claim] = []
    for sentence in sentences_of(text):
        claims.extend(_sentence_claims(text, sentence, library))
    claims.sort(key=lambda claim: (claim.start, claim.end))
    return tuple(claims)


def marked(text: str, claims: Iterable[Claim]) -> str:
    """Return the answer with `` (unverified)`` behind each claim that does not hold."""
    out: list[str] = []
    at = 0
    for end in sorted({claim.end for claim in claims if claim.problem}):
        # Behind what closes an emphasis or a code span, not inside it.
        while end < len(text) and text[end] in "*`":
            end += 1
        if end < at:
            continue
        out += [text[at:end], " (unverified)"]
        at = end
    return "".join([*out, text[at:]])


def problems_text(claims: Iterable[Claim], text: str = "") -> str:
    """Return what a model is told for its correction: each unsupported item and what to do.

    Args:
        text: The answer; with it each item is shown in its surroundings.
    """
    bad = [claim for claim in claims if claim.problem]
    lines = []
    for claim in bad:
        where = _around(text, claim)
        lines.append(f'- "{claim.text}"{where}: {claim.problem}.')
    return "\n".join(
        [
            f"{len(bad)} items of your answer are not in what their sentence cites:",
            *lines,
            "Write the whole answer again. For each item: cite in the same sentence the decision "
            "[#id] or the tool result that states it, name it by its field's word and unit and by "
            "its coin, option or group, take the value from there, or leave it out. Compute "
            "nothing yourself.",
        ]
    )


def _around(text: str, claim: Claim) -> str:
    if not text:
        return ""
    start = max(text.rfind("\n", 0, claim.start), claim.start - 80, 0)
    end = min(claim.end + 40, len(text))
    piece = " ".join(text[start:end].split())
    return f' in "…{piece}…"'


class _Library:
    """The facts behind each citation, read when it is first asked for."""

    def __init__(
        self,
        sources: Sequence[Source],
        record_of: Callable[[int], Mapping[str, Any] | None],
        stale: frozenset[str],
    ) -> None:
        self.stale = stale
        self._by_cite: dict[str, list[Source]] = {}
        for source in sources:
            self._by_cite.setdefault(source.cite, []).append(source)
        self._record_of = record_of
        self._read: dict[str, SourceFacts | None] = {}

    def get(self, cite: str) -> SourceFacts | None:
        if cite not in self._read:
            self._read[cite] = self._facts(cite)
        return self._read[cite]

    def detail(self, cite: str) -> Mapping[str, Any] | None:
        """Return a cited decision as JSON, with what ended the call that it sold."""
        if cite.startswith(("what-if-", "model-")):
            return next((s.result for s in self._by_cite.get(cite, [])[-1:]), None)
        if not cite.startswith("#") or len(cite) > 19:
            return None
        found = self._record_of(int(cite[1:]))
        return (
            found
            if found is not None
            else next((source.result for source in self._by_cite.get(cite, [])), None)
        )

    def statuses(self, cite: str) -> Sequence[Mapping[str, Any]]:
        """Return what the desk's state was, when it is a status that is cited."""
        if not cite.startswith("status-"):
            return ()
        return [source.result for source in self._by_cite.get(cite, [])[-1:]]

    def _facts(self, cite: str) -> SourceFacts | None:
        shown = self._by_cite.get(cite, [])
        if cite.startswith("#"):
            digits = cite[1:]
            detail = self._record_of(int(digits)) if len(digits) < 19 else None
            if detail is None and not shown:
                return None
            facts = record_facts(cite, detail if detail is not None else {})
            for source in shown:
                if detail is None:
                    facts = record_facts(cite, source.result)
                elif "record" not in source.result:
                    # The model may have been shown a rounded view; that is what it can repeat.
                    walk(facts, source.result, path="view", part="")
            facts.ids.add(int(digits))
            return facts
        if not shown:
            return None
        return source_facts(cite, shown[-1].arguments, shown[-1].result)


class _Found(NamedTuple):
    where: str
    problem: str


def _sentence_claims(text: str, sentence: Sentence, library: _Library) -> list[Claim]:
    extra: dict[tuple[str, ...], frozenset[str]] = {}
    for cite in sentence.cites:
        facts = library.get(cite)
        if facts is not None:
            for words, kinds in facts.phrases.items():
                extra[words] = extra.get(words, frozenset()) | kinds
    bound = bind(sentence, extra)
    mentions = {mention.place: mention for mention in bound.mentions}
    cited = _Cited(bound)
    out = []
    # Numbers first: one that holds of an option confirms that option.
    for place in sorted(bound.claims, key=lambda p: bound.tokens[p].kind != "number"):
        token = bound.tokens[place]
        kind = _claim_kind(token)
        if kind is None:
            continue
        found = _judge(token, place, bound, mentions.get(place), cited, sentence, library)
        if found is None:
            continue
        said = text[token.start : token.end]
        out.append(
            Claim(
                kind=kind, text=said, start=token.start, end=token.end, found_in=found.where,
                problem=found.problem,
            )
        )  # fmt: skip
    deeds = false_deeds(bound, cited.near, library.detail, library.get)
    for at, problem in deeds:
        token = bound.tokens[at]
        out.append(_contradicted(text, token.start, token.end, problem))
    for at in loose_times(bound) if sentence.cites else ():
        token = bound.tokens[at]
        out.append(_contradicted(text, token.start, token.end, "write the date out", kind="date"))
    statuses = [s for cite in sentence.cites for s in library.statuses(cite)]
    for first, last, problem in false_states(bound.tokens, bound.claims, statuses):
        start, end = bound.tokens[first].start, bound.tokens[last].end
        out.append(_contradicted(text, start, end, problem))
    return out


def _contradicted(
    text: str, start: int, end: int, problem: str, *, kind: ClaimKind = "code"
) -> Claim:
    return Claim(kind=kind, text=text[start:end], start=start, end=end, problem=problem)


def _claim_kind(token: Token) -> ClaimKind | None:
    match token.kind:
        case "number":
            return "number"
        case "date":
            return "date"
        case "instrument":
            return "instrument"
        case "code" | "name":
            return "code"
        case "cite" | "id":
            return "citation"
        case "quote":
            return "code"
        case _:
            return None


def _judge(
    token: Token,
    place: int,
    bound: Bound,
    mention: Mention | None,
    cited: _Cited,
    sentence: Sentence,
    library: _Library,
) -> _Found | None:
    if token.kind == "cite":
        missing = [str(c) for c in token.value or () if library.get(str(c)) is None]
        if missing:
            return _Found("", f"there is no {', '.join(missing)} in this conversation or memory")
        if library.stale.intersection(token.value or ()):
            return _Found("", STALE)
        return _Found(", ".join(str(c) for c in token.value or ()), "")
    near = cited.near(place) or sentence.cites
    if near and library.stale.issuperset(near):
        return _Found("", STALE)
    facts = [f for f in (library.get(cite) for cite in near) if f is not None]
    if token.kind == "quote":
        return _quote(token, place, bound, facts)
    if token.kind == "id":
        return _id(token, near, facts, library)
    if mention is not None and _is_pronoun(token, place, bound):
        return None
    if not facts and not sentence.cites and _was_looked_for(token, bound):
        return None
    if not facts:
        if isinstance(token.value, Instrument) and token.value == (
            token.value.coin,
            None,
            None,
            None,
        ):
            # "BTC calls", of no decision: what the desk trades.
            return None
        return _Found("", UNCITED)
    match token.kind:
        case "number":
            assert mention is not None
            return _Found(*number_holds(mention, bound, facts))
        case "date":
            return _Found(*date_holds(token, place, bound, facts))
        case "instrument":
            return _Found(*instrument_holds(token, place, bound, facts))
        case "code":
            return _Found(*code_holds(token, place, bound, facts))
        case _:
            return _Found(*text_holds(token, facts))


def _was_looked_for(token: Token, bound: Bound) -> bool:
    """Whether it only says what was looked for, and not what was there: "I looked for rolls in
    April 2026".
    """
    words = [t.text for t in bound.tokens if t.kind == "word"]
    is_search = bool(LOOKED.intersection(words)) and "for" in words and "i" in words
    return is_search and not bound.mentions and token.kind in ("date", "instrument")


_ONE_BEFORE = frozenset(
    {"no", "any", "this", "that", "the", "each", "which", "every", "new", "last"}
)


def _is_pronoun(token: Token, place: int, bound: Bound) -> bool:
    """Whether a number word counts nothing on record: "the one", "one of them", "two gates"."""
    before = bound.tokens[place - 1].text if place else ""
    after = bound.tokens[place + 1].text if place + 1 < len(bound.tokens) else ""
    if f"{token.text.lower()} {after}" in DESIGN_NOUNS:
        return True
    if token.text.lower() != "one":
        return False
    return before in _ONE_BEFORE or after in ("of", "that", "which", "with", "")


class _Cited:
    """The citations of a sentence, neighbours together, and which of them a claim leans on."""

    def __init__(self, bound: Bound) -> None:
        self._clauses = bound.clauses
        self._places: list[int] = []
        self._cites: list[tuple[str, ...]] = []
        for place, token in enumerate(bound.tokens):
            if token.kind != "cite" or not bound.is_own[place]:
                continue
            cites = tuple(str(c) for c in token.value or ())
            between = bound.tokens[self._places[-1] + 1 : place] if self._places else []
            if self._places and all(t.text in _JOINING for t in between):
                self._places[-1] = place
                self._cites[-1] += cites
            else:
                self._places.append(place)
                self._cites.append(cites)
        first = next((p for p in bound.claims if bound.tokens[p].kind in _CLAIMING), None)
        self._leads = bool(self._places) and first is not None and self._places[0] < first

    def near(self, place: int) -> tuple[str, ...]:
        """Return those of the claim's own clause; else the next behind it, or, in a sentence that
        begins with its citation, the last before it.
        """
        if not self._places:
            return ()
        split = bisect_left(self._places, place)
        behind = split if split < len(self._places) else None
        before = split - 1 if split else None
        for at in (behind, before):
            if at is not None and self._clauses[self._places[at]] == self._clauses[place]:
                return self._cites[at]
        first, second = (before, behind) if self._leads else (behind, before)
        chosen = first if first is not None else second
        return () if chosen is None else self._cites[chosen]


_JOINING = frozenset({",", ";", "and", "-", "to"})
_CLAIMING = frozenset({"number", "date", "instrument", "code"})


def _id(
    token: Token, near: Sequence[str], facts: Sequence[SourceFacts], library: _Library
) -> _Found:
    number = int(token.text[1:])
    if token.text in near:
        return _Found(token.text, "")
    for source in facts:
        if number in source.ids:
            return _Found(source.cite, "")
    if library.get(token.text) is None:
        return _Found("", f"there is no decision {token.text}")
    return _Found("", f"cite it as [{token.text}]")


_LETTERS = re.compile(r"\w+")
_PIECES = re.compile(r"\s*(?:\u2026|\.\.\.)\s*")


def _quote(token: Token, place: int, bound: Bound, facts: Sequence[SourceFacts]) -> _Found | None:
    """A quotation holds when it stands, word for word, in a text of the cited records."""
    inside = token.text[1:-1]
    words = _LETTERS.findall(inside)
    quoting = bool(bound.words & QUOTING)
    if not words or (len(words) < 3 and not re.search(r"\d", inside) and not quoting):
        return None
    if not facts:
        return _Found("", UNCITED)
    pieces = [_plain(p) for p in _PIECES.split(inside.strip().rstrip(".,;:!?"))]
    pieces = [p for p in pieces if p]
    for source in facts:
        for named in source.texts:
            is_text = named.key in _TEXT_KEYS or named.key.endswith("message")
            if is_text and _in_order(pieces, _plain(named.text)):
                if named.key in FREE_TEXT and not quoting and re.search(r"\d", inside):
                    return _Found("", "say who stated it")
                return _Found(f"{source.cite} {named.path}", "")
    return _Found("", "these are not the words of a text in what is cited")


def _plain(text: str) -> str:
    return " ".join(text.replace("\u2212", "-").replace("*", "").replace("`", "").split())


def _in_order(pieces: Sequence[str], text: str) -> bool:
    at = 0
    for piece in pieces:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return bool(pieces)
