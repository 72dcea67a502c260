"""The risk engine on the desk, its data and its pace: at the limit allowed, beyond it denied."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW, dec
from callwright.domain.desk import Breaker, BreakerName, TradingState
from callwright.guardrails.rules.freshness import (
    clocks_agree,
    market_and_account_are_fresh,
    quotes_are_fresh,
)
from callwright.guardrails.rules.pace import open_has_cooled_down, orders_left_today
from callwright.guardrails.rules.state import (
    daily_loss_within_limit,
    failures_below_limit,
    intents_are_resolved,
    trading_state_permits,
)
from rule_cases import NAN, SECOND, case, judge
from situations import SHORT, SOLD, Situation, an_unresolved_sell, closing, opening, rolling


def ms(at: Any) -> int:
    return round(at.timestamp() * 1000)  # type: ignore[no-any-return]


def a_breaker(name: BreakerName, **changes: Any) -> Breaker:
    fields = {"name": name, "tripped_at": NOW - SECOND, "until": None, "facts": "equity_coin=0.9"}
    return Breaker(**(fields | changes))


def loss(**changes: Any) -> dict[str, Any]:
    return {"breakers": (a_breaker(BreakerName.DAILY_LOSS, **changes),)}


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


@pytest.mark.parametrize(("rule", "situation", "code"), [*STATE, *FRESHNESS, *PACE])
def test_risk_rules(rule: Any, situation: Situation, code: str | None) -> None:
    judge(rule, situation, code)
