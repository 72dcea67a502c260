"""Each rule of the risk engine at its boundary: at the limit allowed, beyond or unknown denied."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, a_position, dec
from callwright.domain.desk import Breaker, BreakerName, TradingState
from callwright.guardrails.rules.collar import price_within_collar
from callwright.guardrails.rules.cover import cover_suffices
from callwright.guardrails.rules.entry import (
    delta_in_window,
    dte_in_window,
    premium_reaches_minimum,
)
from callwright.guardrails.rules.exposure import (
    expiry_exposure_within_limit,
    net_delta_within_limit,
)
from callwright.guardrails.rules.freshness import (
    clocks_agree,
    market_and_account_are_fresh,
    quotes_are_fresh,
)
from callwright.guardrails.rules.margin import margin_within_limit
from callwright.guardrails.rules.pace import open_has_cooled_down, orders_left_today
from callwright.guardrails.rules.roll import roll_goes_later_or_higher, roll_has_dwelt, roll_pays
from callwright.guardrails.rules.size import (
    size_fits_action,
    size_is_whole_lots,
    size_reaches_minimum,
)
from callwright.guardrails.rules.state import (
    daily_loss_within_limit,
    failures_below_limit,
    intents_are_resolved,
    trading_state_permits,
)
from callwright.guardrails.ruleset import run_rules
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

NAN = float("nan")
SECOND = timedelta(seconds=1)
DTE_SOLD = 263.5 / 24
"""From Monday 08:30 to Friday week 08:00: 10 days 23.5 hours."""


def ms(at: Any) -> int:
    return round(at.timestamp() * 1000)  # type: ignore[no-any-return]


def a_breaker(name: BreakerName, **changes: Any) -> Breaker:
    fields = {"name": name, "tripped_at": NOW - SECOND, "until": None, "facts": "equity_coin=0.9"}
    return Breaker(**(fields | changes))


def loss(**changes: Any) -> dict[str, Any]:
    return {"breakers": (a_breaker(BreakerName.DAILY_LOSS, **changes),)}


def case(rule: Any, situation: Situation, code: str | None, name: str) -> Any:
    return pytest.param(rule, situation, code, id=f"{rule.__name__}: {name}")


REDUCING = {"trading_state": TradingState.REDUCING, "trading_state_reason": "user: lunch"}
HALTED = {"trading_state": TradingState.HALTED, "trading_state_reason": "unreadable"}

STATE = [
    case(trading_state_permits, opening(), None, "active opens"),
    case(trading_state_permits, opening(desk=REDUCING), "TRADING_STATE_REDUCING", "no open"),
    case(trading_state_permits, rolling(desk=REDUCING), "TRADING_STATE_REDUCING", "no roll"),
    case(trading_state_permits, closing(desk=REDUCING), None, "reducing closes"),
    case(trading_state_permits, opening(desk=HALTED), "TRADING_STATE_HALTED", "halted, no open"),
    case(trading_state_permits, closing(desk=HALTED), "TRADING_STATE_HALTED", "halted, no close"),
    case(failures_below_limit, opening(desk={"failures_in_a_row": 2}), None, "2 of 3"),
    case(failures_below_limit, opening(desk={"failures_in_a_row": 3}), "FAILURES_IN_A_ROW", "3"),
    case(failures_below_limit, closing(desk={"failures_in_a_row": 9}), None, "close"),
    case(
        failures_below_limit,
        # The count is back at zero, but nobody has released the breaker.
        opening(desk={"breakers": (a_breaker(BreakerName.FAILURES_IN_A_ROW),)}),
        "FAILURES_IN_A_ROW",
        "a tripped breaker holds after the count is back at zero",
    ),
    case(daily_loss_within_limit, opening(), None, "unchanged equity"),
    # The day began with 1 coin and 5% may be lost: the floor is 0.95.
    case(daily_loss_within_limit, opening(coin={"equity_coin": dec("0.95")}), None, "at floor"),
    case(
        daily_loss_within_limit, opening(coin={"equity_coin": dec("0.9499")}), "DAILY_LOSS", "below"
    ),
    case(
        daily_loss_within_limit, rolling(coin={"equity_coin": dec("0.9499")}), "DAILY_LOSS", "roll"
    ),
    case(daily_loss_within_limit, closing(coin={"equity_coin": dec("0.1")}), None, "close"),
    case(
        daily_loss_within_limit,
        opening(desk={"day_open_equity_coin": {}}),
        "DAY_OPEN_UNKNOWN",
        "unknown start of day",
    ),
    case(daily_loss_within_limit, opening(desk=loss()), "DAILY_LOSS", "tripped, equity recovered"),
    case(
        daily_loss_within_limit, opening(desk=loss(underlying="BTC")), "DAILY_LOSS", "this coin's"
    ),
    case(daily_loss_within_limit, opening(desk=loss(underlying="ETH")), None, "another coin's"),
    case(
        daily_loss_within_limit,
        opening(desk=loss(until=NOW + SECOND)),
        "DAILY_LOSS",
        "one second before its end",
    ),
    case(daily_loss_within_limit, opening(desk=loss(until=NOW)), None, "its time is over"),
    case(
        intents_are_resolved,
        opening(unresolved=[an_unresolved_sell()]),
        "INTENT_UNRESOLVED",
        "unresolved sell",
    ),
    case(
        intents_are_resolved,
        rolling(unresolved=[an_unresolved_sell(side="buy")]),
        "INTENT_UNRESOLVED",
        "unresolved buy",
    ),
    case(
        intents_are_resolved,
        opening(unresolved=[an_unresolved_sell("ETH-16JAN26-4400-C")]),
        None,
        "of another coin",
    ),
    case(intents_are_resolved, closing(unresolved=[an_unresolved_sell()]), None, "close"),
]

FRESHNESS = [
    case(market_and_account_are_fresh, opening(market_age_s=60.0), None, "60 of 60 s"),
    case(market_and_account_are_fresh, opening(market_age_s=60.001), "DATA_STALE", "older"),
    case(market_and_account_are_fresh, closing(market_age_s=60.001), "DATA_STALE", "close too"),
    case(market_and_account_are_fresh, opening(market_age_s=-1.0), None, "1 s ahead: drift"),
    case(market_and_account_are_fresh, opening(market_age_s=-1.001), "DATA_STALE", "from future"),
    case(market_and_account_are_fresh, opening(account_age_s=60.0), None, "account 60 s"),
    case(market_and_account_are_fresh, opening(account_age_s=60.001), "DATA_STALE", "old account"),
    case(
        market_and_account_are_fresh,
        opening(account_age_s=-1.001),
        "DATA_STALE",
        "account from future",
    ),
    case(
        # By the venue's clock 60 s old, by ours 61.
        market_and_account_are_fresh,
        opening(market_age_s=60.0, drift_s=1.0),
        "DATA_STALE",
        "old by our clock",
    ),
    case(
        market_and_account_are_fresh,
        opening(limits_={"market_age_max_s": NAN}),
        "DATA_STALE",
        "limit is nan",
    ),
    case(clocks_agree, opening(drift_s=1.0), None, "1 s ahead"),
    case(clocks_agree, opening(drift_s=-1.0), None, "1 s behind"),
    case(clocks_agree, opening(drift_s=1.001), "CLOCK_DRIFT", "further ahead"),
    case(clocks_agree, opening(drift_s=-1.001), "CLOCK_DRIFT", "further behind"),
    case(clocks_agree, closing(drift_s=-3600.0), "CLOCK_DRIFT", "an hour, close"),
    case(clocks_agree, opening(limits_={"clock_drift_max_s": NAN}), "CLOCK_DRIFT", "limit is nan"),
    case(quotes_are_fresh, opening(quotes={SOLD: {"as_of_ms": ms(NOW - 60 * SECOND)}}), None, "60"),
    case(
        quotes_are_fresh,
        opening(quotes={SOLD: {"as_of_ms": ms(NOW - 60.001 * SECOND)}}),
        "QUOTE_STALE",
        "older",
    ),
    case(
        quotes_are_fresh,
        opening(quotes={SOLD: {"as_of_ms": ms(NOW + 1.001 * SECOND)}}),
        "QUOTE_STALE",
        "from future",
    ),
    case(
        quotes_are_fresh,
        rolling(quotes={SHORT: {"as_of_ms": ms(NOW - 61 * SECOND)}}),
        "QUOTE_STALE",
        "either leg",
    ),
    case(
        quotes_are_fresh,
        closing(quotes={SHORT: {"as_of_ms": ms(NOW - 61 * SECOND)}}),
        "QUOTE_STALE",
        "close too",
    ),
    case(quotes_are_fresh, opening(symbol="BTC-16JAN26-123000-C"), "QUOTE_STALE", "no quote"),
]

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


def bought_at(ask: float, mark: float) -> dict[str, Any]:
    return {"quotes": {SHORT: {"ask_coin": ask, "mark_coin": mark}}}


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

PACE = [
    case(orders_left_today, opening(desk={"orders_today": 7}), None, "the eighth of 8"),
    case(orders_left_today, opening(desk={"orders_today": 8}), "ORDERS_PER_DAY", "the ninth"),
    case(orders_left_today, rolling(desk={"orders_today": 6}), None, "a roll is two"),
    case(orders_left_today, rolling(desk={"orders_today": 7}), "ORDERS_PER_DAY", "two, one left"),
    case(orders_left_today, closing(desk={"orders_today": 99}), None, "closing is free"),
    case(open_has_cooled_down, opening(limits_={"open_cooldown_s": 60.0}), None, "first open"),
    *(
        case(
            open_has_cooled_down,
            opening(limits_={"open_cooldown_s": 60.0}, desk={"last_open_at": {"BTC": at}}),
            code,
            name,
        )
        for at, code, name in (
            (NOW - 60 * SECOND, None, "60 of 60 s"),
            (NOW - 59 * SECOND, "COOLDOWN_ACTIVE", "59 s"),
            (NOW + SECOND, "COOLDOWN_ACTIVE", "sold in the future"),
        )
    ),
    case(
        open_has_cooled_down,
        opening(limits_={"open_cooldown_s": 60.0}, desk={"last_open_at": {"ETH": NOW}}),
        None,
        "of another coin",
    ),
    case(
        open_has_cooled_down,
        opening(limits_={"open_cooldown_s": NAN}, desk={"last_open_at": {"BTC": NOW - SECOND}}),
        "COOLDOWN_ACTIVE",
        "limit is nan",
    ),
    case(
        open_has_cooled_down,
        rolling(limits_={"open_cooldown_s": 60.0}, desk={"last_open_at": {"BTC": NOW}}),
        None,
        "a roll has its dwell instead",
    ),
]


@pytest.mark.parametrize(
    ("rule", "situation", "code"),
    [*STATE, *FRESHNESS, *SIZE, *COVER, *MARGIN, *EXPOSURE, *ENTRY, *COLLAR, *ROLL, *PACE],
)
def test_risk_rules(rule: Any, situation: Situation, code: str | None) -> None:
    verdict = run_rules([rule], situation.x)
    assert verdict.code == code
    assert verdict.allowed is (code is None)
    assert code is None or verdict.reasons[0].facts, "a denial states its facts"


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
