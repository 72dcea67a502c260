"""For any book: nothing approved exceeds cover, and more pending sales never help a proposal."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_position, dec
from callwright.guardrails.ruleset import RISK_RULES, run_rules
from situations import (
    OTHER,
    SHORT,
    SOLD,
    Situation,
    a_resting_order,
    an_unresolved_sell,
    opening,
    rolling,
)

CALLS = (SOLD, OTHER, "BTC-9JAN26-108000-C", "BTC-30JAN26-110000-C")
PUT = "BTC-16JAN26-90000-P"

lots = st.integers(1, 8).map(lambda n: Decimal(n) / 10)
sizes = st.integers(-8, 8).filter(bool).map(lambda n: Decimal(n) / 10)
coin_amounts = st.integers(0, 200).map(lambda n: Decimal(n) / 100)
positions = st.dictionaries(st.sampled_from((*CALLS[1:], PUT)), sizes, max_size=3)
pending_names = st.sampled_from((*CALLS, PUT))
pending_amounts = st.integers(1, 10).map(lambda n: Decimal(n) / 10)
resting = st.builds(a_resting_order, pending_names, pending_amounts)
unresolved = st.builds(an_unresolved_sell, pending_names, pending_amounts)

# The limits that would deny before cover does are out of the way, so that cover decides.
WIDE: dict[str, Any] = {
    "margin_used_frac_max": 1.0,
    "net_delta_abs_max": {"BTC": dec(1000)},
    "expiry_exposure_max_coin": {"BTC": dec(1000)},
    "orders_per_day_max": 1000,
}


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    book = draw(positions)
    common: dict[str, Any] = {
        "positions": [a_position(name, amount) for name, amount in book.items()],
        "resting": draw(st.lists(resting, max_size=2)),
        "coin": {
            "balance_coin": draw(coin_amounts),
            "margin_balance_coin": dec(2),
            "reserved_coin": draw(st.sampled_from((dec(0), dec("0.15")))),
        },
        "net_delta": draw(st.floats(-0.6, 0.6)),
        "limits_": {
            **(WIDE if draw(st.booleans()) else {}),
            "cover_reserve_coin": draw(st.sampled_from(({}, {"BTC": dec("0.1")}))),
        },
    }
    if draw(st.booleans()):
        return opening(sell=draw(lots), **common)
    short_amount = draw(st.sampled_from((dec("0.1"), dec("0.5"), dec(1))))
    buy = draw(st.sampled_from((short_amount, dec("0.1"))))
    return rolling(
        sell=draw(st.sampled_from((buy, dec("0.1")))),
        buy=buy,
        short_amount=short_amount,
        quotes={SHORT: {"ask_coin": draw(st.sampled_from((0.0085, 0.0094)))}},
        **common,
    )


def cover_left(situation: Situation) -> Decimal:
    """Cash less everything that is, or may become, short after the trade: counted afresh here."""
    snapshot, sizing = situation.snapshot, situation.sizing
    coin = snapshot.account.coins["BTC"]
    left = coin.balance_coin - coin.reserved_coin - sizing.sell_coin
    left -= situation.limits.cover_reserve_coin.get("BTC", Decimal(0))
    for position in snapshot.account.positions:
        if position.instrument_name.endswith("-C"):
            left += min(position.amount_coin, Decimal(0))
    for order in snapshot.account.resting_orders:
        if order.instrument_name.endswith("-C"):
            left -= order.amount_coin
    for intent in snapshot.unresolved:
        if intent.instrument_name.endswith("-C"):
            left -= intent.amount_coin
    if sizing.buy_coin:
        ask = snapshot.market.quote(SHORT).ask_coin  # type: ignore[union-attr]
        assert ask is not None
        fee = min(Decimal("0.0003"), Decimal("0.125") * ask)
        left += sizing.buy_coin - sizing.buy_coin * (ask + fee)
    return left


@settings(max_examples=300, deadline=None)
@given(situations())
def test_nothing_approved_exceeds_cover(situation: Situation) -> None:
    outcome = situation.approve()
    if outcome.trade is not None:
        assert cover_left(situation) >= 0
    elif outcome.risk is not None and "COVER_EXCEEDED" not in outcome.risk.codes:
        # And cover is not refused where there is some.
        assert cover_left(situation) >= 0


@settings(max_examples=200, deadline=None)
@given(situations(), st.lists(resting, max_size=3), st.lists(unresolved, max_size=3))
def test_more_pending_sales_never_turn_a_denial_into_an_approval(
    situation: Situation, more_resting: list[Any], more_unresolved: list[Any]
) -> None:
    busier = situation.with_pending(resting=more_resting, unresolved=more_unresolved)
    if situation.approve().trade is None:
        assert busier.approve().trade is None
    for rule in RISK_RULES:
        if not run_rules([rule], situation.x).allowed:
            assert not run_rules([rule], busier.x).allowed, rule.__name__
