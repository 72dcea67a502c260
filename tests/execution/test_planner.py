from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from builders import (
    CALL_9JAN_105,
    NOW,
    a_candidate,
    a_market,
    a_scan,
    a_snapshot,
    an_underlying_market,
    dec,
    execution_settings,
    limits,
    with_quote,
)
from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    DoNothing,
    OpenCoveredCall,
    OpenParams,
    RollCoveredCall,
    RollParams,
    Sizing,
)
from callwright.domain.orders import IntentStatus, Purpose
from callwright.domain.verdict import ApprovedTrade, Verdict
from callwright.errors import DataInvalid
from callwright.execution.labels import order_label
from callwright.execution.planner import plan, to_request

OTHER = "BTC-16JAN26-110000-C"
OPEN = OpenCoveredCall(params=OpenParams(underlying="BTC", symbol=CALL_9JAN_105))
CLOSE = CloseCoveredCall(params=CloseParams(underlying="BTC", symbol=CALL_9JAN_105))
ROLL = RollCoveredCall(params=RollParams(underlying="BTC", from_symbol=CALL_9JAN_105, symbol=OTHER))


def approved(proposal: Any, sell: Any = "0", buy: Any = "0") -> ApprovedTrade:
    sizing = Sizing(sell_coin=dec(sell), buy_coin=dec(buy))
    return ApprovedTrade(proposal, sizing, Verdict.allow(), Verdict.allow())


def planned(trade: Any, *, market: Any = None, candidates: Any = None, **changes: Any) -> Any:
    if candidates is None:
        candidates = [a_candidate(CALL_9JAN_105), a_candidate(OTHER)]
    return plan(
        trade,
        snapshot=a_snapshot(market=market or quoted()),
        scan=a_scan(candidates=candidates),
        limits=limits(),
        settings=execution_settings(order_valid_s=10),
        cycle_id="c1",
        **changes,
    )


def quoted() -> Any:
    market = a_market(an_underlying_market("BTC", extra_names=[CALL_9JAN_105, OTHER]))
    for name in (CALL_9JAN_105, OTHER):
        market = with_quote(market, name, bid_coin=0.0045, ask_coin=0.0065)
    return market


def test_an_open_sells_at_the_bid_for_a_bounded_time() -> None:
    (leg,) = planned(approved(OPEN, sell="0.2")).legs
    assert (leg.side, leg.amount_coin, leg.price_coin) == ("sell", dec("0.2"), dec("0.0045"))
    assert (leg.purpose, leg.reduce_only) == (Purpose.OPEN, False)
    assert leg.label == order_label("test", "c1", 0)
    assert leg.status is IntentStatus.PENDING
    assert (leg.created_at, leg.valid_until) == (NOW, NOW + timedelta(seconds=10))
    # The candidate's 0.1055 a coin times 0.2.
    assert leg.margin_initial_coin == dec("0.0211")
    request = to_request(leg)
    assert request.time_in_force == "immediate_or_cancel"
    assert (request.label, request.valid_until) == (leg.label, leg.valid_until)


@pytest.mark.parametrize(
    ("is_care", "purpose"), [(False, Purpose.CLOSE), (True, Purpose.CARE_CLOSE)]
)
def test_a_close_buys_at_the_ask_reduce_only(is_care: Any, purpose: Any) -> None:
    (leg,) = planned(approved(CLOSE, buy="0.3"), is_care=is_care).legs
    assert (leg.side, leg.price_coin, leg.reduce_only) == ("buy", dec("0.0065"), True)
    assert (leg.purpose, leg.amount_coin, leg.margin_initial_coin) == (purpose, dec("0.3"), 0)


def test_a_roll_buys_back_before_it_sells() -> None:
    buy, sell = planned(approved(ROLL, sell="0.2", buy="0.3")).legs
    assert (buy.purpose, buy.instrument_name, buy.reduce_only) == (
        Purpose.ROLL_BUY,
        CALL_9JAN_105,
        True,
    )
    assert (sell.purpose, sell.instrument_name, sell.reduce_only) == (
        Purpose.ROLL_SELL,
        OTHER,
        False,
    )
    assert (buy.label[-2:], sell.label[-2:]) == ("-0", "-1")


@pytest.mark.parametrize(
    ("trade", "quote", "price"),
    [
        # The grid is 0.0005 from 0.005 up: sell at or below the bid, buy at or above the ask.
        pytest.param(approved(OPEN, sell="0.1"), {"bid_coin": 0.0057}, "0.0055", id="sell-down"),
        pytest.param(approved(CLOSE, buy="0.1"), {"ask_coin": 0.0057}, "0.006", id="buy-up"),
        pytest.param(approved(OPEN, sell="0.1"), {"bid_coin": 0.0049}, "0.0049", id="on-grid"),
    ],
)
def test_prices_are_on_the_tick_grid(trade: Any, quote: Any, price: Any) -> None:
    (leg,) = planned(trade, market=with_quote(quoted(), CALL_9JAN_105, **quote)).legs
    assert leg.price_coin == Decimal(price)


@pytest.mark.parametrize(
    "not_approved", [OPEN, DoNothing(), None, {"proposal": OPEN}, Verdict.allow()]
)
def test_only_an_approved_trade_is_planned(not_approved: Any) -> None:
    with pytest.raises(TypeError, match="ApprovedTrade"):
        planned(not_approved)


@pytest.mark.parametrize(
    ("trade", "changes", "says"),
    [
        pytest.param(approved(OPEN), {}, "lots", id="zero"),
        pytest.param(approved(OPEN, sell="0.15"), {}, "lots", id="off-lot"),
        pytest.param(approved(OPEN, sell="0.1"), {"candidates": []}, "margin", id="no-candidate"),
        pytest.param(
            approved(OPEN, sell="0.1"),
            {"candidates": [a_candidate(margin_initial_coin=None)]},
            "margin",
            id="margin-unknown",
        ),
        pytest.param(
            approved(OPEN, sell="0.1"),
            {"market": with_quote(quoted(), CALL_9JAN_105, bid_coin=float("nan"))},
            "no price",
            id="no-bid",
        ),
        pytest.param(
            approved(OPEN, sell="0.1"),
            {"market": with_quote(quoted(), CALL_9JAN_105, bid_coin=0.00005)},
            "tick",
            id="below-the-first-tick",
        ),
    ],
)
def test_what_a_leg_lacks_is_told(trade: Any, changes: Any, says: Any) -> None:
    with pytest.raises(DataInvalid, match=says):
        planned(trade, **changes)
