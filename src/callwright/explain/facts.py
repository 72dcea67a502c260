"""A record's or a tool result's JSON as facts: each number with its kind, its unit and whose it is.

Nothing here knows an answer. What a fact belongs to (coin, symbol, side, code, group) is taken from
where it stands; a reader of answers must name the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from callwright.explain.fields import BY_KEY, LIMIT_KEYS, limit_side, own_words, unit_of

COIN = re.compile(r"(?:BTC|ETH|SOL|XRP|USDC|USDT|USD)\Z")
SYMBOL = re.compile(r"(?:[A-Z_]{2,16}-)\d{1,2}[A-Z]{3}\d{2}-\d{1,12}(?:d\d+)?-[CP]\Z")
CODE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\Z")
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?)?\Z")
_CYCLE_TIME = re.compile(r".*-(\d{8}T\d{6})\.\d{3}Z\Z")
NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,18})?\Z")
_DEPTH_MAX = 12
FREE_TEXT = frozenset(("reasoning", "why", "snippet", "error"))
"""Keys of texts that models, venues and strangers wrote: a date or a number in one is no fact."""

PARTS = {
    "baseline_action": "baseline", "actual_action": "actual", "config_snapshot": "settings",
    "opened_by": "opened_by", "closed_by": "closed_by", "later": "later",
    "order_updates": "updates", "candidates": "candidates", "short_calls": "held",
    "positions": "held", "funnel": "funnel", "config_changes": "changes", "clamps": "clamps",
    "orders": "orders", "term_structure": "term", "guardrail": "verdict",
    "risk_check": "verdict", "rows": "rows",
    "arguments": "arguments", "where": "where", "llm": "llm", "shadow": "shadow",
}  # fmt: skip
"""Keys that say in which part of a record a fact stands."""


class Fact(NamedTuple):
    """A number on record.

    Attributes:
        kinds: What it is; ``:limit``, ``:max`` or ``:min`` follow the kind that is limited.
        of: Whose it is, by dimension: coin, symbol, side, code, filter, and for groups the keys.
        loose: Dimensions of ``of`` that an answer need not name.
        part: In which part of the record it stands.
    """

    value: float
    unit: str
    kinds: frozenset[str]
    of: Mapping[str, Any]
    path: str
    part: str = ""
    loose: frozenset[str] = frozenset()


class When(NamedTuple):
    """A time on record: ``kind`` is its key, with what it belongs to."""

    at: datetime
    kind: str
    of: Mapping[str, Any]
    path: str
    part: str = ""
    has_clock: bool = True


class Named(NamedTuple):
    """An instrument, code or other text on record, and the part in which it stands."""

    text: str
    key: str
    part: str
    path: str
    of: Mapping[str, Any]


@dataclass
class SourceFacts:
    """All that one citation stands for.

    Attributes:
        ids: Further decisions that it names.
        phrases: Words of its own keys, to kinds.
        sold, bought: Options of the decision's proposal.
        is_complete: Whether all groups are there, so that one that is not has none.
        keys: What an aggregate is grouped by.
        resolved: From options as named to the full names that are meant.
    """

    cite: str
    numbers: list[Fact] = field(default_factory=list)
    times: list[When] = field(default_factory=list)
    symbols: list[Named] = field(default_factory=list)
    codes: list[Named] = field(default_factory=list)
    texts: list[Named] = field(default_factory=list)
    ids: set[int] = field(default_factory=set)
    phrases: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict)
    sold: frozenset[str] = frozenset()
    bought: frozenset[str] = frozenset()
    is_complete: bool = False
    keys: frozenset[str] = frozenset()
    resolved: dict[Any, frozenset[str]] = field(default_factory=dict)

    @property
    def subjects(self) -> frozenset[str]:
        """What the decision sells, closes or rolls from."""
        return self.sold | self.bought

    def by_kind(self) -> Mapping[str, list[Fact]]:
        """Return the numbers by kind."""
        if not self._by_kind:
            for fact in self.numbers:
                for kind in fact.kinds:
                    self._by_kind.setdefault(kind, []).append(fact)
        return self._by_kind

    _by_kind: dict[str, list[Fact]] = field(default_factory=dict)


def walk(out: SourceFacts, node: Any, *, path: str = "", part: str = "") -> None:
    """Add every fact of a JSON value to ``out``."""
    _walk(out, node, key="", path=path, part=part, of={}, depth=0)


def _walk(
    out: SourceFacts,
    node: Any,
    *,
    key: str,
    path: str,
    part: str,
    of: Mapping[str, Any],
    depth: int,
) -> None:
    if depth > _DEPTH_MAX:
        return
    if isinstance(node, Mapping):
        own = dict(of) | _belongs_to(node, part)
        for name, value in node.items():
            name = str(name)
            below = f"{path}.{name}" if path else name
            if COIN.match(name):
                inner: dict[str, Any] = own | {"coin": name}
                _walk(out, value, key=key, path=below, part=part, of=inner, depth=depth + 1)
            elif SYMBOL.match(name):
                inner = own | {"symbol": name, "coin": coin_of(name)}
                out.symbols.append(Named(name, key, part, below, own))
                _walk(out, value, key=key, path=below, part=part, of=inner, depth=depth + 1)
            else:
                if CODE.match(name) and "_" in name:
                    out.codes.append(Named(name, key, part, below, own))
                    own_code: dict[str, Any] = own | {"code": name}
                    _walk(out, value, key="count", path=below, part=part, of=own_code,
                          depth=depth + 1)  # fmt: skip
                    continue
                inside = PARTS.get(name, part)
                _walk(out, value, key=name, path=below, part=inside, of=own, depth=depth + 1)
        return
    if isinstance(node, list | tuple):
        if part == "changes" and len(node) == 2:
            for side, value in zip(("before", "after"), node, strict=True):
                _walk(out, value, key=key, path=f"{path}.{side}", part=part,
                      of=dict(of) | {"moment": side}, depth=depth + 1)  # fmt: skip
            return
        for place, value in enumerate(node):
            _walk(out, value, key=key, path=f"{path}[{place}]", part=part, of=of, depth=depth + 1)
        return
    if isinstance(node, bool) or node is None:
        return
    if isinstance(node, int | float):
        add_number(out, float(node), key=key, path=path, part=part, of=of)
    elif isinstance(node, str):
        add_text(out, node, key=key, path=path, part=part, of=of)


def add_number(
    out: SourceFacts, value: float, *, key: str, path: str, part: str, of: Mapping[str, Any]
) -> None:
    """Add one number under the kinds of its key."""
    if not math.isfinite(value) or (part == "term" and key == "dte_days"):
        return
    if key in ("id", "told_by_id", "decision_id", "first_id", "last_id", "run_end_id"):
        out.ids.add(int(value))
        return
    # What sizing would sell of a candidate is not what was sold.
    known = _known("candidate_size" if part == "candidates" and key == "size_coin" else key)
    out.phrases.setdefault((key.lower(),), known.raw)
    if known.own:
        out.phrases[known.own] = out.phrases.get(known.own, frozenset()) | known.raw
    out.numbers.append(Fact(value, known.unit, known.kinds, of, path, part))


class _Known(NamedTuple):
    """What a key says of its numbers; ``own``: its words, when no field's words name it."""

    kinds: frozenset[str]
    unit: str
    raw: frozenset[str]
    own: tuple[str, ...]


