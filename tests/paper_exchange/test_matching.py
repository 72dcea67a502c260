"""The declared book: levels behind the quote, how they are taken, and where prices may be."""

from __future__ import annotations

from typing import Any

import pytest

from builders import a_spec, dec
from callwright.paper.matching import Level, book_levels, post_only_price, price_band, take
from paper_exchange.steps import CALL, a_view

SPEC = a_spec("BTC")


def a_quote(bid: Any, ask: Any, mark: Any = 0.006, amount: Any = 2.0) -> Any:
    return a_view(rows={CALL: (bid, ask, mark)}, amount=amount).quote(CALL)


def levels(*pairs: Any) -> Any:
    return tuple(Level(dec(price), dec(amount)) for price, amount in pairs)


@pytest.mark.parametrize(
    ("direction", "bid", "ask", "amount", "expected"),
    [
        pytest.param(
            "buy",
            0.0055,
            0.0065,
            2.0,
            [("0.0065", 2), ("0.007", 2), ("0.0075", 4), ("0.008", 6)],
            id="asks-rise-by-ticks",
        ),
        pytest.param(
            "sell",
            0.0055,
            0.0065,
            2.05,
            [("0.0055", 2), ("0.005", 2), ("0.0045", 4), ("0.004", 6)],
            id="bids-fall-and-sizes-are-whole-lots",
        ),
        # 0.0049 + 0.0001 = 0.005; then 0.0051 and 0.0052 are off the coarser grid.
        pytest.param(
            "buy",
            0.0045,
            0.0049,
            1.0,
            [("0.0049", 1), ("0.005", 1), ("0.0055", 2), ("0.0055", 3)],
            id="asks-cross-into-the-coarser-grid",
        ),
        pytest.param(
            "sell", 0.0002, 0.0004, 1.0, [("0.0002", 1), ("0.0001", 1)], id="no-bid-at-zero"
        ),
        pytest.param("sell", None, 0.0004, 1.0, [], id="an-empty-side-has-no-levels"),
        pytest.param("sell", 0.0002, 0.0004, 0.05, [], id="less-than-a-lot-is-nothing"),
    ],
)
def test_book_levels(direction: Any, bid: Any, ask: Any, amount: Any, expected: Any) -> None:
    assert book_levels(a_quote(bid, ask, amount=amount), direction, SPEC) == levels(*expected)


@pytest.mark.parametrize(
    ("taken", "amount", "limit", "expected"),
    [
        pytest.param("0", "1", "0.0065", [("0.0065", 1)], id="inside-the-first-level"),
        pytest.param("0", "3", "0.0065", [("0.0065", 2)], id="the-limit-holds"),
        pytest.param("0", "3", "0.008", [("0.0065", 2), ("0.007", 1)], id="walks-the-levels"),
        pytest.param("1.5", "1", "0.008", [("0.0065", "0.5"), ("0.007", "0.5")], id="some-is-gone"),
        pytest.param("2", "1", "0.0065", [], id="all-within-the-limit-is-gone"),
        pytest.param("0", "99", "1", [("0.0065", 2), ("0.007", 2)], id="the-book-ends"),
        pytest.param("0", "1", "0.006", [], id="nothing-reaches-the-limit"),
    ],
)
def test_take(taken: Any, amount: Any, limit: Any, expected: Any) -> None:
    fills = take(
        levels(("0.0065", 2), ("0.007", 2)),
        direction="buy",
        taken=dec(taken),
        amount=dec(amount),
        limit=dec(limit),
    )
    assert fills == levels(*expected)


@pytest.mark.parametrize(
    ("mark", "band"),
    [
        pytest.param("0.006", ("0.0001", "0.016"), id="cheap-options-get-the-absolute-width"),
        pytest.param("0.1", ("0.05", "0.15"), id="dear-ones-half-their-mark"),
        # 0.01234 - 0.01 = 0.00234 and 0.02234, rounded outwards.
        pytest.param("0.01234", ("0.0023", "0.0225"), id="rounded-outwards-to-the-tick"),
    ],
)
def test_price_band(mark: Any, band: Any) -> None:
    assert price_band(dec(mark), SPEC) == tuple(map(dec, band))


@pytest.mark.parametrize(
    ("direction", "price", "rests_at"),
    [
        pytest.param("sell", "0.006", "0.006", id="a-sell-above-the-bid-stays"),
        pytest.param("sell", "0.0055", "0.006", id="a-sell-at-the-bid-moves-up"),
        pytest.param("sell", "0.0001", "0.006", id="a-sell-far-below-moves-up"),
        pytest.param("buy", "0.006", "0.006", id="a-buy-below-the-ask-stays"),
        pytest.param("buy", "0.0065", "0.006", id="a-buy-at-the-ask-moves-down"),
    ],
)
def test_post_only_price(direction: Any, price: Any, rests_at: Any) -> None:
    assert post_only_price(dec(price), a_quote(0.0055, 0.0065), direction, SPEC) == dec(rests_at)


def test_post_only_steps_into_the_finer_grid_and_never_to_zero() -> None:
    assert post_only_price(dec("0.01"), a_quote(0.004, 0.005), "buy", SPEC) == dec("0.0049")
    assert post_only_price(dec("0.01"), a_quote(None, 0.0001), "buy", SPEC) == 0
    assert post_only_price(dec("0.01"), None, "buy", SPEC) == dec("0.01")
