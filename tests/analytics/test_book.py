"""The book: deltas by hand, what cannot be valued, and short calls with all a decision needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from builders import (
    NOW,
    a_coin_account,
    a_desk_state,
    a_market,
    a_position,
    a_snapshot,
    an_account,
    an_underlying_market,
    black76_coin,
    dec,
    with_quote,
)
from callwright.analytics.book import underlying_book

CALL = "BTC-9JAN26-106000-C"
PUT = "BTC-9JAN26-95000-P"
LATER = "BTC-16JAN26-110000-C"
YEARS = (3 + 23.5 / 24) / 365  # Monday 08:30 to Friday 08:00


def a_book(
    *positions: Any, balance: Any = 1, underlying: Any = "BTC", market: Any = None, **desk: Any
) -> Any:
    account = an_account(btc=a_coin_account("BTC", balance), positions=positions)
    snapshot = a_snapshot(market=market or a_market(), account=account, desk=a_desk_state(**desk))
    return underlying_book(snapshot, underlying)


def delta_of_call(strike: Any, years: Any = YEARS) -> Any:
    return black76_coin(100_000.0, strike, years, 0.5)[1]


def test_a_flat_book_is_zero_and_only_coin() -> None:
    book = a_book(balance="1.5")
    assert (book.net_delta, book.total_delta) == (0.0, 1.5)
    assert book.short_calls == book.unvalued == ()


def test_net_delta_sums_calls_puts_and_longs_without_the_coin() -> None:
    book = a_book(a_position(CALL, "-0.3"), a_position(PUT, "-0.2"), a_position(LATER, "0.1"))
    put_delta = delta_of_call(95_000) - 1
    long_delta = delta_of_call(110_000, YEARS + 7 / 365)
    # Short calls take delta away, short puts (negative delta) add it, long calls add it.
    by_hand = -0.3 * delta_of_call(106_000) - 0.2 * put_delta + 0.1 * long_delta
    assert book.net_delta == pytest.approx(by_hand, rel=1e-12)
    assert book.total_delta == pytest.approx(1 + by_hand, rel=1e-12)
    assert [short.symbol for short in book.short_calls] == [CALL]


def test_a_short_call_carries_what_a_decision_needs() -> None:
    market = with_quote(a_market(), CALL, mark_coin=0.004, bid_coin=0.0038, ask_coin=0.0042)
    sold = NOW - timedelta(days=2)
    position = a_position(CALL, "-0.3", average_price_coin=dec("0.016"))
    (short,) = a_book(position, market=market, opened_at={CALL: sold}).short_calls
    assert (short.amount_coin, short.strike_usd) == (dec("0.3"), dec(106_000))
    assert (short.mark_coin, short.bid_coin, short.ask_coin) == (
        dec("0.004"), dec("0.0038"), dec("0.0042"),
    )  # fmt: skip
    assert short.ask_amount_coin == 5
    assert short.dte_days == pytest.approx(3 + 23.5 / 24, rel=1e-12)
    assert short.delta == pytest.approx(delta_of_call(106_000), rel=1e-12)
    assert short.captured_frac == 0.75  # 1 - 0.004 / 0.016
    assert short.opened_at == sold


def test_a_loss_is_a_negative_captured_share() -> None:
    market = with_quote(a_market(), CALL, mark_coin=0.024)
    position = a_position(CALL, "-0.3", average_price_coin=dec("0.016"))
    assert a_book(position, market=market).short_calls[0].captured_frac == -0.5


def test_an_unknown_opening_price_leaves_the_captured_share_unknown() -> None:
    position = a_position(CALL, "-0.3", average_price_coin=dec(0))
    assert a_book(position).short_calls[0].captured_frac is None


def test_an_empty_side_of_the_quote_is_none() -> None:
    nan = float("nan")
    market = with_quote(a_market(), CALL, ask_coin=nan, ask_amount_coin=0.0, bid_coin=nan)
    (short,) = a_book(a_position(CALL, "-0.3"), market=market).short_calls
    assert (short.bid_coin, short.ask_coin, short.ask_amount_coin) == (None, None, 0)
    assert short.opened_at is None


def test_short_calls_come_nearest_expiry_first() -> None:
    near = "BTC-9JAN26-104000-C"
    book = a_book(a_position(LATER, "-0.1"), a_position(CALL, "-0.1"), a_position(near, "-0.1"))
    assert [short.symbol for short in book.short_calls] == [near, CALL, LATER]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("BTC-9JAN26-123000-C", id="not-listed"),
        pytest.param("BTC-PERPETUAL", id="a-perpetual"),
        pytest.param("BTC-27MAR26", id="a-future"),
        pytest.param("BTC-FS-27MAR26_PERP", id="a-combo"),
        pytest.param("BTC_USDC-PERPETUAL", id="a-linear-perpetual"),
        pytest.param("BTC_USDC-9JAN26-106000-C", id="a-linear-option"),
    ],
)
def test_what_cannot_be_valued_makes_the_deltas_unknown(name: Any) -> None:
    book = a_book(a_position(CALL, "-0.3"), a_position(name, "-0.1"))
    assert book.unvalued == (name,)
    assert (book.net_delta, book.total_delta) == (None, None)
    assert [short.symbol for short in book.short_calls] == [CALL]
    assert a_book(a_position(name, "-0.1"), underlying="ETH").unvalued == ()


def test_a_linear_option_is_not_valued_even_when_it_is_listed() -> None:
    name = "BTC_USDC-9JAN26-106000-C"
    market = a_market(an_underlying_market(extra_names=[name]))
    assert a_book(a_position(name, "-0.1"), market=market).unvalued == (name,)


@pytest.mark.parametrize(
    ("before_expiry", "valued"),
    [
        pytest.param(timedelta(milliseconds=1), True, id="a-millisecond-before"),
        pytest.param(timedelta(0), False, id="at-expiry"),
        pytest.param(timedelta(hours=-1), False, id="an-hour-after"),
    ],
)
def test_a_call_is_valued_up_to_its_expiry(before_expiry: Any, valued: Any) -> None:
    at = NOW.replace(day=9, hour=8, minute=0) - before_expiry
    market = replace(a_market(), as_of=at)
    book = a_book(a_position("BTC-9JAN26-95000-C", "-0.5"), market=market)
    # A millisecond before expiry a call 5% in the money moves with the coin, one to one.
    assert book.net_delta == (-0.5 if valued else None)
    assert len(book.short_calls) == valued


def test_a_missing_balance_leaves_the_total_delta_unknown() -> None:
    account = an_account(positions=[a_position(CALL, "-0.3")]).model_copy(update={"coins": {}})
    book = underlying_book(a_snapshot(account=account), "BTC")
    assert book.net_delta is not None
    assert book.total_delta is None
