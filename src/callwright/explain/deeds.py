"""Was it done? Verbs that say what a decision came to, against the record that is cited.

"The desk rolled it [#240]" states the final action and that its orders were filled; "the guardrail
denied it" states a verdict. Only what contradicts the record is told: a sentence of what was
wanted, of what would have been, or of an earlier or later deed of the same call is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from callwright.explain.binding import Bound
from callwright.explain.facts import SourceFacts
from callwright.explain.options import is_symbol
from callwright.explain.reading import Token

OPEN, ROLL, CLOSE, HOLD = (
    "OPEN_COVERED_CALL", "ROLL_COVERED_CALL", "CLOSE_COVERED_CALL", "DO_NOTHING",
)  # fmt: skip
_DONE = {
    **dict.fromkeys(("rolled",), (ROLL,)),
    **dict.fromkeys(("sold", "opened"), (OPEN, ROLL)),
    **dict.fromkeys(("closed", "bought", "repurchased"), (CLOSE, ROLL)),
}
_PLAIN = {
    **dict.fromkeys(("roll", "rolling"), (ROLL,)), **dict.fromkeys(("sell", "open"), (OPEN, ROLL)),
    **dict.fromkeys(("close", "buy"), (CLOSE, ROLL)),
}  # fmt: skip
_DENIED = frozenset({"denied", "blocked", "refused"})
_ALLOWED = frozenset({"allowed", "approved"})
_EXECUTED = frozenset({"filled", "partially_filled"})
_NOT = frozenset(("not", "never", "no", "nothing", "neither", "nor", "without", "none", "cannot"))
_UNREAL = frozenset(
    ("would", "could", "might", "may", "should", "if", "unless", "baseline", "can", "will",
     "whether", "must")
)  # fmt: skip
_WANTED = frozenset(
    ("proposed", "proposal", "proposals", "wanted", "tried", "attempted", "asked", "denied",
     "blocked", "refused", "propose", "proposes", "requested", "meant", "planned", "intended",
     "rejected", "decided", "chose", "simulated", "dry", "dry-run", "unfilled", "failed")
)  # fmt: skip
_EARLIER = frozenset({"had", "been", "earlier", "before", "previously", "since", "originally"})
_LATER = frozenset({"later", "afterwards", "then", "finally", "eventually", "next"})
_VENUE = frozenset({"exchange", "venue", "deribit"})
_CANDIDATES = frozenset({"candidate", "candidates", "alternative", "alternatives"})
_NO_VERDICT = frozenset({"strike", "strikes", "limit", "least", "most", "model", "manager"})
_NEAR = 60
_SCOPE = 6
"""How many words before a verb may turn it into its opposite."""


class Deed(NamedTuple):
    """A verb that contradicts the record, and why."""

    place: int
    problem: str


class _Record(NamedTuple):
    """What one cited decision came to; None: the record does not say."""

    cite: str
    action: str
    status: str
    guardrail: bool | None
    risk: bool | None
    opened: tuple[str, ...]
    is_ended: bool
    bought: frozenset[str]

    @property
    def verdict(self) -> bool | None:
        return None if None in (self.guardrail, self.risk) else bool(self.guardrail and self.risk)


def false_deeds(
    bound: Bound,
    near: Callable[[int], Sequence[str]],
    detail_of: Callable[[str], Mapping[str, Any] | None],
    facts_of: Callable[[str], SourceFacts | None],
) -> Iterator[Deed]:
    """Yield each verb of the sentence that no cited decision bears out.

    Args:
        near: The citations on which the word at a place leans.
        detail_of: A cited decision as JSON.
    """
    for place in bound.claims:
        token = bound.tokens[place]
        if token.kind != "word" or not _is_verb(token.text):
            continue
        cites = near(place)
        if cites and all(cite.startswith(("what-if-", "model-")) for cite in cites):
            answers = [detail_of(cite) for cite in cites]
            told = [_supposed_problem(place, bound, a) if a else "" for a in answers]
            if all(told):
                yield Deed(place, told[0])
            continue
        if not cites or not all(cite.startswith("#") for cite in cites):
            continue
        records = [_read(cite, detail_of(cite), facts_of(cite)) for cite in cites]
        problems = [None if r is None else _problem(token, place, bound, r) for r in records]
        if all(problems):
            yield Deed(place, str(problems[0]))


_SUPPOSED = {
    **dict.fromkeys(("hold", "nothing", "wait"), (HOLD,)), "roll": (ROLL,), "open": (OPEN,),
    "sell": (OPEN, ROLL), "close": (CLOSE,),
}  # fmt: skip


def _supposed_problem(place: int, bound: Bound, answer: Mapping[str, Any]) -> str:
    """What "would" is followed by, against what a what-if answered."""
    if bound.tokens[place].text != "would":
        return ""
    who = str(answer.get("answers_for", ""))
    before = {t.text for t in bound.tokens[max(0, place - 3) : place]}
    if who.startswith("the rules") and before & {"model", "manager", "llm"}:
        return "it answers for the rules, not for a model"
    following = [t.text for t in bound.tokens[place + 1 : place + 5]]
    if {"not", "have", "never"} & set(following):
        return ""
    asked, final = _inside(answer, "proposed_action"), _inside(answer, "final_action")
    if asked is None or final is None:
        return ""
    if following[:1] == ["be"] and set(following[1:3]) & _DENIED:
        gates = [_allowed(answer, "guardrail"), _allowed(answer, "risk_check")]
        return "its gates allowed it" if gates == [True, True] else ""
    for word in following:
        if word in _SUPPOSED:
            done = {asked.get("action"), final.get("action")}
            is_so = bool(done.intersection(_SUPPOSED[word]))
            return "" if is_so else f"there the action is {final.get('action')}"
    return ""


def _is_verb(word: str) -> bool:
    return (
        word in _DONE or word in _PLAIN or word in _DENIED or word in _ALLOWED
        or word in ("filled", "rejected", "did", "would")
    )  # fmt: skip


def _read(cite: str, detail: Mapping[str, Any] | None, facts: SourceFacts | None) -> _Record | None:
    record = _inside(detail, "record") or detail
    if record is None or facts is None or detail is None:
        return None
    final, execution = _inside(record, "final_action"), _inside(record, "execution")
    if final is None or execution is None:
        return None
    books = _inside(_inside(record, "state"), "portfolio", "by_underlying") or {}
    held = tuple(
        str(call.get("symbol"))
        for book in books.values()
        if isinstance(book, Mapping)
        for call in book.get("short_calls") or ()
        if isinstance(call, Mapping)
    )
    opened = _inside(detail, "opened_by")
    status = str(execution.get("status"))
    updated = record.get("order_updates") or detail.get("later")
    return _Record(
        cite,
        str(final.get("action")),
        "filled" if updated and status in ("submitted", "unknown") else status,
        _allowed(record, "guardrail"),
        _allowed(record, "risk_check"),
        (*held, *((str(opened.get("symbol")),) if opened else ())),
        bool(detail.get("closed_by") or detail.get("later")),
        facts.bought,
    )


def _inside(node: Any, *keys: str) -> Mapping[str, Any] | None:
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else None


def _allowed(record: Mapping[str, Any], gate: str) -> bool | None:
    verdict = _inside(record, gate)
    allowed = None if verdict is None else verdict.get("allowed")
    return allowed if isinstance(allowed, bool) else None


def _problem(token: Token, place: int, bound: Bound, record: _Record) -> str:
    word = token.text
    if word == "would":
        return ""
    words = bound.clause_words(bound.clauses[place])
    negated = _is_negated(place, bound)
    if word in _DENIED or word in _ALLOWED or word == "rejected":
        return _verdict_problem(word, place, bound, record, words, negated=negated)
    if bound.words & _UNREAL:
        return ""
    if word == "filled":
        return _filled_problem(place, bound, record, negated=negated)
    if word == "did":
        following = [t.text for t in bound.tokens[place + 1 : place + 3]]
        if following[:1] != ["nothing"] or words & _WANTED:
            return ""
        return "" if record.action == HOLD else f"{record.cite} did {_said(record)}"
    if words & _WANTED:
        return ""
    return _deed_problem(word, place, bound, record, negated=negated)


def _deed_problem(word: str, place: int, bound: Bound, record: _Record, *, negated: bool) -> str:
    if word in _PLAIN and not _follows_did(place, bound):
        return ""
    if word == "bought" and "back" not in [t.text for t in bound.tokens[place : place + 12]]:
        actions: tuple[str, ...] = (CLOSE, ROLL)
    else:
        actions = _DONE.get(word) or _PLAIN[word]
    if _is_adjective(place, bound) or _is_of_another_time(word, place, bound, record):
        return ""
    is_done = record.action in actions and record.status in _EXECUTED
    if negated:
        if not is_done or _names_another(place, bound, record):
            return ""
        return f"{record.cite} did {_said(record)}"
    return "" if is_done else f"{record.cite} did not; it did {_said(record)}"


def _said(record: _Record) -> str:
    return f"{record.action}, execution {record.status}"


def _follows_did(place: int, bound: Bound) -> bool:
    return any(t.text in ("did", "didn't") for t in bound.tokens[max(0, place - 3) : place])


def _is_adjective(place: int, bound: Bound) -> bool:
    """Whether it only says which call is meant: "the call sold", "the rolled call"."""
    before = bound.tokens[place - 1] if place else None
    after = bound.tokens[place + 1].text if place + 1 < len(bound.tokens) else ""
    if before is None:
        return False
    if before.text in ("call", "calls", "option", "options", "size", "amount", "just", "newly"):
        return True
    return before.text in ("the", "a", "each", "every") and after in ("call", "calls", "option")


def _is_of_another_time(word: str, place: int, bound: Bound, record: _Record) -> bool:
    """Whether an earlier opening, or a later end, of the same call may be meant."""
    words = bound.clause_words(bound.clauses[place])
    if _DONE.get(word) == (OPEN, ROLL):
        if words & _EARLIER and record.opened:
            return True
        named = [n for n in bound.names_of("symbol") if abs(n.place - place) < _NEAR]
        nearest = min(named, key=lambda n: abs(n.place - place), default=None)
        if nearest is None:
            return bool(record.opened) and _is_passive(place, bound)
        return any(is_symbol(symbol, nearest.value) for symbol in record.opened)
    return record.is_ended and (bool(words & _LATER) or _is_passive(place, bound))


def _is_passive(place: int, bound: Bound) -> bool:
    before = {t.text for t in bound.tokens[max(0, place - 3) : place]}
    return bool(before & {"was", "were", "been", "is", "are", "that", "which", "it"})


def _names_another(place: int, bound: Bound, record: _Record) -> bool:
    """Whether "it did not sell the 98k call" speaks of another option than the decision did."""
    following = {t.text for t in bound.tokens[place + 1 : place + 4]}
    if following & {"more", "any", "other", "another"} or "only" in bound.words:
        return True
    clause = bound.clauses[place]
    named = [n for n in bound.names_of("symbol") if bound.clauses[n.place] == clause]
    return any(not any(is_symbol(s, n.value) for s in record.bought) for n in named)


def _is_negated(place: int, bound: Bound) -> bool:
    clause = bound.clauses[place]
    for step in range(place - 1, max(-1, place - _SCOPE - 1), -1):
        token = bound.tokens[step]
        if bound.clauses[step] != clause or token.text == ":":
            break
        if token.text != "did" and token.kind == "word" and _is_verb(token.text):
            # "not filled: it was denied": what it denied is the other verb.
            break
        if token.kind == "word" and (token.text in _NOT or token.text.endswith("n't")):
            return True
    after = bound.tokens[place + 1].text if place + 1 < len(bound.tokens) else ""
    return after in ("nothing", "no", "none", "neither")


def _filled_problem(place: int, bound: Bound, record: _Record, *, negated: bool) -> str:
    is_filled = record.status in _EXECUTED
    if is_filled != negated or _is_adjective(place, bound):
        return ""
    return f"the execution of {record.cite} is {record.status}"


def _verdict_problem(
    word: str, place: int, bound: Bound, record: _Record, words: frozenset[str], *, negated: bool
) -> str:
    if bound.words & (_UNREAL | _CANDIDATES) or words & _NO_VERDICT:
        return ""
    if word == "rejected":
        is_venue = bool(words & _VENUE)
        by_desk = record.verdict is False and not is_venue
        is_so = record.status == "rejected" or by_desk
        if is_so != negated or record.verdict is None:
            return ""
        return f"the execution of {record.cite} is {record.status}"
    if word in _ALLOWED and not _is_said_of_it(place, bound):
        return ""
    gates = {"guardrail": record.guardrail, "risk": record.risk}
    named = _gate_before(place, bound)
    allowed = record.verdict if named is None else gates[named]
    if allowed is None or (named is None and words & _VENUE):
        return ""
    said = (word in _ALLOWED) != negated
    if allowed == said:
        return ""
    who = "its gates" if named is None else f"its {named} check"
    return f"in {record.cite} {who} {'allowed' if allowed else 'denied'} it"


def _gate_before(place: int, bound: Bound) -> str | None:
    """Return the gate that is named in the verb's clause; None when both are or none is."""
    named = {"guardrail", "risk"} & bound.clause_words(bound.clauses[place])
    return named.pop() if len(named) == 1 else None


def _is_said_of_it(place: int, bound: Bound) -> bool:
    """Whether "allowed" tells a verdict; "the most that is allowed" does not."""
    after = bound.tokens[place + 1].text if place + 1 < len(bound.tokens) else ""
    return after in ("it", "this", "the", "that", "both") or _is_passive(place, bound)
