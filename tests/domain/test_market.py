"""Chains refuse what cannot be trusted; an empty side is None, never zero."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from builders import CALL_9JAN_105, NOW, a_history, a_market, an_underlying_market, with_quote
from callwright.domain.base import from_ms, iso_utc, to_ms
from callwright.domain.market import OptionListing, decimal_of
from callwright.errors import DataInvalid


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("forward_usd", math.nan),
        ("forward_usd", 0.0),
        ("forward_usd", math.inf),
        ("mark_iv_annual", math.nan),
        ("mark_iv_annual", -0.1),
        ("mark_coin", math.nan),
        ("mark_coin", -0.001),
        ("bid_coin", 0.0),
        ("bid_coin", math.inf),
        ("ask_coin", -0.1),
        ("bid_amount_coin", math.nan),
        ("open_interest_coin", -1.0),
    ],
)
def test_a_number_that_cannot_be_is_refused(column: str, value: float) -> None:
    with pytest.raises(DataInvalid, match=column):
        with_quote(a_market(), CALL_9JAN_105, **{column: value})


def test_a_quote_is_made_once_and_belongs_to_its_chain() -> None:
    market = a_market()
    assert market.quote(CALL_9JAN_105) is market.quote(CALL_9JAN_105)
    changed = with_quote(market, CALL_9JAN_105, bid_coin=0.0111).quote(CALL_9JAN_105)
    assert changed is not None
    assert str(changed.bid_coin) == "0.0111"
    assert changed != market.quote(CALL_9JAN_105)


def test_an_empty_side_is_none() -> None:
    quote = with_quote(a_market(), CALL_9JAN_105, bid_coin=math.nan).quote(CALL_9JAN_105)
    assert quote is not None
    assert quote.bid_coin is None
    assert quote.taker_price("sell") is None
    assert quote.taker_price("buy") == quote.ask_coin
    assert not quote.is_crossed


def test_a_crossed_quote_is_kept_and_known() -> None:
    quote = with_quote(a_market(), CALL_9JAN_105, bid_coin=0.01, ask_coin=0.009).quote(
        CALL_9JAN_105
    )
    assert quote is not None
    assert quote.is_crossed


def test_an_unlisted_option_has_no_quote() -> None:
    assert a_market().quote("BTC-9JAN26-1-C") is None
    assert a_market().quote("SOL-9JAN26-100-C") is None


def test_a_double_name_is_refused() -> None:
    with pytest.raises(DataInvalid, match="twice"):
        OptionListing.of_names("BTC", [CALL_9JAN_105, CALL_9JAN_105])


def test_a_name_of_another_coin_is_refused() -> None:
    with pytest.raises(DataInvalid, match="not an option on ETH"):
        OptionListing.of_names("ETH", [CALL_9JAN_105])


def test_a_column_of_another_length_is_refused() -> None:
    chain = an_underlying_market().chain
    with pytest.raises(DataInvalid, match="rows"):
        replace(chain, mark_coin=chain.mark_coin[:-1])


@pytest.mark.parametrize("index", [math.nan, 0.0, -1.0, math.inf])
def test_an_index_that_is_no_price_is_refused(index: float) -> None:
    with pytest.raises(DataInvalid, match="index price"):
        replace(an_underlying_market(), index_usd=index)


def test_history_must_ascend() -> None:
    history = a_history()
    with pytest.raises(DataInvalid, match="ascend"):
        replace(history, times_ms=history.times_ms[::-1].copy())
    with pytest.raises(DataInvalid, match="price"):
        replace(history, prices_usd=np.full_like(history.prices_usd, np.nan))


@pytest.mark.parametrize("value", [0.0305, 0.1, 1e-7, 12345.678, 5.0])
def test_a_float_becomes_the_decimal_that_it_shows(value: float) -> None:
    assert float(decimal_of(value)) == value
    assert str(decimal_of(0.0305)) == "0.0305"


def test_times_survive_the_venues_milliseconds() -> None:
    assert from_ms(to_ms(NOW)) == NOW
    assert iso_utc(NOW) == "2026-01-05T08:30:00.000Z"
    late = datetime.fromisoformat("2026-01-05T09:30:00.999999+01:00")
    assert iso_utc(late) == "2026-01-05T08:30:00.999Z"
    assert to_ms(late) % 1000 == 999


def test_equal_numbers_keep_their_own_spelling() -> None:
    # 0.0 == -0.0 and 5 == 5.0: what is kept of one must not answer for the other.
    assert [str(decimal_of(value)) for value in (0.0, -0.0, 5.0, 5, 5.0)] == [
        "0.0",
        "-0.0",
        "5.0",
        "5",
        "5.0",
    ]
