from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callwright.memory.fulltext import WORDS_MAX, facet, parse_text

HOSTILE = [
    '"', '""', 'a"b', '"unbalanced', "NEAR(a b, 3)", "NEAR", "a NEAR/2 b", "a*", "^a", "* ^",
    "reasoning:a", "{reasoning facets}: a", "- a", "a AND", "OR", "NOT", "a OR OR b", "(", ")a(",
    "\x00", "a\x00b", "\ud800", "a\ud800b", "'; DROP TABLE cycles; --", "+", "a + b", "@", "#1",
    "$97k", "97,000", "_", "___", "-", "a--b", "...", "0.25",
    "ﬀ", "١٢٣", "日本語", "e\u0301", "\u00b2",
]  # fmt: skip


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(x, y, tokenize='porter unicode61')")
    connection.execute("INSERT INTO t VALUES ('roll near max delta', 'BTC 97000 97k')")
    yield connection
    connection.close()


def ask(index: sqlite3.Connection, text: str) -> None:
    found = parse_text(text)
    facets = [["xactopen"], ["xa", "xb"]]
    for match in (found.match_all(facets), found.match_all(), found.match_any(facets)):
        if match:
            index.execute("SELECT rowid FROM t WHERE t MATCH ?", (match,)).fetchall()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_a_query_that_runs(index: sqlite3.Connection, text: str) -> None:
    ask(index, text)


_PIECES = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))


@settings(max_examples=500, deadline=None)
@given(st.lists(_PIECES, max_size=8).map(" ".join))
def test_any_text_is_a_query_that_runs(index: sqlite3.Connection, text: str) -> None:
    ask(index, text)


@settings(max_examples=500, deadline=None)
@given(st.lists(_PIECES, max_size=40).map(" ".join))
def test_only_words_get_through(text: str) -> None:
    found = parse_text(text)
    assert len(found.terms) <= WORDS_MAX
    for term in found.terms:
        assert term
        assert all(char.isalnum() or char in "-._" for char in term)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Why are you picking the 97k strike every time?", ("97k", "strike")),
        ("$97,000", ("97000",)),
        ("1,234,567 calls", ("1234567", "calls")),
        ("BTC-9JAN26-97000-C", ("btc-9jan26-97000-c",)),
        ("max_delta 0.25", ("max_delta", "0.25")),
        ("roll roll ROLL", ("roll",)),
        ("what was it?", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_terms(text: str | None, terms: tuple[str, ...]) -> None:
    assert parse_text(text).terms == terms


def test_too_many_words_are_counted() -> None:
    found = parse_text(" ".join(f"w{n}" for n in range(WORDS_MAX + 3)))
    assert (len(found.terms), found.dropped) == (WORDS_MAX, 3)


def test_a_facet_is_one_token() -> None:
    assert facet("code", "ROLL_DWELL") == "xcoderolldwell"
