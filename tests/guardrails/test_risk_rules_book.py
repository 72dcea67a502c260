"""The risk engine on the book after a trade: margin, net delta and what one expiry carries."""

from __future__ import annotations

from typing import Any

import pytest

from builders import a_position, dec
from callwright.guardrails.rules.exposure import (
    expiry_exposure_within_limit,
    net_delta_within_limit,
)
from callwright.guardrails.rules.margin import margin_within_limit
from rule_cases import NAN, case, judge
from situations import (
    OTHER,
    SHORT,
    SOLD,
    Situation,
    a_resting_order,
    an_unresolved_sell,
    closing,
    opening,
    rolling,
)

# Golden: the account holds 0.30; an unresolved sell of 0.2 needs 0.022; selling 0.5 at 0.1055 a
# coin needs 0.05275; buying back 0.1 of a short 0.2 that holds 0.022 releases 0.011.
# Initial margin 0.30 + 0.022 + 0.05275 − 0.011 = 0.36375.
# Margin balance 1 − (0.1 × 0.0085 + 0.1 × 0.0003) = 0.99912. Used 0.36375 / 0.99912 = 0.364070….
GOLDEN_MARGIN: dict[str, Any] = {
    "sell": "0.5",
    "buy": "0.1",
    "short_amount": "0.2",
    "coin": {"initial_margin_coin": dec("0.30")},
    "unresolved": [an_unresolved_sell(OTHER, "0.2")],
}

MARGIN = [
    case(
        margin_within_limit,
        rolling(**GOLDEN_MARGIN, limits_={"margin_used_frac_max": 0.36408}),
        None,
        "golden, limit just above",
    ),
    case(
        margin_within_limit,
        rolling(**GOLDEN_MARGIN, limits_={"margin_used_frac_max": 0.36407}),
        "MARGIN_ABOVE_MAXIMUM",
        "golden, limit just below",
    ),
    # 0.38945 + 0.01055 = 0.4 of 1.
    case(
        margin_within_limit, opening(coin={"initial_margin_coin": dec("0.38945")}), None, "at limit"
    ),
    case(
        margin_within_limit,
        opening(coin={"initial_margin_coin": dec("0.38946")}),
        "MARGIN_ABOVE_MAXIMUM",
        "just over",
    ),
    case(
        margin_within_limit,
        opening(coin={"margin_balance_coin": dec(0)}),
        "MARGIN_ABOVE_MAXIMUM",
        "no margin balance",
    ),
    case(
        margin_within_limit,
        opening(coin={"margin_balance_coin": dec(-1), "initial_margin_coin": dec(-9)}),
        "MARGIN_ABOVE_MAXIMUM",
        "negative over negative is no fraction",
    ),
    case(
        margin_within_limit,
        opening(candidate={"margin_initial_coin": None}),
        "MARGIN_UNKNOWN",
        "the venue did not say",
    ),
    case(margin_within_limit, opening(symbol=OTHER), "MARGIN_UNKNOWN", "no candidate"),
    case(
        margin_within_limit,
        opening(limits_={"margin_used_frac_max": NAN}),
        "RULE_RAISED",
        "limit is nan",
    ),
    case(margin_within_limit, closing(coin={"margin_balance_coin": dec(0)}), None, "close"),
]

# Golden: the book has −0.11 (0.5 × 0.22 short), a resting sale of 0.2 more of SOLD −0.044, this
# sale of 0.1 at 0.22 −0.022: −0.176 in all. A roll also gets 0.1 × 0.30 back: −0.146.
GOLDEN_DELTA: dict[str, Any] = {"net_delta": -0.11, "resting": [a_resting_order(SOLD, "0.2")]}


def delta_limit(btc: object) -> dict[str, Any]:
    return {"net_delta_abs_max": {"BTC": dec(btc)}}


