"""A snapshot becomes bytes and comes back the same, bit for bit; damage is told, never guessed."""

from __future__ import annotations

import dataclasses
import math
import zlib
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import (
    NOW,
    a_coin_account,
    a_desk_state,
    a_market,
    a_position,
    a_snapshot,
    a_spec,
    an_account,
    an_intent,
    an_underlying_market,
    limits,
    policy_settings,
    scan_settings,
)
from callwright import gates
from callwright.analytics.scanner import scan
from callwright.brain import rule_based_answer
from callwright.domain.desk import Breaker, BreakerName
from callwright.domain.market import IndexHistory, OptionChain, OptionListing, UnderlyingMarket
from callwright.domain.snapshot import Snapshot
from callwright.domain.snapshot_codec import decode_snapshot, encode_snapshot
from callwright.errors import DataInvalid
from callwright.journal import Observed, action_record, state_record
from situations import a_resting_order

COLUMNS = (
    "forward_usd", "mark_iv_annual", "mark_coin", "bid_coin", "ask_coin", "bid_amount_coin",
    "ask_amount_coin", "open_interest_coin", "as_of_ms",
)  # fmt: skip


def assert_same(one: Snapshot, other: Snapshot) -> None:
    """Assert that two snapshots hold the same bits and the same digits."""
    for name in ("account", "specs", "unresolved", "desk", "venue_time", "local_time"):
        assert repr(getattr(one, name)) == repr(getattr(other, name))
    assert dataclasses.replace(one.market, underlyings={}).__dict__ == (
        dataclasses.replace(other.market, underlyings={}).__dict__
    )
    assert list(one.market.underlyings) == list(other.market.underlyings)
    for coin, mine in one.market.underlyings.items():
        its = other.market.underlyings[coin]
        assert (mine.index_usd, mine.index_as_of) == (its.index_usd, its.index_as_of)
        assert mine.chain.dropped_rows == its.chain.dropped_rows
        assert mine.chain.listing.names == its.chain.listing.names
        pairs = [(getattr(mine.chain, name), getattr(its.chain, name)) for name in COLUMNS]
        pairs += [
            (getattr(mine.chain.listing, name), getattr(its.chain.listing, name))
            for name in ("strike_usd", "expiry_ms", "is_call")
        ]
        pairs += [
            (getattr(mine.history, name), getattr(its.history, name))
            for name in ("times_ms", "prices_usd")
        ]
        for before, after in pairs:
            assert before.dtype == after.dtype
            assert before.tobytes() == after.tobytes()


positive = st.floats(min_value=1e-300, max_value=1e300)
not_negative = st.just(0.0) | st.just(-0.0) | st.floats(min_value=0, max_value=1e300)
quoted = st.just(math.nan) | positive
on_grid = st.integers(1, 2**33).map(lambda n: n / 1e4)


def columns_of(size: int) -> st.SearchStrategy[Any]:
    def of(numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
        return st.lists(numbers, min_size=size, max_size=size).map(
            lambda found: np.array(found, dtype=np.float64)
        )

    return st.fixed_dictionaries(
        {
            "forward_usd": of(positive | on_grid),
            "mark_iv_annual": of(positive),
            "mark_coin": of(not_negative),
            "bid_coin": of(quoted) | of(on_grid | st.just(math.nan)),
            "ask_coin": of(quoted) | of(on_grid | st.just(math.nan)),
            "bid_amount_coin": of(not_negative),
            "ask_amount_coin": of(not_negative | on_grid),
            "open_interest_coin": of(not_negative),
            "as_of_ms": st.lists(
                st.integers(-(2**63), 2**63 - 1), min_size=size, max_size=size
            ).map(lambda found: np.array(found, dtype=np.int64)),
        }
    )


@st.composite
def markets(draw: st.DrawFn) -> UnderlyingMarket:
    base = an_underlying_market("BTC", dte_days=(4, 11), strikes_frac=(0.9, 1.0, 1.1))
    names = list(base.chain.listing.names)[: draw(st.integers(0, 12))]
    listing: OptionListing = OptionListing.of_names("BTC", names)
    if draw(st.booleans()):
        # Names of another kind do not follow from strike and expiry.
        listing = dataclasses.replace(listing, names=tuple(f"{name}-X" for name in names))
    times = np.array(sorted(draw(st.sets(st.integers(-(2**62), 2**62), max_size=80))), np.int64)
    prices: Sequence[float] = draw(
        st.lists(positive | on_grid, min_size=len(times), max_size=len(times))
    )
    return UnderlyingMarket(
        underlying="BTC",
        index_usd=draw(positive),
        index_as_of=NOW - timedelta(microseconds=draw(st.integers(0, 10**9))),
        chain=OptionChain(
            listing=listing,
            **draw(columns_of(len(names))),
            dropped_rows=draw(st.dictionaries(st.text(max_size=9), st.integers(0, 99), max_size=2)),
        ),
        history=IndexHistory("BTC", times, np.array(prices, dtype=np.float64)),
    )


amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9)


