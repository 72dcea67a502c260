"""Answers as text, and the patterns that name them."""

from __future__ import annotations

import pytest

from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    DoNothing,
    OpenCoveredCall,
    OpenParams,
    Proposal,
    RollCoveredCall,
    RollParams,
)
from callwright.errors import DataInvalid
from callwright.evaluation.answers import Option, named_by, text_of


def option(
    text: str,
    *,
    delta: float | None = None,
    credit: float | None = None,
    codes: tuple[str, ...] = (),
) -> Option:
    words = text.split()
    bought = words[1] if words[0] in ("ROLL", "CLOSE") else ""
    sold = words[-1] if words[0] in ("ROLL", "OPEN") else ""
    coin = (bought or sold).partition("-")[0]
    return Option(text, words[0], coin, sold, bought, delta, credit, codes)


OPTIONS = (
    option("HOLD"),
    option("OPEN BTC-A", delta=0.2),
    option("OPEN BTC-B", delta=0.35, codes=("DELTA_OUTSIDE_WINDOW",)),
    option("OPEN ETH-C", delta=0.1),
    option("CLOSE BTC-S"),
    option("CLOSE ETH-T", codes=("QUOTE_MISSING",)),
    option("ROLL BTC-S to BTC-A", delta=0.2, credit=0.001),
    option("ROLL BTC-S to BTC-B", delta=0.35, credit=-0.002, codes=("ROLL_DEBIT",)),
)


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("HOLD", ["HOLD"]),
        ("OPEN", ["OPEN BTC-A", "OPEN BTC-B", "OPEN ETH-C"]),
        ("OPEN BTC", ["OPEN BTC-A", "OPEN BTC-B"]),
        ("OPEN passing", ["OPEN BTC-A", "OPEN ETH-C"]),
        ("OPEN BTC failing", ["OPEN BTC-B"]),
        ("OPEN ETH-C", ["OPEN ETH-C"]),
        ("OPEN delta<=0.2", ["OPEN BTC-A", "OPEN ETH-C"]),
        ("OPEN delta>=0.2", ["OPEN BTC-A", "OPEN BTC-B"]),
        ("CLOSE", ["CLOSE BTC-S", "CLOSE ETH-T"]),
        ("CLOSE BTC-S", ["CLOSE BTC-S"]),
        ("ROLL", ["ROLL BTC-S to BTC-A", "ROLL BTC-S to BTC-B"]),
        ("ROLL BTC-S to BTC-B", ["ROLL BTC-S to BTC-B"]),
        ("ROLL credit", ["ROLL BTC-S to BTC-A"]),
        ("ROLL debit failing", ["ROLL BTC-S to BTC-B"]),
        ("HOLD | CLOSE passing", ["HOLD", "CLOSE BTC-S"]),
    ],
)
def test_a_pattern_names_answers(pattern: str, named: list[str]) -> None:
    assert list(named_by({pattern: "why"}, OPTIONS)) == named


def test_the_first_reason_counts() -> None:
    found = named_by({"OPEN BTC": "first", "OPEN": "second"}, OPTIONS)
    assert found == {"OPEN BTC-A": "first", "OPEN BTC-B": "first", "OPEN ETH-C": "second"}


@pytest.mark.parametrize(
    "pattern",
    ["", "SELL", "OPEN cheaply", "OPEN BTC-X", "ROLL to", "HOLD | OPEN BTC-X", "OPEN delta<2"],
)
def test_a_pattern_that_names_nothing_or_makes_no_sense_is_refused(pattern: str) -> None:
    with pytest.raises(DataInvalid):
        named_by({pattern: "why"}, OPTIONS)


@pytest.mark.parametrize(
    ("proposal", "text"),
    [
        (DoNothing(reasoning="x"), "HOLD"),
        (OpenCoveredCall(params=OpenParams(underlying="BTC", symbol="BTC-A")), "OPEN BTC-A"),
        (
            OpenCoveredCall(params=OpenParams(underlying="ETH", symbol="BTC-A")),
            "OPEN BTC-A on ETH",
        ),
        (CloseCoveredCall(params=CloseParams(underlying="BTC", symbol="BTC-S")), "CLOSE BTC-S"),
        (
            RollCoveredCall(
                params=RollParams(underlying="BTC", from_symbol="BTC-S", symbol="BTC-A")
            ),
            "ROLL BTC-S to BTC-A",
        ),
        (
            RollCoveredCall(
                params=RollParams(underlying="BTC", from_symbol="BTC-S", symbol="ETH-C")
            ),
            "ROLL BTC-S to ETH-C on BTC",
        ),
    ],
)
def test_a_proposal_has_one_text(proposal: Proposal, text: str) -> None:
    assert text_of(proposal) == text