@lru_cache(maxsize=4096)
def _known(key: str) -> _Known:
    fields = BY_KEY.get(key, ())
    kinds = {each.kind for each in fields}
    limited = LIMIT_KEYS.get(key)
    if limited is not None:
        side = limit_side(key)
        kinds |= {f"{limited}:limit"} | ({f"{limited}:{side}"} if side else set())
    raw = frozenset({f"key:{key}"})
    own = () if kinds else own_words(key)
    return _Known(frozenset(kinds) | raw, unit_of(key, fields), raw, own)


def _belongs_to(node: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Return the dimensions that an object states of itself."""
    found: dict[str, Any] = {}
    for key in ("symbol", "instrument_name"):
        name = node.get(key)
        if isinstance(name, str) and SYMBOL.match(name):
            found |= {"symbol": name, "coin": coin_of(name)}
    coin = node.get("underlying")
    if isinstance(coin, str) and COIN.match(coin):
        found["coin"] = coin
    for key in ("side", "filter", "code", "purpose"):
        if isinstance(node.get(key), str):
            found[key] = node[key]
    if part == "clamps" and isinstance(node.get("name"), str):
        found["clamp"] = node["name"]
    facts = node.get("facts")
    if isinstance(facts, Mapping) and isinstance(facts.get("side"), str):
        found["side"] = facts["side"]
    return found


def add_text(
    out: SourceFacts, text: str, *, key: str, path: str, part: str, of: Mapping[str, Any]
) -> None:
    """Add a text: an option, a time, a number, a code or words, by its form."""
    is_free = key in FREE_TEXT or key.endswith("message")
    if len(text) < 80 and not is_free:
        if SYMBOL.match(text):
            out.symbols.append(Named(text, key, part, path, of))
        elif _TIME.match(text):
            when = time_of(text)
            if when is not None:
                out.times.append(When(when, key, of, path, part, len(text) > 10))
        elif NUMBER.match(text):
            add_number(out, float(text), key=key, path=path, part=part, of=of)
        elif (cycle := _CYCLE_TIME.match(text)) and key in ("cycle_id", "last_cycle"):
            when = datetime.strptime(cycle.group(1), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
            out.times.append(When(when, key, of, path, part))
        elif CODE.match(text):
            out.codes.append(Named(text, key, part, path, of))
    out.texts.append(Named(text, key, part, path, of))


def time_of(text: str) -> datetime | None:
    """Return an ISO time as UTC; a day is its midnight; None when it is none."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def coin_of(symbol: str) -> str:
    """Return the underlying of an option's name."""
    return symbol.partition("-")[0].partition("_")[0]


def record_facts(cite: str, detail: Mapping[str, Any]) -> SourceFacts:
    """Return the facts of a decision: ``DecisionDetail`` as JSON, or a view of it."""
    out = SourceFacts(cite)
    walk(out, detail)
    record = detail.get("record")
    inner = record if isinstance(record, Mapping) else detail
    out.sold, out.bought = subjects_of(inner)
    derived(out, inner)
    return out


def subjects_of(record: Mapping[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the options that a proposal sells, and those that it buys back."""
    sold: set[str] = set()
    bought: set[str] = set()
    for name in ("proposed_action", "final_action"):
        act = record.get(name)
        if not isinstance(act, Mapping):
            continue
        params = act.get("params")
        params = params if isinstance(params, Mapping) else act
        symbol, old = params.get("symbol"), params.get("from_symbol")
        if isinstance(symbol, str):
            (bought if str(act.get("action", "")).startswith("CLOSE") else sold).add(symbol)
        if isinstance(old, str):
            bought.add(old)
    return frozenset(sold), frozenset(bought)


def derived(out: SourceFacts, record: Mapping[str, Any]) -> None:
    """Add lengths of lists that an answer may count: open calls, candidates that pass."""
    state = record.get("state")
    if not isinstance(state, Mapping):
        return
    candidates = state.get("candidates")
    if isinstance(candidates, list):
        passing = sum(1 for c in candidates if isinstance(c, Mapping) and c.get("passes") is True)
        add_count(out, "candidates", len(candidates), "state.candidates", {})
        add_count(out, "candidates_passing", passing, "state.candidates[passes]", {})
        add_count(
            out, "candidates_blocked", len(candidates) - passing, "state.candidates[!passes]", {}
        )
    portfolio = state.get("portfolio")
    books = portfolio.get("by_underlying") if isinstance(portfolio, Mapping) else None
    if isinstance(books, Mapping):
        sizes = {
            c: len(b.get("short_calls") or ()) for c, b in books.items() if isinstance(b, Mapping)
        }
        for coin, size in sizes.items():
            add_count(
                out, "open_calls", size, f"state.portfolio.{coin}.short_calls", {"coin": coin}
            )
        add_count(out, "open_calls", sum(sizes.values()), "state.portfolio.short_calls", {})


def add_count(out: SourceFacts, kind: str, count: int, path: str, of: Mapping[str, Any]) -> None:
    """Add a count that no key holds: the length of a list."""
    out.numbers.append(Fact(float(count), "count", frozenset({kind}), of, path))
