"""The facts of what tools answer: counts by group, totals of searches, the status, what-ifs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from callwright.explain.facts import (
    NUMBER,
    Named,
    SourceFacts,
    When,
    add_count,
    add_number,
    add_text,
    coin_of,
    derived,
    subjects_of,
    time_of,
    walk,
)


def source_facts(cite: str, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> SourceFacts:
    """Return the facts of a tool's result."""
    if "rows" in result and isinstance(result["rows"], list | tuple):
        return _stats_facts(cite, arguments, result)
    if "hits" in result:
        return _search_facts(cite, arguments, result)
    out = SourceFacts(cite)
    walk(out, result)
    _changes(out, arguments, result)
    out.sold, out.bought = subjects_of(result)
    derived(out, result)
    positions = result.get("positions")
    if isinstance(positions, Mapping | list):
        add_count(out, "open_calls", len(positions), "positions", {})
        per_coin = Counter(_coins_of(positions))
        for coin, count in per_coin.items():
            add_count(out, "open_calls", count, "positions", {"coin": coin})
    return out


def _coins_of(positions: Mapping[str, Any] | list[Any]) -> Iterator[str]:
    for each in positions:
        name = each.get("instrument_name", "") if isinstance(each, Mapping) else each
        yield coin_of(str(name))


_CHANGE = re.compile(
    r"(?:(?P<key>[a-z_]+)(?:[. ](?P<coin>[A-Z]{2,5}))?:? )?"
    r"(?P<before>-?[\d.]+(?:e-?\d+)?) -> (?P<after>-?[\d.]+(?:e-?\d+)?)"
)


