"""Search over decisions: typed filters and words, newest first, runs folded, totals with it.

Never ``bm25`` or ``ORDER BY rank``: they cost as much as there are hits of the commonest word,
while the newest hits are found at once. When no decision has all the words, those with any are
taken and the newest of them ordered by how many words they have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from callwright.domain.history import (
    TOTAL_COUNTED_MAX,
    DecisionHit,
    DecisionSearch,
    SearchPage,
    ShadowHit,
)
from callwright.domain.shadow import SHADOW, gated_shadow_of
from callwright.memory.conditions import (
    Conditions,
    conditions_of,
    index_tokens,
    needs_tokens,
    pruned_before,
    pruned_note,
    reaches_pruned,
)
from callwright.memory.fulltext import FullText, parse_text
from callwright.memory.reader import DecisionReader

REASONING_SHOWN = 400

_COLUMNS = (
    "d.seq, d.as_of, d.action, d.proposed_action, d.verdict, d.codes, d.underlying, d.symbol,"
    " d.from_symbol, d.strike_usd, d.size_coin, d.status, d.source, d.failure, d.model,"
    " d.reasoning"
)
_NAMES = (
    "id", "as_of", "action", "proposed_action", "verdict", "codes", "underlying", "symbol",
    "from_symbol", "strike_usd", "size_coin", "status", "source", "failure", "model", "reasoning",
)  # fmt: skip
_ALIKE = (
    "action", "proposed_action", "verdict", "codes", "symbol", "from_symbol", "failure", "status",
    "source",
)  # fmt: skip
_FIGURES = re.compile(
    r"(?P<name>\b[A-Z][A-Z_]*-\d{1,2}[A-Z]{3}\d\d-[\dd]+-[CP]\b)"
    r"|\b\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b"
    r"|[-+\u2212]?\d[\d,.:]*(?:e[-+]?\d+)?"
)
_CHUNK = 400
_CHUNKS_MAX = 10
_RANKED_MAX = 10_000
_MATCH = "f.decisions_fts MATCH ?"


def search_decisions(reader: DecisionReader, search: DecisionSearch) -> SearchPage:
    """Return a page of the decisions that match.

    Raises:
        QueryInvalid, QueryTooSlow, StorageError: There is no answer; never an empty one instead.
    """
    with reader.one_view():
        return _search(reader, search)


def _search(reader: DecisionReader, search: DecisionSearch) -> SearchPage:
    where = conditions_of(reader, search.where)
    text = parse_text(search.text)
    notes = _notes(search, text)
    pruned = pruned_before(reader)
    if reaches_pruned(search.where, pruned):
        notes.append(pruned_note(pruned))
    tokens = index_tokens(search.where)
    if not text.terms and not needs_tokens(search.where):
        source = _Source("decisions d", where)
    else:
        source = _matching(text.match_all(tokens), where)
        if len(text.terms) > 1 and not source.count(reader, 1):
            source = _matching(text.match_any(tokens), where)
            total = source.count(reader, TOTAL_COUNTED_MAX + 1)
            if total:
                return _any_words(reader, source, search, text, total, notes)
    total = source.count(reader, TOTAL_COUNTED_MAX + 1)
    if not total:
        notes.append("No decision matches.")
    hits, cursor = _page(reader, source, search)
    return _answer(total, hits, cursor, notes)


class _Source:
    """Where rows come from: a FROM clause and conditions."""

    def __init__(self, tables: str, where: Conditions) -> None:
        self.tables = tables
        self.where = where

    def count(self, reader: DecisionReader, most: int) -> int:
        # Where the index alone decides, no row needs to be looked at.
        is_match = self.where.sql == f"{_MATCH} AND 1"
        tables = "decisions_fts f" if is_match else self.tables
        rows = reader.rows(
            f"SELECT count(*) FROM (SELECT 1 FROM {tables} WHERE {self.where.sql} LIMIT ?)",
            (*self.where.values, most),
        )
        return int(rows[0][0])

    def rows(
        self, reader: DecisionReader, *, oldest_first: bool, beyond: int | None, limit: int
    ) -> list[dict[str, Any]]:
        where = self.where
        key = "f.rowid" if " f " in f"{self.tables} " else "d.seq"
        if beyond is not None:
            where = where.plus(f"{key} {'>' if oldest_first else '<'} ?", beyond)
        found = reader.rows(
            f"SELECT {_COLUMNS} FROM {self.tables}"
            f" WHERE {where.sql} ORDER BY {key} {'ASC' if oldest_first else 'DESC'} LIMIT ?",
            (*where.values, limit),
        )
        return [
            dict(zip(_NAMES, row, strict=True), run_length=1, run_end_id=row[0]) for row in found
        ]


def _matching(match: str, where: Conditions) -> _Source:
    # The full-text index leads; the range of numbers bounds it, the rest is checked row by row.
    sql = where.sql.replace("d.seq BETWEEN", "f.rowid BETWEEN")
    return _Source(
        "decisions_fts f CROSS JOIN decisions d ON d.seq = f.rowid",
        Conditions(f"{_MATCH} AND {sql}", (match, *where.values)),
    )


def _page(
    reader: DecisionReader, source: _Source, search: DecisionSearch
) -> tuple[list[DecisionHit], int | None]:
    runs: list[dict[str, Any]] = []
    beyond = search.cursor
    chunk = _CHUNK if search.collapse else search.limit + 1
    for _ in range(_CHUNKS_MAX):
        rows = source.rows(
            reader, oldest_first=search.order == "oldest", beyond=beyond, limit=chunk
        )
        for row in rows:
            if runs and search.collapse and _goes_on(runs[-1], row):
                runs[-1]["run_length"] += 1
                runs[-1]["run_end_id"] = row["id"]
            elif len(runs) == search.limit:
                return _hits(reader, runs), runs[-1]["run_end_id"]
            else:
                runs.append(row)
            beyond = row["id"]
        if len(rows) < chunk:
            return _hits(reader, runs), None
    return _hits(reader, runs), beyond


def _any_words(
    reader: DecisionReader,
    source: _Source,
    search: DecisionSearch,
    text: FullText,
    total: int,
    notes: list[str],
) -> SearchPage:
    rows = source.rows(reader, oldest_first=search.order == "oldest", beyond=None, limit=_CHUNK)
    found = dict.fromkeys((row["id"] for row in rows), 0)
    tokens = index_tokens(search.where)
    for term in text.terms:
        # Which of these rows have the word; never a score, which costs as much as all its hits.
        for (seq,) in reader.rows(
            "SELECT rowid FROM decisions_fts WHERE decisions_fts MATCH ? AND rowid BETWEEN ? AND ?"
            " LIMIT ?",
            (FullText((term,)).match_all(tokens), min(found), max(found), _RANKED_MAX),
        ):
            if seq in found:
                found[seq] += 1
    # Stable: among equals the newest stay first.
    rows.sort(key=lambda row: -found[row["id"]])
    notes.append(
        "No decision has all the words; these have some of them, most first,"
        f" among the {len(rows)} {search.order}. There is no further page."
    )
    return _answer(total, _hits(reader, rows[: search.limit]), None, notes)


def _answer(
    total: int, hits: Iterable[DecisionHit], cursor: int | None, notes: list[str]
) -> SearchPage:
    is_exact = total <= TOTAL_COUNTED_MAX
    if not is_exact:
        notes.append(f"More than {TOTAL_COUNTED_MAX} match; ask for statistics to count them.")
    return SearchPage(
        total=min(total, TOTAL_COUNTED_MAX),
        total_is_exact=is_exact,
        hits=tuple(hits),
        next_cursor=cursor,
        notes=tuple(notes),
    )


def _notes(search: DecisionSearch, text: FullText) -> list[str]:
    notes = []
    if search.text and search.text.strip() and not text.terms:
        notes.append("The text has no word to search for; only the filters were applied.")
    if text.dropped:
        notes.append(f"{text.dropped} further words were left out.")
    return notes


def _hits(reader: DecisionReader, runs: Sequence[dict[str, Any]]) -> list[DecisionHit]:
    ids = [run["id"] for run in runs]
    marks = ", ".join("?" * len(ids))
    names = dict(reader.rows(f"SELECT seq, cycle_id FROM cycles WHERE seq IN ({marks})", ids))
    settled: dict[int, list[str]] = {}
    for seq, symbol in reader.rows(
        "SELECT told_by, symbol FROM decision_updates"
        f" WHERE told_by IN ({marks}) AND kind = 'settlement' ORDER BY told_by, place",
        ids,
    ):
        settled.setdefault(seq, []).append(symbol)
    shadows = _shadows(reader, [run["id"] for run in runs if run["source"] != "llm"])
    return [
        _hit(
            run,
            cycle_id=names[run["id"]],
            settled=tuple(settled.get(run["id"], ())),
            shadow=shadows.get(run["id"]),
        )
        for run in runs
    ]


def _shadows(reader: DecisionReader, ids: Sequence[int]) -> dict[int, ShadowHit]:
    """Return the shadows of these decisions, by number; only their records tell of them."""
    found = {}
    for seq, line in reader.rows(
        f"SELECT seq, record_line(record) FROM cycles WHERE seq IN ({', '.join('?' * len(ids))})",
        ids,
    ):
        # Most decisions have none, and reading a record takes longer than looking for the word.
        if f'"{SHADOW}"' not in (line or ""):
            continue
        shadow = gated_shadow_of(json.loads(line).get("llm"))
        if shadow is not None:
            found[seq] = ShadowHit(
                action=shadow.action,
                symbol=_name(shadow.params.get("symbol")),
                from_symbol=_name(shadow.params.get("from_symbol")),
                failure=shadow.failure,
            )
    return found


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _hit(
    run: dict[str, Any], *, cycle_id: str, settled: tuple[str, ...], shadow: ShadowHit | None
) -> DecisionHit:
    codes, reasoning = run["codes"], run["reasoning"]
    if len(reasoning) > REASONING_SHOWN:
        reasoning = reasoning[: REASONING_SHOWN - 1] + "…"
    said = {"codes": tuple(codes.split(",")) if codes else (), "reasoning": reasoning}
    return DecisionHit(
        **{**run, **said, "cycle_id": cycle_id, "settled": settled, "shadow": shadow}
    )


def _goes_on(run: dict[str, Any], row: dict[str, Any]) -> bool:
    """Return whether a decision did the same as a run for the same reason, right beside it.

    Beside it in the whole history: what a filter leaves out ends a run.
    """
    return (
        abs(run["run_end_id"] - row["id"]) == 1
        and all(run[name] == row[name] for name in _ALIKE)
        and _is_same_reason(run["reasoning"], row["reasoning"])
    )


def _is_same_reason(one: str, other: str) -> bool:
    """Return whether two reasons say the same but for numbers, amounts and dates.

    The name of an option is none of these: another option is another reason.
    """
    return one == other or _without_figures(one) == _without_figures(other)


def _without_figures(text: str) -> str:
    return _FIGURES.sub(lambda found: found["name"] or "#", text)
