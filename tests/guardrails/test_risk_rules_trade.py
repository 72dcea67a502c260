"""The risk engine on what is traded: its window, its price, and what a roll is worth."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW, dec
from callwright.guardrails.rules.collar import price_within_collar
from callwright.guardrails.rules.entry import (
    delta_in_window,
    dte_in_window,
    premium_reaches_minimum,
)
from callwright.guardrails.rules.roll import roll_goes_later_or_higher, roll_has_dwelt, roll_pays
from rule_cases import NAN, SECOND, bought_at, case, judge
from situations import SHORT, SOLD, Situation, closing, opening, rolling

DTE_SOLD = 263.5 / 24
"""From Monday 08:30 to Friday week 08:00: 10 days 23.5 hours."""

ENTRY = [
    *(
        case(delta_in_window, opening(candidate={"delta": delta}), code, f"delta {delta}")
        for delta, code in (
            (0.05, None),
            (0.40, None),
            (0.0499, "DELTA_OUTSIDE_WINDOW"),
            (0.4001, "DELTA_OUTSIDE_WINDOW"),
            (NAN, "DELTA_OUTSIDE_WINDOW"),
        )
    ),
    case(
        delta_in_window, rolling(candidate={"delta": 0.41}), "DELTA_OUTSIDE_WINDOW", "roll target"
    ),
    case(delta_in_window, closing(short={"delta": 0.99}), None, "close"),
    case(
        delta_in_window,
        opening(symbol="BTC-16JAN26-123000-C"),
        "DELTA_OUTSIDE_WINDOW",
        "unknown delta",
    ),
    case(dte_in_window, opening(limits_={"dte_open_max_days": DTE_SOLD}), None, "at the maximum"),
    case(dte_in_window, opening(limits_={"dte_open_min_days": DTE_SOLD}), None, "at the minimum"),
    case(
        dte_in_window,
        opening(limits_={"dte_open_max_days": DTE_SOLD - 1e-9}),
        "DTE_OUTSIDE_WINDOW",
        "just too long",
    ),
    case(
        dte_in_window,
        opening(limits_={"dte_open_min_days": DTE_SOLD + 1e-9}),
        "DTE_OUTSIDE_WINDOW",
        "just too short",
    ),
    case(
        dte_in_window,
        opening(limits_={"dte_open_max_days": NAN}),
        "DTE_OUTSIDE_WINDOW",
        "limit is nan",
    ),
    case(
        # What a candidate says of its days does not count: they come from its name.
        dte_in_window,
        opening(candidate={"dte_days": 7.0}, limits_={"dte_open_max_days": 8.0}),
        "DTE_OUTSIDE_WINDOW",
        "from the name",
    ),
    case(
        dte_in_window,
        rolling(limits_={"dte_open_max_days": 8.0}),
        "DTE_OUTSIDE_WINDOW",
        "roll target",
    ),
    case(dte_in_window, closing(limits_={"dte_open_min_days": 9.0}), None, "close"),
    # At the rate: 0.0100 − 0.0003 = 0.0097.
    case(
        premium_reaches_minimum, opening(limits_={"premium_min_coin": dec("0.0097")}), None, "rate"
    ),
    case(
        premium_reaches_minimum,
        opening(limits_={"premium_min_coin": dec("0.0098")}),
        "PREMIUM_BELOW_MINIMUM",
        "rate, one tick more",
    ),
    # At the cap: the fee of a bid of 0.0010 is 12.5% of it, 0.000125; net 0.000875.
    case(
        premium_reaches_minimum,
        opening(quotes={SOLD: {"bid_coin": 0.0010}}, limits_={"premium_min_coin": dec("0.000875")}),
        None,
        "capped fee",
    ),
    case(
        premium_reaches_minimum,
        opening(quotes={SOLD: {"bid_coin": 0.0010}}, limits_={"premium_min_coin": dec("0.000876")}),
        "PREMIUM_BELOW_MINIMUM",
        "capped fee, just over",
    ),
    case(
        premium_reaches_minimum,
        opening(quotes={SOLD: {"bid_coin": NAN, "bid_amount_coin": 0.0}}),
        "PREMIUM_BELOW_MINIMUM",
        "no bid",
    ),
    case(
        premium_reaches_minimum,
        rolling(limits_={"premium_min_coin": dec("0.0098")}),
        "PREMIUM_BELOW_MINIMUM",
        "roll target",
    ),
    case(premium_reaches_minimum, closing(limits_={"premium_min_coin": dec("0.5")}), None, "close"),
]


def sold_at(bid: float, mark: float) -> dict[str, Any]:
    return {"quotes": {SOLD: {"bid_coin": bid, "mark_coin": mark}}}


COLLAR = [
    # 20% of 0.0125 is 0.0025.
    case(price_within_collar, opening(**sold_at(0.0100, 0.0125)), None, "20% below"),
    case(
        price_within_collar, opening(**sold_at(0.0095, 0.0125)), "PRICE_OUTSIDE_COLLAR", "24% below"
    ),
    case(price_within_collar, opening(**sold_at(0.0150, 0.0125)), None, "20% above"),
    case(
        price_within_collar, opening(**sold_at(0.0155, 0.0125)), "PRICE_OUTSIDE_COLLAR", "24% above"
    ),
    # 20% of 0.0004 is 0.00008; two ticks of 0.0001 are wider.
    case(price_within_collar, opening(**sold_at(0.0002, 0.0004)), None, "two ticks"),
    case(
        price_within_collar, opening(**sold_at(0.0001, 0.0004)), "PRICE_OUTSIDE_COLLAR", "3 ticks"
    ),
    case(price_within_collar, rolling(**bought_at(0.0150, 0.0125)), None, "roll buys 20% above"),
    case(
        price_within_collar,
        rolling(**bought_at(0.0155, 0.0125)),
        "PRICE_OUTSIDE_COLLAR",
        "roll buys 24% above",
    ),
    # A close may pay five times as much: 100% of the mark, or ten ticks.
    case(price_within_collar, closing(**bought_at(0.0250, 0.0125)), None, "close at 2 × mark"),
    case(
        price_within_collar,
        closing(**bought_at(0.0255, 0.0125)),
        "PRICE_OUTSIDE_COLLAR",
        "close above 2 × mark",
    ),
    case(price_within_collar, closing(**bought_at(0.0010, 0.0)), None, "close of no value"),
    case(
        price_within_collar,
        closing(**bought_at(0.0011, 0.0)),
        "PRICE_OUTSIDE_COLLAR",
        "close of no value, eleven ticks",
    ),
    case(
        price_within_collar,
        opening(quotes={SOLD: {"bid_coin": NAN, "bid_amount_coin": 0.0}}),
        "PRICE_OUTSIDE_COLLAR",
        "no price",
    ),
    case(
        price_within_collar,
        opening(limits_={"price_collar_frac": NAN, "price_collar_ticks": 0}),
        "RULE_RAISED",
        "limit is nan",
    ),
]

# New call 0.0100 − 0.0003, old call 0.0085 + 0.0003: the roll brings 0.0009 per coin.
DEFEND = {"delta": 0.45}

ROLL = [
    case(roll_goes_later_or_higher, rolling(), None, "later and higher"),
    case(
        roll_goes_later_or_higher,
        rolling(symbol="BTC-9JAN26-106000-C"),
        None,
        "higher in the same expiry",
    ),
    case(roll_goes_later_or_higher, rolling(symbol="BTC-16JAN26-102000-C"), None, "later, lower"),
    case(
        roll_goes_later_or_higher,
        rolling(symbol="BTC-9JAN26-102000-C"),
        "ROLL_NOT_LATER_OR_HIGHER",
        "lower in the same expiry",
    ),
    case(
        roll_goes_later_or_higher,
        rolling(symbol="BTC-6JAN26-104000-C"),
        "ROLL_NOT_LATER_OR_HIGHER",
        "earlier at the same strike",
    ),
    case(roll_goes_later_or_higher, opening(), None, "open"),
    case(roll_pays, rolling(limits_={"roll_credit_min_coin": dec("0.0009")}), None, "credit"),
    case(
        roll_pays,
        rolling(limits_={"roll_credit_min_coin": dec("0.00091")}),
        "ROLL_DEBIT",
        "credit too small",
    ),
    # Old call at 0.0195: 0.0097 − 0.0198 = −0.0101; at 0.0194: −0.0100, the largest debit.
    case(roll_pays, rolling(**bought_at(0.0194, 0.02), short=DEFEND), None, "debit at its cap"),
    case(
        roll_pays, rolling(**bought_at(0.0195, 0.02), short=DEFEND), "ROLL_DEBIT", "debit over cap"
    ),
    case(
        roll_pays,
        rolling(**bought_at(0.0194, 0.02), short={"delta": 0.4499}),
        "ROLL_DEBIT",
        "nothing to defend",
    ),
    case(roll_pays, rolling(**bought_at(0.0194, 0.02), short={"delta": NAN}), "ROLL_DEBIT", "nan"),
    case(
        roll_pays,
        rolling(quotes={SHORT: {"ask_coin": NAN, "ask_amount_coin": 0.0}}, short=DEFEND),
        "ROLL_DEBIT",
        "no price",
    ),
    case(roll_pays, closing(), None, "close"),
    case(roll_has_dwelt, rolling(), None, "no dwell asked"),
    *(
        case(
            roll_has_dwelt,
            rolling(limits_={"roll_dwell_s": 3600.0}, desk={"opened_at": {SHORT: opened_at}}),
            code,
            name,
        )
        for opened_at, code, name in (
            (NOW - 3600 * SECOND, None, "an hour of an hour"),
            (NOW - 3599 * SECOND, "ROLL_DWELL", "a second short"),
            (NOW + 7200 * SECOND, "ROLL_DWELL", "sold in the future"),
        )
    ),
    case(roll_has_dwelt, rolling(limits_={"roll_dwell_s": 1.0}), "ROLL_DWELL", "unknown"),
    case(
        roll_has_dwelt,
        rolling(limits_={"roll_dwell_s": NAN}, desk={"opened_at": {SHORT: NOW - 9 * SECOND}}),
        "ROLL_DWELL",
        "limit is nan",
    ),
    case(roll_has_dwelt, closing(limits_={"roll_dwell_s": 1.0}), None, "close"),
]


@pytest.mark.parametrize(("rule", "situation", "code"), [*ENTRY, *COLLAR, *ROLL])
def test_risk_rules(rule: Any, situation: Situation, code: str | None) -> None:
    judge(rule, situation, code)
