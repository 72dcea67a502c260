"""Does a sentence name the group of an aggregate's number, and nothing that contradicts it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callwright.explain.facts import Fact, SourceFacts
from callwright.explain.mentions import Mention, Name
from callwright.explain.options import in_search_text, is_symbol
from callwright.explain.reading import Instrument
from callwright.explain.times import boundary_fits, time_fits

_GROUP_DIMS = frozenset(
    ("action", "proposed_action", "verdict", "code", "failure", "source", "status", "model", "coin",
     "symbol", "strike", "time")
)  # fmt: skip
_TOTAL_WORDS = frozenset(
    ("decisions", "cycles", "total", "altogether", "overall", "all", "decision", "matches", "hits",
     "results")
)  # fmt: skip
_NAME_OF = {"month": "time", "day": "time", "week": "time", "strike": "symbol"}


def group_fits(mention: Mention, fact: Fact, source: SourceFacts) -> bool:
    """Whether the sentence names this fact's group, and nothing that contradicts it."""
    if mention.is_rate and not fact.kinds & {"orders", "cost"}:
        # An average over time is arithmetic.
        return False
    if mention.is_whole:
        return _is_the_whole(mention, fact)
    of, loose = fact.of, fact.loose
    is_total = bool(mention.words & _TOTAL_WORDS) and "share" not in fact.kinds
    # A total beside groups must be called one, and no group may wait for its number.
    waits = mention.waiting & {_NAME_OF.get(key, key) for key in source.keys}
    if source.keys and not source.keys & set(of) and (waits or not is_total):
        return False
    used: set[str] = set()
    for dim, name in mention.own.items():
        if dim not in _GROUP_DIMS:
            continue
        verdict = _dim_fits(dim, name, fact, source)
        if verdict is False:
            return False
        if verdict is True:
            used.add(_stored_dim(dim, of))
    for dim in of:
        if dim in ("since", "until", "side", "id") or dim in loose or dim in used:
            continue
        if dim in ("month", "day", "week") and _time_name_fits(mention, fact, used):
            continue
        inherited = _inherited(mention, dim, of, is_total)
        if inherited is None or not _dim_fits(inherited.dim, inherited, fact, source):
            return False
    for dim in loose & mention.waiting & set(mention.before) - used:
        if _dim_fits(dim, mention.before[dim], fact, source) is False:
            return False
    if "id" in of:
        named = [mention.own.get("id"), mention.before.get("id"), mention.after.get("id")]
        return any(n is not None and n.value == f"#{of['id']}" for n in named)
    return True


def _is_the_whole(mention: Mention, fact: Fact) -> bool:
    """Whether it is all of what is named right behind it: "of the 43 rolls", "in 240 decisions"."""
    named = {
        dim: name.value
        for dim, name in mention.own.items()
        if mention.place < name.place <= mention.place + 2 and dim in _GROUP_DIMS
    }
    has = {dim: v for dim, v in fact.of.items() if dim not in ("since", "until")}
    return "count" in fact.kinds and (named == has or (not named and fact.path == "total"))


def _stored_dim(dim: str, of: Mapping[str, Any]) -> str:
    if dim == "time":
        return next((d for d in ("day", "week", "month") if d in of), "since")
    if dim in ("action", "proposed_action") and dim not in of:
        return "proposed_action" if dim == "action" else "action"
    if dim == "symbol" and "symbol" not in of:
        return "strike" if "strike" in of else "coin"
    if dim == "code" and "code" not in of and "failure" in of:
        return "failure"
    return dim


def _inherited(mention: Mention, dim: str, of: Mapping[str, Any], is_total: bool) -> Name | None:
    wanted = {
        "month": ("time",), "day": ("time",), "week": ("time",), "strike": ("symbol",),
        "failure": ("failure", "code"), "coin": ("coin", "symbol"),
        "proposed_action": ("proposed_action", "action"),
    }.get(dim, (dim,))  # fmt: skip
    if is_total and not mention.waiting.intersection(wanted) and dim in (
        "action", "proposed_action", "verdict", "code", "failure", "status",
    ):  # fmt: skip
        return None
    for where in (mention.before, mention.after):
        for each in wanted:
            if each in where:
                return where[each]
    return None


def _time_name_fits(mention: Mention, fact: Fact, used: set[str]) -> bool:
    name = mention.before.get("time") or mention.after.get("time")
    return name is not None and time_fits(name.value, fact.of) is True


def _dim_fits(dim: str, name: Name, fact: Fact, source: SourceFacts) -> bool | None:
    """Whether a name agrees with the fact's group; None when the group says nothing of it."""
    of = fact.of
    if dim == "time":
        if name.is_boundary and boundary_fits(name.value, of, is_excluded=True):
            return None
        if any(d in of for d in ("day", "week", "month", "since", "until")):
            return time_fits(name.value, of)
        return False
    stored = _stored_dim(dim, of)
    value = of.get(stored)
    if stored not in of:
        if dim == "source" and name.value == "llm" and _no_model_decided(fact, source):
            return False
        if dim in ("side", "source", "status", "model", "verdict"):
            is_other = dim == "status" and name.value in ("rejected", "unfilled")
            return False if dim == "verdict" or is_other or dim in source.keys else None
        return None if in_search_text(name, source) else False
    if dim == "symbol":
        parts: Instrument = name.value
        if stored == "strike":
            return parts.strike is not None and value == parts.strike
        if stored == "coin":
            return parts.coin == value if parts.coin else False
        return isinstance(value, str) and is_symbol(value, parts)
    if dim == "failure" and name.value == "ANY":
        return True if value == "ANY" else None if value is not None else False
    said = {name.value} if not isinstance(name.value, tuple) else set(name.value)
    have = set(value) if isinstance(value, tuple) else {value}
    return said == have


def _no_model_decided(fact: Fact, source: SourceFacts) -> bool:
    """Whether the fact's group, or for a total every group, says that no model was asked."""
    row = fact.path.partition(".")[0]
    asked = [
        each.value
        for each in source.numbers
        if each.path.endswith(".model_decisions")
        and (each.path.startswith(f"{row}.") or not row.startswith("rows"))
    ]
    return bool(asked) and sum(asked) == 0


def is_empty_group(mention: Mention, facts: list[Fact], source: SourceFacts) -> bool:
    """Whether it says 0 of a group that the result would have shown if there were any."""
    rows = [f for f in facts if f.path.startswith("rows") and "count" in f.kinds]
    if mention.number.value != 0 or not rows or not source.is_complete:
        return False
    keys = set(rows[0].of) - rows[0].loose - {"since", "until"}
    named = {_stored_dim(d, rows[0].of) for d in mention.own if d in _GROUP_DIMS}
    return bool(named) and named <= keys