EXPOSURE = [
    case(net_delta_within_limit, opening(**GOLDEN_DELTA, limits_=delta_limit("0.1761")), None, "a"),
    case(
        net_delta_within_limit,
        opening(**GOLDEN_DELTA, limits_=delta_limit("0.1759")),
        "NET_DELTA_ABOVE_MAXIMUM",
        "golden open, limit just below",
    ),
    case(net_delta_within_limit, rolling(**GOLDEN_DELTA, limits_=delta_limit("0.1461")), None, "b"),
    case(
        net_delta_within_limit,
        rolling(**GOLDEN_DELTA, limits_=delta_limit("0.1459")),
        "NET_DELTA_ABOVE_MAXIMUM",
        "golden roll, limit just below",
    ),
    # Powers of two, so that the sum is exact: −0.25 − 0.5 × 0.5 = −0.5.
    case(
        net_delta_within_limit,
        opening(sell="0.5", candidate={"delta": 0.5}, net_delta=-0.25),
        None,
        "at the limit",
    ),
    case(
        net_delta_within_limit,
        opening(sell="0.5", candidate={"delta": 0.5}, net_delta=-0.2500001),
        "NET_DELTA_ABOVE_MAXIMUM",
        "just over",
    ),
    case(
        net_delta_within_limit,
        opening(net_delta=0.6),
        "NET_DELTA_ABOVE_MAXIMUM",
        "long beyond the limit",
    ),
    case(
        # Long 0.6 less a resting sale that would bring it under the limit, but may never fill.
        net_delta_within_limit,
        opening(net_delta=0.6, resting=[a_resting_order(SOLD, "1")]),
        "NET_DELTA_ABOVE_MAXIMUM",
        "hoped-for sales do not help",
    ),
    case(
        # Selling a put adds delta: it may not make room for a call.
        net_delta_within_limit,
        opening(net_delta=-0.5, resting=[a_resting_order("BTC-16JAN26-100000-P", "1")]),
        "NET_DELTA_ABOVE_MAXIMUM",
        "nor does a sale of puts",
    ),
    case(
        net_delta_within_limit,
        # 110000 in 10.98 days at 50%: N(d1) is about 0.14; one coin of it takes −0.4 beyond −0.5.
        opening(net_delta=-0.4, resting=[a_resting_order(OTHER, "1")]),
        "NET_DELTA_ABOVE_MAXIMUM",
        "delta of what is not scanned comes from its mark IV",
    ),
    case(net_delta_within_limit, opening(net_delta=None), "NET_DELTA_UNKNOWN", "unknown book"),
    case(net_delta_within_limit, opening(net_delta=NAN), "NET_DELTA_ABOVE_MAXIMUM", "nan book"),
    case(
        net_delta_within_limit,
        opening(candidate={"delta": NAN}),
        "NET_DELTA_ABOVE_MAXIMUM",
        "nan candidate",
    ),
    case(
        net_delta_within_limit,
        opening(resting=[a_resting_order("BTC-PERPETUAL", "10")]),
        "NET_DELTA_UNKNOWN",
        "resting sale of a future",
    ),
    case(
        net_delta_within_limit,
        opening(unresolved=[an_unresolved_sell("BTC-16JAN26-123000-C")]),
        "NET_DELTA_UNKNOWN",
        "unresolved sale of an unlisted option",
    ),
    case(
        net_delta_within_limit,
        opening(symbol="BTC-16JAN26-123000-C"),
        "NET_DELTA_UNKNOWN",
        "unlisted",
    ),
    case(
        net_delta_within_limit, opening(limits_={"net_delta_abs_max": {}}), "LIMIT_MISSING", "none"
    ),
    case(net_delta_within_limit, closing(net_delta=None), None, "close"),
    case(
        expiry_exposure_within_limit,
        opening(sell="0.1", positions=[a_position(OTHER, "-0.4")]),
        None,
        "0.5 of 0.5",
    ),
    case(
        expiry_exposure_within_limit,
        opening(sell="0.2", positions=[a_position(OTHER, "-0.4")]),
        "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
        "0.6 of 0.5",
    ),
    case(
        expiry_exposure_within_limit,
        opening(sell="0.2", positions=[a_position(SHORT, "-0.4")]),
        None,
        "another expiry does not count",
    ),
    case(
        expiry_exposure_within_limit,
        opening(sell="0.2", resting=[a_resting_order(OTHER, "0.4")]),
        "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
        "resting",
    ),
    case(
        expiry_exposure_within_limit,
        opening(sell="0.2", unresolved=[an_unresolved_sell(OTHER, "0.4")]),
        "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
        "unresolved",
    ),
    case(
        expiry_exposure_within_limit,
        # Bought back in the same expiry: 0.5 − 0.5 + 0.5.
        rolling(
            from_symbol=OTHER,
            sell="0.5",
            buy="0.5",
            positions=[a_position(OTHER, "-0.5")],
        ),
        None,
        "a roll up within its expiry",
    ),
    case(
        expiry_exposure_within_limit,
        rolling(sell="0.1", positions=[a_position(OTHER, "-0.5")]),
        "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
        "a roll out adds to the new expiry",
    ),
    case(
        expiry_exposure_within_limit,
        opening(limits_={"expiry_exposure_max_coin": {"ETH": dec(5)}}),
        "LIMIT_MISSING",
        "no limit",
    ),
    case(
        expiry_exposure_within_limit,
        closing(limits_={"expiry_exposure_max_coin": {}}),
        None,
        "close",
    ),
]


@pytest.mark.parametrize(("rule", "situation", "code"), [*MARGIN, *EXPOSURE])
def test_risk_rules(rule: Any, situation: Situation, code: str | None) -> None:
    judge(rule, situation, code)


def test_facts_are_the_numbers_of_the_comparison() -> None:
    verdict = margin_within_limit(rolling(**GOLDEN_MARGIN, limits_={"margin_used_frac_max": 0.1}).x)
    assert verdict.reasons[0].facts == {
        "margin_used_frac": pytest.approx(0.364070, abs=5e-7),
        "margin_used_frac_max": 0.1,
        "initial_margin_coin": 0.36375,
        "margin_balance_coin": 0.99912,
    }
    verdict = net_delta_within_limit(opening(**GOLDEN_DELTA, limits_=delta_limit("0.1")).x)
    assert verdict.reasons[0].facts == {
        "net_delta_lowest": pytest.approx(-0.176),
        "net_delta_highest": pytest.approx(-0.132),
        "net_delta_abs_max": 0.1,
    }
    assert str(opening(sell="0.15").approve().risk.reasons[0]) == (  # type: ignore[union-attr]
        "SIZE_OFF_LOT side=sell amount_coin=0.15 lot_coin=0.1"
    )
