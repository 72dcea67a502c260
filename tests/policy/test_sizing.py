"""Sizes: golden cases by hand, the chain of clamps, and what is never exceeded."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    CALL_9JAN_105,
    a_candidate,
    a_coin_account,
    a_short_call,
    a_spec,
    an_intent,
)
from callwright.analytics.cover import free_cover_coin
from callwright.domain.account import RestingOrder
from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    DoNothing,
    OpenCoveredCall,
    OpenParams,
    RollCoveredCall,
    RollParams,
)

SHORT = CALL_9JAN_105
TARGET = "BTC-16JAN26-110000-C"

OPEN = OpenCoveredCall(params=OpenParams(underlying="BTC", symbol=TARGET))
ROLL = RollCoveredCall(params=RollParams(underlying="BTC", from_symbol=SHORT, symbol=TARGET))
CLOSE = CloseCoveredCall(params=CloseParams(underlying="BTC", symbol=SHORT))


def clamps_of(sizing: Any) -> Any:
    return [(c.name, c.before, c.after) for c in sizing.clamps]


def test_doing_nothing_has_no_size(a_desk: Any) -> None:
    sizing = a_desk(shorts=[a_short_call()]).size(DoNothing())
    assert (sizing.sell_coin, sizing.buy_coin, sizing.clamps) == (0, 0, ())


def test_an_open_sells_the_default_size_when_nothing_is_in_the_way(a_desk: Any) -> None:
    sizing = a_desk(candidates=[a_candidate(TARGET)]).size(OPEN)
    assert (sizing.sell_coin, sizing.buy_coin, sizing.clamps) == (D("0.1"), 0, ())


@pytest.mark.parametrize(
    ("default", "balance", "displayed", "sell", "clamps"),
    [
        pytest.param("0.3", "0.3", "0.3", "0.3", [], id="exactly-enough-of-all"),
        pytest.param(
            "0.5",
            "0.37",
            "5",
            "0.3",
            [("free_cover", D("0.5"), D("0.37")), ("lot", D("0.37"), D("0.3"))],
            id="cover",
        ),
        pytest.param("0.5", "1", "0.2", "0.2", [("displayed_bid", D("0.5"), D("0.2"))], id="bid"),
        pytest.param(
            "0.5",
            "0.45",
            "0.25",
            "0.2",
            [
                ("free_cover", D("0.5"), D("0.45")),
                ("displayed_bid", D("0.45"), D("0.25")),
                ("lot", D("0.25"), D("0.2")),
            ],
            id="cover-then-bid-then-lot",
        ),
        pytest.param(
            "0.1",
            "0.0999",
            "5",
            "0",
            [("free_cover", D("0.1"), D("0.0999")), ("amount_min", D("0.0999"), D(0))],
            id="just-under-the-minimum-is-zero",
        ),
        pytest.param("0.1", "0.1", "5", "0.1", [], id="the-minimum-itself-is-sold"),
        pytest.param("0.1", "0", "5", "0", [("free_cover", D("0.1"), D(0))], id="no-cover"),
        pytest.param("0.1", "-2", "5", "0", [("free_cover", D("0.1"), D(0))], id="cover-below-0"),
        pytest.param("0.1", "1", "0", "0", [("displayed_bid", D("0.1"), D(0))], id="empty-book"),
        pytest.param("0", "1", "5", "0", [], id="a-default-of-zero-sells-nothing"),
    ],
)
def test_an_open_is_clamped_in_order(
    a_desk: Any, default: Any, balance: Any, displayed: Any, sell: Any, clamps: Any
) -> None:
    desk = a_desk(
        btc=balance,
        settings={"order_size_coin": {"BTC": D(default)}},
        candidates=[a_candidate(TARGET, bid_amount_coin=D(displayed))],
    )
    sizing = desk.size(OPEN)
    assert sizing.sell_coin == D(sell)
    assert clamps_of(sizing) == clamps


def test_lots_under_a_larger_minimum_are_zero(a_desk: Any) -> None:
    # ETH trades in steps of 1 and, on this venue, from 2: cover of 1.8 is one lot, under the least.
    desk = a_desk(
        eth="1.8",
        snapshot={"specs": {"ETH": a_spec("ETH", amount_min=D(2))}},
        settings={"order_size_coin": {"ETH": D(3)}},
        candidates=[a_candidate("ETH-9JAN26-4200-C")],
    )
    asked = OpenCoveredCall(params=OpenParams(underlying="ETH", symbol="ETH-9JAN26-4200-C"))
    sizing = desk.size(asked)
    assert sizing.sell_coin == 0
    assert clamps_of(sizing) == [
        ("free_cover", D(3), D("1.8")),
        ("amount_min", D("1.8"), D(0)),
    ]


def test_cover_is_what_reserves_shorts_resting_and_unresolved_sells_leave(a_desk: Any) -> None:
    # 1.0 balance - 0.1 reserved - 0.1 reserve - 0.2 short - 0.1 resting - 0.1 in flight = 0.4
    resting = RestingOrder(
        order_id="1",
        label="",
        instrument_name=SHORT,
        side="sell",
        amount_coin=D("0.2"),
        filled_coin=D("0.1"),
        price_coin=D("0.01"),
        reduce_only=False,
    )
    desk = a_desk(
        shorts=[a_short_call(SHORT, "0.2")],
        btc=a_coin_account("BTC", 1, reserved_coin=D("0.1")),
        limit={"cover_reserve_coin": {"BTC": D("0.1")}},
        account={"resting_orders": [resting]},
        snapshot={"unresolved": (an_intent(TARGET),)},
        settings={"order_size_coin": {"BTC": D("0.9")}},
        candidates=[a_candidate(TARGET)],
    )
    assert clamps_of(desk.size(OPEN)) == [("free_cover", D("0.9"), D("0.4"))]


def test_limits_never_shrink_a_size_so_that_their_denial_is_seen(a_desk: Any) -> None:
    desk = a_desk(
        limit={
            "expiry_exposure_max_coin": {"BTC": D(0)},
            "net_delta_abs_max": {"BTC": D(0)},
            "margin_used_frac_max": 0.0,
            "orders_per_day_max": 0,
        },
        candidates=[a_candidate(TARGET)],
    )
    assert desk.size(OPEN).sell_coin == D("0.1")


def test_a_close_buys_the_whole_position(a_desk: Any) -> None:
    sizing = a_desk(shorts=[a_short_call(SHORT, "0.7")]).size(CLOSE)
    assert (sizing.sell_coin, sizing.buy_coin, sizing.clamps) == (0, D("0.7"), ())


@pytest.mark.parametrize(
    ("amount", "ask", "displayed", "buy", "clamps"),
    [
        pytest.param("0.5", "0.04", "0.5", "0.5", [], id="all-displayed"),
        pytest.param(
            "0.5",
            "0.04",
            "0.35",
            "0.3",
            [("displayed_ask", D("0.5"), D("0.35")), ("lot", D("0.35"), D("0.3"))],
            id="part-displayed",
        ),
        pytest.param(
            "0.5",
            "0.04",
            "0.05",
            "0",
            [("displayed_ask", D("0.5"), D("0.05")), ("amount_min", D("0.05"), D(0))],
            id="less-than-the-minimum-displayed",
        ),
        pytest.param("0.5", None, "5", "0", [("displayed_ask", D("0.5"), D(0))], id="no-offer"),
        pytest.param(
            "0.05", "0.04", "5", "0", [("amount_min", D("0.05"), D(0))], id="position-under-minimum"
        ),
        pytest.param(
            "0.25", "0.04", "5", "0.2", [("lot", D("0.25"), D("0.2"))], id="odd-lot-position"
        ),
    ],
)
def test_a_buy_back_is_clamped_in_order(
    a_desk: Any, amount: Any, ask: Any, displayed: Any, buy: Any, clamps: Any
) -> None:
    short = a_short_call(
        SHORT, amount, ask_coin=None if ask is None else D(ask), ask_amount_coin=D(displayed)
    )
    sizing = a_desk(shorts=[short]).size(CLOSE)
    assert (sizing.sell_coin, sizing.buy_coin) == (0, D(buy))
    assert clamps_of(sizing) == clamps


def test_a_roll_at_a_loss_sells_what_the_paid_buy_back_leaves_covered(a_desk: Any) -> None:
    # Balance 0.5, short 0.5: nothing is free. Buying back 0.5 at 0.04 costs 0.02 and the fee
    # min(0.0003, 12.5% x 0.04 = 0.005) x 0.5 = 0.00015, so 0.47985 is left to cover with: 4 lots.
    desk = a_desk(
        shorts=[a_short_call(SHORT, "0.5", ask_coin=D("0.04"))],
        btc="0.5",
        candidates=[a_candidate(TARGET)],
    )
    sizing = desk.size(ROLL)
    assert (sizing.buy_coin, sizing.sell_coin) == (D("0.5"), D("0.4"))
    assert clamps_of(sizing) == [
        ("free_cover", D("0.5"), D("0.47985")),
        ("lot", D("0.47985"), D("0.4")),
    ]


def test_a_roll_of_a_cheap_call_pays_the_capped_fee(a_desk: Any) -> None:
    # 0.5 at 0.001 is 0.0005; the fee is capped at 12.5% x 0.001 = 0.000125 a coin, 0.0000625.
    # Free: 0.50056 - 0.5 = 0.00056, less 0.0005625 is 0.0000025 short of all five lots.
    short = a_short_call(SHORT, "0.5", ask_coin=D("0.001"))
    sizing = a_desk(shorts=[short], btc="0.50056", candidates=[a_candidate(TARGET)]).size(ROLL)
    assert clamps_of(sizing)[0] == ("free_cover", D("0.5"), D("0.4999975"))
    assert sizing.sell_coin == D("0.4")
    # With the cost in hand to the last unit the whole roll goes through.
    sizing = a_desk(shorts=[short], btc="0.5005625", candidates=[a_candidate(TARGET)]).size(ROLL)
    assert (sizing.sell_coin, sizing.clamps) == (D("0.5"), ())


def test_a_roll_sells_no_more_than_it_buys_back_nor_than_the_new_bid_shows(a_desk: Any) -> None:
    desk = a_desk(
        shorts=[a_short_call(SHORT, "0.5", ask_amount_coin=D("0.4"))],
        btc=2,
        candidates=[a_candidate(TARGET, bid_amount_coin=D("0.25"))],
    )
    sizing = desk.size(ROLL)
    assert (sizing.buy_coin, sizing.sell_coin) == (D("0.4"), D("0.2"))
    assert clamps_of(sizing) == [
        ("displayed_ask", D("0.5"), D("0.4")),
        ("displayed_bid", D("0.4"), D("0.25")),
        ("lot", D("0.25"), D("0.2")),
    ]


def test_a_roll_whose_sale_has_no_cover_keeps_its_buy_back(a_desk: Any) -> None:
    # 0.1 of 0.1 BTC: any cost leaves less than one lot covered.
    desk = a_desk(shorts=[a_short_call(SHORT, "0.1")], btc="0.1", candidates=[a_candidate(TARGET)])
    sizing = desk.size(ROLL)
    assert (sizing.buy_coin, sizing.sell_coin, sizing.size_coin) == (D("0.1"), 0, D("0.1"))


def test_a_roll_without_an_offer_is_nothing(a_desk: Any) -> None:
    short = a_short_call(SHORT, "0.5", ask_coin=None)
    sizing = a_desk(shorts=[short], candidates=[a_candidate(TARGET)]).size(ROLL)
    assert (sizing.buy_coin, sizing.sell_coin) == (0, 0)
    assert [c.name for c in sizing.clamps] == ["displayed_ask"]


@pytest.mark.parametrize(
    ("proposal", "changes", "name"),
    [
        pytest.param(OPEN, {}, "symbol_unknown", id="open-of-no-candidate"),
        pytest.param(CLOSE, {}, "symbol_unknown", id="close-of-no-short"),
        pytest.param(ROLL, {}, "symbol_unknown", id="roll-of-no-short"),
        pytest.param(
            ROLL, {"shorts": [a_short_call(SHORT)]}, "symbol_unknown", id="roll-into-no-candidate"
        ),
        pytest.param(
            OpenCoveredCall(params=OpenParams(underlying="ETH", symbol=TARGET)),
            {"candidates": [a_candidate(TARGET)]},
            "symbol_unknown",
            id="candidate-of-another-coin",
        ),
        pytest.param(
            CloseCoveredCall(params=CloseParams(underlying="ETH", symbol=SHORT)),
            {"shorts": [a_short_call(SHORT)]},
            "symbol_unknown",
            id="short-of-another-coin",
        ),
        pytest.param(
            OPEN,
            {"candidates": [a_candidate(TARGET)], "settings": {"order_size_coin": {}}},
            "order_size_missing",
            id="no-default-size",
        ),
        pytest.param(
            OPEN,
            {"candidates": [a_candidate(TARGET)], "snapshot": {"specs": {}}},
            "spec_missing",
            id="open-without-terms",
        ),
        pytest.param(
            CLOSE,
            {"shorts": [a_short_call(SHORT)], "snapshot": {"specs": {}}},
            "spec_missing",
            id="close-without-terms",
        ),
        pytest.param(
            ROLL,
            {
                "shorts": [a_short_call(SHORT)],
                "candidates": [a_candidate(TARGET)],
                "snapshot": {"specs": {}},
            },
            "spec_missing",
            id="roll-without-terms",
        ),
    ],
)
def test_what_is_unknown_has_size_zero_and_a_name(
    a_desk: Any, proposal: Any, changes: Any, name: Any
) -> None:
    sizing = a_desk(**changes).size(proposal)
    assert (sizing.sell_coin, sizing.buy_coin) == (0, 0)
    assert [c.name for c in sizing.clamps] == [name]
    assert sizing.clamps[0].after == 0


@pytest.mark.parametrize("proposal", [OPEN, ROLL])
def test_without_a_coin_account_nothing_is_sold(a_desk: Any, proposal: Any) -> None:
    desk = a_desk(shorts=[a_short_call(SHORT)], candidates=[a_candidate(TARGET)])
    account = desk.snapshot.account.model_copy(update={"coins": {}})
    sizing = replace(desk, snapshot=replace(desk.snapshot, account=account)).size(proposal)
    assert (sizing.sell_coin, sizing.buy_coin) == (0, 0)
    assert [c.name for c in sizing.clamps] == ["account_missing"]


amounts = st.decimals(0, 3, places=3)
prices = st.integers(1, 5000).map(lambda n: D(n) / 10_000)


@given(
    balance=st.decimals(-1, 3, places=4),
    short_lots=st.integers(1, 20),
    ask=st.none() | prices,
    ask_amount=amounts,
    bid_amount=amounts,
    default=amounts,
    reserve=st.decimals(0, 1, places=2),
    proposal=st.sampled_from([OPEN, ROLL, CLOSE]),
)
def test_sizes_are_whole_lots_within_cover_and_book_and_their_clamps_chain(
    a_desk: Any,
    balance: Any,
    short_lots: Any,
    ask: Any,
    ask_amount: Any,
    bid_amount: Any,
    default: Any,
    reserve: Any,
    proposal: Any,
) -> None:
    short = a_short_call(SHORT, D(short_lots) / 10, ask_coin=ask, ask_amount_coin=ask_amount)
    desk = a_desk(
        shorts=[short],
        btc=balance,
        candidates=[a_candidate(TARGET, bid_amount_coin=bid_amount)],
        settings={"order_size_coin": {"BTC": default}},
        limit={"cover_reserve_coin": {"BTC": reserve}},
    )
    sizing = desk.size(proposal)
    sell, buy = sizing.sell_coin, sizing.buy_coin

    for amount in (sell, buy):
        assert amount == 0 or (amount >= D("0.1") and amount % D("0.1") == 0)
    assert buy <= min(short.amount_coin, ask_amount if ask is not None else 0)
    assert sell <= bid_amount

    free = free_cover_coin(desk.snapshot, "BTC", desk.limits)
    if proposal is OPEN:
        assert sell <= max(min(free, default), 0)
        assert buy == 0
    if proposal is ROLL:
        assert sell <= buy
        # After both legs the shorts that are left still stand on cash, wherever they did before.
        cost = (ask or 0) * buy + min(D("0.0003"), D("0.125") * (ask or 0)) * buy
        assert sell == 0 or sell <= free + buy - cost
    if proposal is CLOSE:
        assert sell == 0

    start = default if proposal is OPEN else short.amount_coin
    for clamp in sizing.clamps:
        assert clamp.before == start
        assert clamp.after < clamp.before
        start = clamp.after
    assert start == (buy if proposal is CLOSE else sell)