def _changes(out: SourceFacts, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Add what a question changed: ``{"spots": ["BTC=90000"]}`` and the answer's words of it."""
    for key, name in (("spots", "spot"), ("balances", "balance"), ("settings", "")):
        given = arguments.get(key)
        for change in given if isinstance(given, list | tuple) else ():
            left, is_there, figure = str(change).replace(" ", "").partition("=")
            what, _, coin = left.partition(".") if not name else (name, "", left)
            if is_there and NUMBER.match(figure):
                add_number(out, float(figure), key=what.lower(), path=f"arguments.{key}",
                           part="arguments", of={"coin": coin} if coin else {})  # fmt: skip
    told = result.get("changes")
    for place, change in enumerate(told if isinstance(told, list | tuple) else ()):
        for match in _CHANGE.finditer(str(change)[:400]):
            of: dict[str, Any] = {"coin": match["coin"]} if match["coin"] else {}
            for moment in ("before", "after"):
                add_number(out, float(match[moment]), key=match["key"] or "changes",
                           path=f"changes[{place}]", part="changes",
                           of=of | {"moment": moment})  # fmt: skip


_FILTERS = (
    "action", "proposed_action", "verdict", "underlying", "symbol", "strike_usd", "code", "failure",
    "source", "status", "model",
)  # fmt: skip


def _filters(arguments: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was filtered by, under the names of the groups."""
    where: dict[str, Any] = {}
    for given in (arguments, arguments.get("where"), result.get("where")):
        if isinstance(given, Mapping):
            where |= {name: value for name, value in given.items() if value not in (None, [], ())}
    found: dict[str, Any] = {}
    for name in (*_FILTERS, "strike"):
        value = where.get(name)
        if isinstance(value, list | tuple):
            named = tuple(each for each in value if isinstance(each, str))
            value = named[0] if len(named) == 1 else named or None
        if not isinstance(value, str | int | float | tuple):
            continue
        if name in ("strike", "strike_usd"):
            number = _strike(value)
            if number is not None:
                found["strike"] = number
        else:
            found["coin" if name == "underlying" else name] = value
    since, until = where.get("since"), where.get("until")
    # The result's end is excluded; an argument's day or month is included.
    inner = result.get("where")
    exact = isinstance(inner, Mapping) and inner.get("until") is not None
    found |= _period(since, until, until_excluded=exact)
    return found


def _strike(value: Any) -> float | None:
    text = str(value).lower().replace(",", "").replace("$", "").strip()
    scale = 1000.0 if text.endswith("k") else 1.0
    try:
        return float(text.removesuffix("k")) * scale
    except ValueError:
        return None


def _period(since: Any, until: Any, *, until_excluded: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    start = interval_of(str(since)) if since else None
    end = interval_of(str(until)) if until else None
    if start:
        found["since"] = start[0]
    if end:
        found["until"] = end[0] if until_excluded else end[1]
    return found


def interval_of(text: str) -> tuple[datetime, datetime] | None:
    """Return from when and up to when (excluded) a month, day or time lasts."""
    if re.fullmatch(r"\d{4}-\d\d", text):
        year, month = int(text[:4]), int(text[5:])
        if not 1 <= month <= 12 or year < 1:
            return None
        start = datetime(year, month, 1, tzinfo=UTC)
        return start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    when = time_of(text)
    if when is None:
        return None
    if len(text) == 10:
        try:
            return when, datetime.fromordinal(when.toordinal() + 1).replace(tzinfo=UTC)
        except ValueError:
            return None
    return when, when


def _stats_facts(cite: str, arguments: Mapping[str, Any], result: Mapping[str, Any]) -> SourceFacts:
    out = SourceFacts(cite)
    filters = _filters(arguments, result)
    loose = frozenset(filters)
    _note_filters(out, filters, arguments, result)
    for key in ("total", "groups"):
        if isinstance(result.get(key), int):
            _grouped(out, float(result[key]), key, key, filters, loose)
    out.is_complete = result.get("groups") == len(result["rows"])
    for place, row in enumerate(result["rows"]):
        if not isinstance(row, Mapping):
            continue
        keys = row.get("keys")
        of = dict(filters)
        if isinstance(keys, Mapping):
            out.keys |= {"coin" if name == "underlying" else str(name) for name in keys}
            for name, value in keys.items():
                if isinstance(value, str | int | float | None):
                    of["coin" if name == "underlying" else str(name)] = value
                if isinstance(value, str):
                    add_text(out, value, key=name, path=f"rows[{place}].keys", part="rows", of={})
        # One group alone needs no name, nor does a key that the filter fixes.
        fixed = frozenset(name for name in loose if of.get(name) == filters[name])
        named = frozenset(of) if result.get("groups") == 1 else fixed
        for key, value in _leaves(row):
            path = f"rows[{place}].{key}"
            coin = re.match(r"cash\.([A-Z]+)\.", key)
            inner = of | ({"coin": coin.group(1)} if coin else {})
            _grouped(out, value, key.rpartition(".")[2], path, inner, named)
    return out


def _leaves(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in row.items():
        if key == "keys":
            continue
        if isinstance(value, Mapping):
            for inner, number in _leaves(value):
                yield f"{key}.{inner}", number
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield str(key), float(value)


def _grouped(
    out: SourceFacts,
    value: float,
    key: str,
    path: str,
    of: Mapping[str, Any],
    loose: frozenset[str],
) -> None:
    before = len(out.numbers)
    add_number(out, value, key=key, path=path, part="rows", of=of)
    if len(out.numbers) > before:
        out.numbers[-1] = out.numbers[-1]._replace(loose=loose)


def _note_filters(
    out: SourceFacts, filters: Mapping[str, Any], arguments: Mapping[str, Any],
    result: Mapping[str, Any],
) -> None:  # fmt: skip
    for name, value in filters.items():
        if isinstance(value, datetime):
            out.times.append(When(value, name, {}, f"where.{name}", "where", has_clock=True))
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                add_text(out, text, key=name, path=f"where.{name}", part="where", of={})
    words = arguments.get("text")
    if isinstance(words, str):
        out.texts.append(Named(words, "text", "arguments", "arguments.text", {}))
    notes = result.get("notes")
    for note in notes if isinstance(notes, list | tuple) else ():
        out.texts.append(Named(str(note), "notes", "notes", "notes", {}))


def _search_facts(
    cite: str, arguments: Mapping[str, Any], result: Mapping[str, Any]
) -> SourceFacts:
    out = SourceFacts(cite)
    filters = _filters(arguments, result)
    _note_filters(out, filters, arguments, result)
    loose = frozenset(filters)
    hits = result.get("hits")
    hits = hits if isinstance(hits, list | tuple) else ()
    _grouped(out, float(result.get("total") or 0), "total", "total", filters, loose)
    _grouped(out, float(len(hits)), "count", "hits", filters, loose)
    limit = arguments.get("limit")
    if isinstance(limit, int) and limit == len(hits):
        _grouped(out, float(limit), "count", "arguments.limit", filters, loose)
    for place, hit in enumerate(hits):
        if isinstance(hit, Mapping):
            number = hit.get("id")
            if isinstance(number, int):
                out.ids.add(number)
            length = hit.get("run_length")
            if isinstance(length, int):
                _grouped(out, float(length), "run_length", f"hits[{place}].run_length",
                         {"id": number}, frozenset())  # fmt: skip
            if isinstance(hit.get("run_end_id"), int):
                out.ids.add(hit["run_end_id"])
    return out
