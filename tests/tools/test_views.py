"""What the three reading tools show of a snapshot."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import (
    a_candidate,
    a_coin_account,
    a_desk_state,
    a_scan,
    a_short_call,
    a_snapshot,
    a_vol_state,
    an_account,
    an_intent,
    dec,
    limits,
)
from callwright.domain.decision import CloseCoveredCall, Proposal, RollCoveredCall
from callwright.domain.desk import Breaker, BreakerName, TradingState
from callwright.domain.scan import Scan, TermPoint
from callwright.domain.snapshot import Snapshot
from callwright.tools.candidates import ROLLS_SHOWN_MAX, list_candidates
from callwright.tools.candidates import SHORT_CALLS_SHOWN_MAX as WAYS_OUT_MAX
from callwright.tools.fences import FENCE_CLOSE, FENCE_OPEN, fenced, number, outside_text
from callwright.tools.portfolio import SHORT_CALLS_SHOWN_MAX, get_portfolio
from callwright.tools.vol import get_vol_state

NEAR, FAR, LATER = "BTC-9JAN26-104000-C", "BTC-9JAN26-110000-C", "BTC-16JAN26-108000-C"


def opened(text: str) -> Any:
    assert text.startswith(FENCE_OPEN)
    assert text.endswith(FENCE_CLOSE)
    return json.loads(text[len(FENCE_OPEN) : -len(FENCE_CLOSE)])


def allow(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
    return ()


def portfolio(**changes: Any) -> Any:
    scan = changes.pop("scan", a_scan(shorts=[a_short_call()]))
    return opened(get_portfolio(a_snapshot(**changes), scan, limits()))


def test_the_portfolio_shows_cover_margin_delta_and_shorts() -> None:
    account = an_account(
        btc=a_coin_account("BTC", "1.2", initial_margin_coin=dec("0.3")),
    )
    coin = portfolio(account=account)["coins"]["BTC"]
    assert coin["equity_coin"] == 1.2
    assert coin["free_cover_coin"] == 1.2
    assert coin["margin_used_frac"] == 0.25
    assert coin["index_usd"] == 100_000
    assert coin["short_calls"] == [
        {
            "symbol": "BTC-9JAN26-106000-C",
            "amount_coin": 0.1,
            "dte_days": 3.98,
            "delta": 0.22,
            "sold_at_coin": 0.01,
            "ask_coin": 0.006,
            "captured_frac": 0.45,
        }
    ]


def test_unknown_is_null_never_zero() -> None:
    account = an_account(btc=a_coin_account("BTC", 0))
    short = a_short_call(captured_frac=None, ask_coin=None)
    view = portfolio(account=account, scan=a_scan(shorts=[short], net_delta={"BTC": None}))
    coin = view["coins"]["BTC"]
    assert coin["margin_used_frac"] is None
    assert coin["net_delta"] is None
    assert coin["short_calls"][0]["captured_frac"] is None
    assert coin["short_calls"][0]["ask_coin"] is None
    vol = opened(
        get_vol_state(
            a_scan(vols={"BTC": a_vol_state(ivrv=None, rv_annual=None, skew_25d_annual=None)})
        )
    )
    assert vol["BTC"]["ivrv"] is vol["BTC"]["rv_annual"] is vol["BTC"]["skew_25d_annual"] is None


def test_of_many_shorts_the_most_dangerous_are_shown_and_the_others_counted() -> None:
    deltas = [0.01, 0.6, 0.2, 0.3, 0.4, 0.5, 0.1]
    shorts = [
        a_short_call(f"BTC-9JAN26-{100_000 + i * 1000}-C", delta=delta)
        for i, delta in enumerate(deltas)
    ]
    scan = a_scan(shorts=shorts)
    coin = portfolio(scan=scan)["coins"]["BTC"]
    assert [row["delta"] for row in coin["short_calls"]] == [0.6, 0.5, 0.4, 0.3, 0.2]
    assert coin["short_calls_not_shown"] == len(deltas) - SHORT_CALLS_SHOWN_MAX
    ways_out = opened(list_candidates(a_snapshot(), scan, allow))["open_shorts"]
    assert [way["symbol"] for way in ways_out] == [
        row["symbol"] for row in coin["short_calls"][:WAYS_OUT_MAX]
    ]


def test_a_desk_that_may_not_trade_says_so_and_why() -> None:
    breaker = Breaker(
        name=BreakerName.DAILY_LOSS,
        underlying="BTC",
        tripped_at=a_snapshot().as_of,
        until=None,
        facts="x",
    )
    desk = a_desk_state(
        trading_state=TradingState.REDUCING,
        trading_state_reason="by hand",
        orders_today=99,
        breakers=(breaker,),
    )
    view = portfolio(desk=desk, unresolved=(an_intent(),))
    assert view["trading_state"] == "REDUCING"
    assert view["trading_state_reason"] == "by hand"
    assert view["orders_left_today"] == 0
    assert view["breakers"] == ["DAILY_LOSS"]
    assert view["coins"]["BTC"]["unresolved_orders"] == 1


def test_the_vol_state_shows_the_ratio_and_the_term_structure() -> None:
    vol = a_vol_state(term_structure=(TermPoint(dte_days=3.98, atm_iv_annual=0.512345),))
    assert opened(get_vol_state(a_scan(vols={"BTC": vol})))["BTC"] == {
        "status": "OK",
        "iv_annual": 0.5,
        "rv_annual": 0.4,
        "ivrv": 1.25,
        "skew_25d_annual": -0.02,
        "atm_iv_by_dte_days": [[4, 0.512]],
    }


def test_a_candidate_shows_what_it_pays_and_what_it_would_fail() -> None:
    scan = a_scan(
        candidates=[a_candidate(), a_candidate(FAR, passes=False, codes=("PREMIUM_BELOW_MINIMUM",))]
    )
    good, bad = opened(list_candidates(a_snapshot(), scan, allow))["candidates"]
    assert good["passes"] is True
    assert "codes" not in good
    assert (bad["passes"], bad["codes"]) == (False, ["PREMIUM_BELOW_MINIMUM"])
    assert good["bid_coin"] == 0.005
    assert good["size_coin"] == 0.1


def test_a_candidate_that_does_not_pass_never_looks_as_if_it_did() -> None:
    scan = a_scan(candidates=[a_candidate(passes=False, codes=())])
    assert opened(list_candidates(a_snapshot(), scan, allow))["candidates"][0]["passes"] is False


def test_the_ways_out_of_a_short_are_checked_beforehand() -> None:
    asked: list[Proposal] = []

    def check(proposal: Proposal, snapshot: Snapshot, scan: Scan) -> tuple[str, ...]:
        asked.append(proposal)
        if isinstance(proposal, RollCoveredCall) and proposal.params.symbol == FAR:
            return ("ROLL_NOT_LATER_OR_HIGHER",)
        return ()

    scan = a_scan(
        shorts=[a_short_call(NEAR, ask_coin=dec("0.004"))],
        candidates=[
            a_candidate(FAR),
            a_candidate(LATER, premium_net_coin=dec("0.0097")),
            a_candidate("ETH-9JAN26-4300-C"),
        ],
    )
    (short,) = opened(list_candidates(a_snapshot(), scan, check))["open_shorts"]
    assert short["close"] == {"passes": True}
    # 0.0097 less the ask of 0.004 and a taker fee of 0.0003.
    assert short["rolls"] == [{"symbol": LATER, "net_credit_coin": 0.0054, "passes": True}]
    assert len([p for p in asked if isinstance(p, RollCoveredCall)]) == 2
    assert len([p for p in asked if isinstance(p, CloseCoveredCall)]) == 1


def test_when_no_roll_passes_one_is_shown_with_its_codes() -> None:
    scan = a_scan(
        shorts=[a_short_call(NEAR, ask_coin=None)],
        candidates=[a_candidate(FAR), a_candidate(LATER)],
    )
    view = opened(list_candidates(a_snapshot(), scan, lambda *_: ("QUOTE_MISSING",)))
    (short,) = view["open_shorts"]
    assert short["close"] == {"passes": False, "codes": ["QUOTE_MISSING"]}
    assert len(short["rolls"]) == 1 <= ROLLS_SHOWN_MAX
    assert short["rolls"][0]["net_credit_coin"] is None
    assert short["rolls"][0]["codes"] == ["QUOTE_MISSING"]


@given(st.text())
def test_no_text_closes_the_fence(text: str) -> None:
    shown = fenced({"key": {text: text}, "a": [outside_text(text)]})
    assert shown.count(FENCE_OPEN) == shown.count(FENCE_CLOSE) == 1
    assert shown.isascii()
    assert opened(shown)["key"] == {text: text}


@given(st.text(), st.integers(1, 50))
def test_a_text_from_outside_is_one_short_printable_line(text: str, length: int) -> None:
    shown = outside_text(text, length_max=length)
    assert len(shown) <= length
    assert shown.isprintable()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, Decimal("NaN")])
def test_a_number_that_is_none_is_null(value: Any) -> None:
    assert number(value) is None


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.123456, 0.1235), (100_000.0, 100_000), (Decimal("0.00051"), 0.00051), (7, 7), (-0.5, -0.5)],
)
def test_numbers_are_shown_short(value: Any, shown: float) -> None:
    assert number(value) == shown


def test_a_number_that_is_not_finite_is_never_shown() -> None:
    with pytest.raises(ValueError, match="JSON"):
        fenced({"a": math.nan})
