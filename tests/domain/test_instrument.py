"""Option names, both ways."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callwright.domain.instrument import option_name, parse_option_name
from callwright.errors import DataInvalid


@pytest.mark.parametrize(
    ("name", "underlying", "settlement", "expiry", "strike", "option_type"),
    [
        pytest.param(
            "BTC-4SEP26-55000-P", "BTC", "inverse", date(2026, 9, 4), "55000", "put",
            id="the-day-is-not-padded",
        ),
        pytest.param(
            "ETH-26DEC25-4000-C", "ETH", "inverse", date(2025, 12, 26), "4000", "call", id="inverse"
        ),
        pytest.param(
            "XRP_USDC-30JUN23-0d625-C", "XRP", "linear", date(2023, 6, 30), "0.625", "call",
            id="linear-with-a-decimal-strike",
        ),
        pytest.param(
            "BTC_USDC-1JAN27-97000-C", "BTC", "linear", date(2027, 1, 1), "97000", "call",
            id="linear",
        ),
    ],
)  # fmt: skip
def test_a_name_is_read_and_written_back(
    name: str, underlying: str, settlement: str, expiry: date, strike: str, option_type: str
) -> None:
    option = parse_option_name(name)
    assert (option.underlying, option.settlement) == (underlying, settlement)
    assert option.expiry == datetime(expiry.year, expiry.month, expiry.day, 8, tzinfo=UTC)
    assert (option.strike_usd, option.option_type) == (Decimal(strike), option_type)
    assert name == option_name(
        underlying=option.underlying,
        expiry=option.expiry.date(),
        strike_usd=option.strike_usd,
        option_type=option.option_type,
        quote_currency=option.quote_currency,
    )


@pytest.mark.parametrize(
    "name",
    [
        "BTC-04SEP26-55000-P",
        "BTC-31FEB26-55000-P",
        "BTC-4SEP26-55000-X",
        "BTC-4SEP26--5-P",
        "BTC-4SEP26-055-P",
        "BTC-4SEP26-0-C",
        "BTC-4SEP26-5e3-C",
        "BTC-4SEP26-1d50-C",
        "btc-4SEP26-55000-P",
        "BTC-PERPETUAL",
        "BTC-26DEC25",
        "BTC-4SEP26-55000-P\n",
        "BTC-4SEP26-5５000-P",
        " BTC-4SEP26-55000-P",
        "",
    ],
)
def test_what_is_not_an_option_name_is_refused(name: str) -> None:
    with pytest.raises(DataInvalid):
        parse_option_name(name)


@given(
    st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)),
    st.decimals(min_value="0.001", max_value="999999", places=3),
    st.sampled_from(["call", "put"]),
    st.sampled_from([None, "USDC"]),
)
def test_every_option_survives_the_round_trip(
    expiry: date, strike: Decimal, option_type: str, quote: str | None
) -> None:
    name = option_name(
        underlying="SOL",
        expiry=expiry,
        strike_usd=strike,
        option_type="call" if option_type == "call" else "put",
        quote_currency=quote,
    )
    option = parse_option_name(name)
    assert option.expiry.date() == expiry
    assert option.strike_usd == strike
    assert option.settlement == ("linear" if quote else "inverse")
