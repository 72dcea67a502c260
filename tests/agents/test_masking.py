"""A key does not come back, whole or in pieces, in capitals or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.agents.masking import MASK, PIECE_LENGTH, masked

KEY = "Canary-" + "q7Zx9wK3" * 20


@pytest.mark.parametrize("start", range(0, 60, 7))
@pytest.mark.parametrize("length", [PIECE_LENGTH, 40, 100])
def test_a_piece_of_the_key_is_masked(start: int, length: int) -> None:
    piece = KEY[start : start + length]
    for text in (piece, piece.lower(), piece.upper()):
        assert masked(f"bad key {text} sent", KEY) == f"bad key {MASK} sent"


def test_every_place_is_masked_and_the_rest_stays() -> None:
    assert masked(f"{KEY} and {KEY}{KEY[:30]}, {KEY}.", KEY) == f"{MASK} and {MASK}, {MASK}."


@pytest.mark.parametrize("key", ["", "no-key", "short"])
def test_a_word_is_no_key(key: str) -> None:
    assert masked(f"there is {key} here", key) == f"there is {key} here"


def test_a_key_shorter_than_a_piece_is_masked_whole() -> None:
    assert masked("a 12345678 b", "12345678") == f"a {MASK} b"


@given(st.text(), st.integers(0, len(KEY)), st.integers(0, len(KEY)), st.text())
def test_no_text_lets_a_piece_through(before: str, start: int, end: int, after: str) -> None:
    shown = masked(before + KEY[start:end] + after, KEY).lower()
    low = KEY.lower()
    assert not [i for i in range(len(low) - PIECE_LENGTH + 1) if low[i : i + PIECE_LENGTH] in shown]


@given(st.text(alphabet="абв xyz"))
def test_a_text_without_the_key_is_not_touched(text: str) -> None:
    assert masked(text, KEY) == text
