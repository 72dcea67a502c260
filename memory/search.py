"""Search over decisions: typed filters and words, newest first, runs folded, totals with it.

Never ``bm25`` or ``ORDER BY rank``: they cost as much as there are hits of the commonest word,
while the newest hits are found at once. When no decision has all the words, those with any are
taken and the newest of them ordered by how many words they have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from callwright.domain.history import (
    TOTAL_COUNTED_MAX,
    DecisionHit,
    DecisionSearch,
    SearchPage,
)
from callwright.memory.conditions import Conditions, conditions_of, index_tokens
from callwright.memory.fulltext import FullText, coverage, parse_text
from callwright.memory.reader import DecisionReader

REASONING_SHOWN = 400

_COLUMNS = (
    "d.seq, c.cycle_id, d.as_of, d.action, d.proposed_action, d.verdict, d.code, d.underlying,"
    " d.symbol, d.from_symbol, d.strike_usd, d.size_coin, d.status, d.source, d.failure, d.model,"
    " d.reasoning, d.verdict_text, d.facets"
)
_NAMES = (
    "id", "cycle_id", "as_of", "action", "proposed_action", "verdict", "code", "underlying",
    "symbol", "from_symbol", "strike_usd", "size_coin", "status", "source", "failure", "model",
    "reasoning", "verdict_text", "facets",
)  # fmt: skip
_ALIKE = ("action", "proposed_action", "verdict", "code", "symbol", "from_symbol", "failure")
_CHUNK = 400
_CHUNKS_MAX = 10


def search_decisions(reader: DecisionReader, search: DecisionSearch) -> SearchPage:
    """Return a page of the decisions that match.

    Raises:
        QueryInvalid, QueryTooSlow, StorageError: There is no answer; never an empty one instead.
    """
    where = conditions_of(reader, search.where)
    text = parse_text(search.text)
    notes = _notes(search, text)
    if not text.terms:
        source = _Source("decisions d", where)
    else:
        tokens = index_tokens(search.where)
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
        rows = reader.rows(
            f"SELECT count(*) FROM (SELECT 1 FROM {self.tables} WHERE {self.where.sql} LIMIT ?)",
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
            f"SELECT {_COLUMNS} FROM {self.tables} CROSS JOIN cycles c ON c.seq = d.seq"
            f" WHERE {where.sql} ORDER BY {key} {'ASC' if oldest_first else 'DESC'} LIMIT ?",
            (*where.values, limit),
        )
        return [dict(zip(_NAMES, row, strict=True)) for row in found]


def _matching(match: str, where: Conditions) -> _Source:
    # The full-text index leads; the range of numbers bounds it, the rest is checked row by row.
    sql = where.sql.replace("d.seq BETWEEN", "f.rowid BETWEEN")
    return _Source(
        "decisions_fts f CROSS JOIN decisions d ON d.seq = f.rowid",
        Conditions(f"f.decisions_fts MATCH ? AND {sql}", (match, *where.values)),
    )


def _page(
    reader: DecisionReader, source: _Source, search: DecisionSearch
) -> tuple[list[DecisionHit], int | None]:
    hits: list[DecisionHit] = []
    beyond = search.cursor
    chunk = _CHUNK if search.collapse else search.limit + 1
    for _ in range(_CHUNKS_MAX):
        rows = source.rows(
            reader, oldest_first=search.order == "oldest", beyond=beyond, limit=chunk
        )
        for row in rows:
            if hits and search.collapse and _is_alike(hits[-1], row):
                hits[-1] = hits[-1].model_copy(
                    update={"run_length": hits[-1].run_length + 1, "run_end_id": row["id"]}
                )
            elif len(hits) == search.limit:
                return _with_codes(reader, hits), hits[-1].run_end_id
            else:
                hits.append(_hit(row))
            beyond = row["id"]
        if len(rows) < chunk:
            return _with_codes(reader, hits), None
    return _with_codes(reader, hits), beyond


def _any_words(
    reader: DecisionReader,
    source: _Source,
    search: DecisionSearch,
    text: FullText,
    total: int,
    notes: list[str],
) -> SearchPage:
    rows = source.rows(reader, oldest_first=search.order == "oldest", beyond=None, limit=_CHUNK)
    # Stable: among equals the newest stay first.
    rows.sort(
        key=lambda row: (
            -coverage(text.terms, f"{row['reasoning']} {row['verdict_text']} {row['facets']}")
        )
    )
    notes.append(
        "No decision has all the words; these have some of them, most first,"
        f" among the {len(rows)} {search.order}. There is no further page."
    )
    hits = _with_codes(reader, [_hit(row) for row in rows[: search.limit]])
    return _answer(total, hits, None, notes)


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


def _hit(row: dict[str, Any]) -> DecisionHit:
    fields = {k: v for k, v in row.items() if k not in ("code", "verdict_text", "facets")}
    reasoning = fields["reasoning"]
    if len(reasoning) > REASONING_SHOWN:
        fields["reasoning"] = reasoning[: REASONING_SHOWN - 1] + "…"
    codes = (row["code"],) if row["code"] else ()
    return DecisionHit(**fields, codes=codes, run_end_id=row["id"])


def _is_alike(hit: DecisionHit, row: dict[str, Any]) -> bool:
    mine = {**hit.__dict__, "code": hit.codes[0] if hit.codes else None}
    return all(mine[name] == row[name] for name in _ALIKE)


def _with_codes(reader: DecisionReader, hits: Sequence[DecisionHit]) -> list[DecisionHit]:
    denied = [hit.id for hit in hits if hit.codes]
    if not denied:
        return list(hits)
    more: dict[int, list[str]] = {}
    for seq, code in reader.rows(
        f"SELECT seq, code FROM decision_codes WHERE seq IN ({', '.join('?' * len(denied))})",
        denied,
    ):
        more.setdefault(seq, []).append(code)
    return [
        hit.model_copy(
            update={"codes": (*hit.codes, *(c for c in more[hit.id] if c not in hit.codes))}
        )
        if hit.id in more
        else hit
        for hit in hits
    ]
