"""The risk engine on the size of a trade and the coin that covers it, at each boundary."""

from __future__ import annotations

from typing import Any

import pytest

from builders import a_position, dec
from callwright.guardrails.rules.cover import cover_suffices
from callwright.guardrails.rules.size import (
    size_fits_action,
    size_is_whole_lots,
    size_reaches_minimum,
)
from rule_cases import NAN, case, judge
from situations import (
    OTHER,
    SHORT,
    Situation,
    a_resting_order,
    an_unresolved_sell,
    closing,
    opening,
    rolling,
)

SIZE = [
    case(size_fits_action, opening(), None, "open sells"),
    case(size_fits_action, rolling(), None, "roll does both"),
    case(size_fits_action, closing(), None, "close buys"),
    case(size_fits_action, opening(buy="0.1"), "SIZE_LEG_UNEXPECTED", "open buys"),
    case(size_fits_action, closing(sell="0.1"), "SIZE_LEG_UNEXPECTED", "close sells"),
    case(size_fits_action, closing(buy="0.2"), "SIZE_ABOVE_POSITION", "more than is short"),
    case(size_fits_action, closing(buy="0.2", short_amount="0.2"), None, "all that is short"),
    case(size_fits_action, closing(symbol=OTHER), "SIZE_ABOVE_POSITION", "nothing is short"),
    case(size_fits_action, rolling(sell="0.2"), "ROLL_SELLS_MORE", "roll grows"),
    case(
        size_fits_action,
        rolling(sell="0.1", buy="0.2", short_amount="0.2"),
        None,
        "roll shrinks",
    ),
    case(size_reaches_minimum, opening(sell="0.1"), None, "at the minimum"),
    case(size_reaches_minimum, opening(sell="0.0999"), "SIZE_BELOW_MINIMUM", "just below"),
    case(size_reaches_minimum, opening(sell="0"), "SIZE_BELOW_MINIMUM", "zero"),
    case(size_reaches_minimum, rolling(sell="0"), "SIZE_BELOW_MINIMUM", "roll sells zero"),
    case(size_reaches_minimum, rolling(buy="0"), "SIZE_BELOW_MINIMUM", "roll buys zero"),
    case(size_reaches_minimum, closing(buy="0"), "SIZE_BELOW_MINIMUM", "close of zero"),
    case(size_is_whole_lots, opening(sell="0.3"), None, "three lots"),
    case(size_is_whole_lots, opening(sell="0.15"), "SIZE_OFF_LOT", "one and a half"),
    case(size_is_whole_lots, rolling(buy="0.15"), "SIZE_OFF_LOT", "either leg"),
]

COVER = [
    case(cover_suffices, opening(sell="1"), None, "all of 1 coin"),
    case(cover_suffices, opening(sell="1.1"), "COVER_EXCEEDED", "a lot too many"),
    case(
        cover_suffices,
        opening(sell="0.5", positions=[a_position(OTHER, "-0.5")]),
        None,
        "a foreign short leaves half",
    ),
    case(
        cover_suffices,
        opening(sell="0.6", positions=[a_position(OTHER, "-0.5")]),
        "COVER_EXCEEDED",
        "a foreign short counts",
    ),
    case(
        cover_suffices, opening(sell="1", resting=[a_resting_order()]), "COVER_EXCEEDED", "resting"
    ),
    case(
        cover_suffices,
        opening(sell="1", unresolved=[an_unresolved_sell()]),
        "COVER_EXCEEDED",
        "unresolved",
    ),
    # Golden: 0.5 short on 0.5 coin, bought back at a loss for 0.04:
    # fee 0.5 × min(0.0003, 0.125 × 0.04) = 0.00015; cost 0.5 × 0.04 + 0.00015 = 0.02015;
    # free 0.5 − 0.5 + 0.5 − 0.02015 = 0.47985. So 0.4 may be sold and 0.5 may not.
    *(
        case(
            cover_suffices,
            rolling(
                sell=sell,
                buy="0.5",
                short_amount="0.5",
                coin={"balance_coin": dec("0.5")},
                quotes={SHORT: {"ask_coin": 0.04, "mark_coin": 0.039}},
            ),
            code,
            f"roll at a loss sells {sell} of 0.47985",
        )
        for sell, code in (("0.4", None), ("0.47985", None), ("0.47986", "COVER_EXCEEDED"))
    ),
    case(
        cover_suffices,
        rolling(quotes={SHORT: {"ask_coin": NAN, "ask_amount_coin": 0.0}}, coin={}),
        "RULE_RAISED",
        "a buy-back without a price",
    ),
    case(cover_suffices, closing(coin={"balance_coin": dec("-1")}), None, "close"),
]


@pytest.mark.parametrize(("rule", "situation", "code"), [*SIZE, *COVER])
def test_risk_rules(rule: Any, situation: Situation, code: str | None) -> None:
    judge(rule, situation, code)
