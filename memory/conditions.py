"""A typed filter as SQL conditions with bound values, and as tokens of the full-text index.

Pure but for the look-up of a day's range of numbers. Column names come from here alone; whatever a
caller gives is a bound value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from callwright.domain.base import iso_utc
from callwright.domain.history import ANY_FAILURE, DecisionFilter
from callwright.memory.fulltext import Facets, facet
from callwright.memory.reader import DecisionReader


@dataclass(frozen=True)
class Conditions:
    """What rows must hold: ``sql`` is joined by AND and never empty; ``values`` are bound."""

    sql: str
    values: tuple[Any, ...]

    def plus(self, sql: str, *values: Any) -> Conditions:
        return Conditions(f"{self.sql} AND {sql}", (*self.values, *values))


def conditions_of(reader: DecisionReader, where: DecisionFilter) -> Conditions:
    """Return the conditions on ``decisions d``."""
    out = Conditions("1", ())
    for column, actions in (
        ("action", where.action), ("proposed_action", where.proposed_action)
    ):  # fmt: skip
        if actions:
            marks = ", ".join("?" * len(actions))
            out = out.plus(f"d.{column} IN ({marks})", *(action.value for action in actions))
            if column == "action" and "DO_NOTHING" not in actions:
                # SQLite uses a partial index only where its own condition is written out.
                out = out.plus("d.action <> 'DO_NOTHING'")
    if where.verdict == "denied" or where.code is not None:
        out = out.plus("d.verdict = 'denied'")
    elif where.verdict is not None:
        out = out.plus("d.verdict = ?", where.verdict)
    if where.code is not None:
        out = out.plus(
            "d.seq IN (SELECT c.seq FROM decision_codes c WHERE c.code = ?)", where.code.upper()
        )
    if where.failure == ANY_FAILURE:
        out = out.plus("d.failure IS NOT NULL")
    elif where.failure is not None:
        out = out.plus("d.failure IS NOT NULL AND d.failure = ?", where.failure)
    if where.symbol is not None:
        out = out.plus(
            "d.seq IN (SELECT s.seq FROM decisions s WHERE s.symbol = ? UNION ALL"
            " SELECT s.seq FROM decisions s WHERE s.from_symbol = ?)",
            where.symbol,
            where.symbol,
        )
    for column, value in (
        ("underlying", where.underlying),
        ("strike_usd", where.strike_usd),
        ("source", where.source),
        ("status", where.status),
        ("model", where.model),
    ):
        if value is not None:
            out = out.plus(f"d.{column} = ?", value)
    return _with_time(reader, where, out)


def index_tokens(where: DecisionFilter) -> Facets:
    """Return the filters that the full-text index can apply by itself, before any row is read."""
    found = [
        [facet(kind, action) for action in actions]
        for kind, actions in (("act", where.action), ("prop", where.proposed_action))
        if actions
    ]
    for kind, value in (
        ("verdict", where.verdict),
        ("source", where.source),
        ("status", where.status),
        ("coin", where.underlying),
        ("code", where.code),
        ("symbol", where.symbol),
        ("failure", where.failure),
        ("strike", None if where.strike_usd is None else f"{where.strike_usd:.10g}"),
        ("model", where.model),
    ):
        if value is not None:
            found.append([facet(kind, value)])
    return found


def needs_tokens(where: DecisionFilter) -> bool:
    """Return whether filters would read many rows in vain without the full-text index.

    Those that have an index of their own, and time alone, do not.
    """
    return (
        any(
            value is not None
            for value in (where.source, where.status, where.underlying, where.model)
        )
        or where.verdict in ("allowed", "not_asked")
        or bool(where.proposed_action)
    )


def pruned_before(reader: DecisionReader) -> str:
    """Return the first day whose records were not pruned, "" when none ever was."""
    found = reader.rows("SELECT before FROM pruned")
    return str(found[0][0]) if found else ""


def reaches_pruned(where: DecisionFilter, pruned: str) -> bool:
    """Return whether a filter asks for a time whose records may have been pruned.

    Args:
        pruned: ``pruned_before``.
    """
    return bool(pruned) and (where.since is None or iso_utc(where.since) < pruned)


def pruned_note(pruned: str) -> str:
    """Return what an answer about a pruned time says."""
    return (
        f"Decisions before {pruned} were pruned: single ones are gone, sums by day and"
        " month remain."
    )


def _with_time(reader: DecisionReader, where: DecisionFilter, out: Conditions) -> Conditions:
    if where.since is None and where.until is None:
        return out
    since = None if where.since is None else iso_utc(where.since)
    until = None if where.until is None else iso_utc(where.until)
    # Days become a range of numbers, which every index understands; the times make it exact.
    first, last = reader.rows(
        "SELECT min(first_seq), max(last_seq) FROM decision_days WHERE day >= ? AND day <= ?",
        ((since or "")[:10], (until or "9999-12-31")[:10]),
    )[0]
    out = out.plus("d.seq BETWEEN ? AND ?", first or 0, last or 0)
    if since is not None:
        out = out.plus("d.as_of >= ?", since)
    if until is not None:
        out = out.plus("d.as_of < ?", until)
    return out
