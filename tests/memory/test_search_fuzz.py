"""No text breaks a search, and none of it is read as SQL or as the index's query language."""

from __future__ import annotations

from typing import Any

from callwright.memory.reader import open_reader
from long_histories import long_history, write
from search_fuzzing import fuzz_search

TEXTS = 3_000


def test_no_text_breaks_a_search_or_writes_a_query(home: Any) -> None:
    write(home.db, long_history(500))
    before = home.db.rows("SELECT count(*), sum(length(record)) FROM cycles")
    with open_reader(home.path / "desk.db") as reader:
        report = fuzz_search(reader, total=TEXTS, seed=20260105)
    assert report.total == TEXTS
    assert report.crashes == []
    assert report.queries == []
    # Most get through to the index; a fuzzer that is refused everywhere would prove little.
    assert report.answered > TEXTS / 2
    assert report.refused
    assert len(report.statements) < 60
    assert home.db.rows("SELECT count(*), sum(length(record)) FROM cycles") == before