@given(market=markets(), balance=amounts, text=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(market: UnderlyingMarket, balance: Decimal, text: str) -> None:
    name = "BTC-9JAN26-104000-C"
    snapshot = a_snapshot(
        market=a_market(market, an_underlying_market("ETH"), source=text),
        account=an_account(
            btc=a_coin_account("BTC", balance),
            positions=[a_position(name, "-0.10")],
            resting_orders=[a_resting_order(name)],
        ),
        specs={"BTC": a_spec("BTC", taker_fee_frac=abs(balance))},
        unresolved=(an_intent(message=text),),
        desk=a_desk_state(
            trading_state_reason=text,
            last_open_at={"BTC": NOW},
            day_open_equity_coin={"BTC": balance},
            breakers=(
                Breaker(name=BreakerName.DAILY_LOSS, tripped_at=NOW, until=None, facts=text),
            ),
        ),
        local_time=NOW + timedelta(microseconds=1),
    )
    assert_same(decode_snapshot(encode_snapshot(snapshot)), snapshot)


def test_the_same_is_decided_on_what_was_read() -> None:
    snapshot = a_snapshot(account=an_account(positions=[a_position("BTC-9JAN26-104000-C", "-0.1")]))
    again = decode_snapshot(encode_snapshot(snapshot))
    told = []
    for each in (snapshot, again):
        found = scan(each, scan_settings())
        answer = rule_based_answer(each, found, policy_settings(), limits())
        sizing, approval = gates.judge(answer.proposal, each, found, policy_settings(), limits())
        told.append(
            (
                state_record(Observed(NOW, each, found)).model_dump_json(),
                action_record(answer.proposal, sizing).model_dump_json(),
                approval.guardrail,
                approval.risk,
            )
        )
    assert told[0] == told[1]


def test_numbers_on_a_grid_take_few_bytes() -> None:
    strikes = [0.5 + n / 100 for n in range(120)]
    market = an_underlying_market("BTC", strikes_frac=strikes, dte_days=(1, 4, 11, 25))
    snapshot = a_snapshot(market=a_market(market))
    rows = len(market.chain)
    assert rows > 900
    assert len(encode_snapshot(snapshot)) < 25 * rows


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:-1], id="cut"),
        pytest.param(lambda data: data + b"more", id="bytes-behind-the-end"),
        pytest.param(lambda data: data[:400], id="half"),
        pytest.param(lambda data: b"cws9" + data[4:], id="another-version"),
        pytest.param(lambda data: data[:4] + b"\0" + data[5:], id="no-zlib"),
        pytest.param(lambda data: data[:4] + zlib.compress(b""), id="nothing-inside"),
        pytest.param(lambda data: data[:4] + zlib.compress(b"\0\0\0\x02{}"), id="no-fields"),
        pytest.param(lambda data: data[:4] + zlib.compress(b"\0" * 70_000_000), id="a-bomb"),
    ],
)
def test_damage_is_told(damage: Any) -> None:
    with pytest.raises(DataInvalid, match="snapshot"):
        decode_snapshot(damage(encode_snapshot(a_snapshot())))


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_wrong_body_is_refused_or_read(data: st.DataObject) -> None:
    body = bytearray(zlib.decompress(encode_snapshot(a_snapshot(market=a_market(_SMALL)))[4:]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_snapshot(b"cws1" + zlib.compress(bytes(body), 1))
    except DataInvalid:
        return


_SMALL = an_underlying_market("BTC", dte_days=(4,), strikes_frac=(1.0, 1.1), history_days=1)


def test_a_negative_zero_stays_negative() -> None:
    market = an_underlying_market("BTC")
    oi = np.where(np.arange(len(market.chain)) % 2 == 0, 0.0, -0.0)
    chain = dataclasses.replace(market.chain, open_interest_coin=oi)
    snapshot = a_snapshot(market=a_market(dataclasses.replace(market, chain=chain)))
    assert_same(decode_snapshot(encode_snapshot(snapshot)), snapshot)
