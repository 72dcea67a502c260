"""Every rule is needed: for each there is a proposal that only this rule keeps from trading."""

from __future__ import annotations

import pytest

from builders import NOW, a_candidate, a_position, a_scan, a_short_call, dec
from callwright.domain.base import to_ms
from callwright.domain.desk import Breaker, BreakerName
from callwright.guardrails import approval
from callwright.guardrails.ruleset import GUARDRAIL_RULES, RISK_RULES, run_rules
from situations import OTHER, SHORT, SOLD, Situation, an_unresolved_sell, closing, opening, rolling

PUT = "BTC-16JAN26-90000-P"
LOWER = "BTC-9JAN26-102000-C"
EXPIRED = "BTC-5JAN26-104000-C"
DAILY_LOSS = Breaker(name=BreakerName.DAILY_LOSS, tripped_at=NOW, until=None, facts="")

ONLY_IN_THE_GUARDRAIL: dict[str, tuple[Situation, str]] = {
    "on_known_underlying": (opening(underlying="DOGE"), "UNDERLYING_UNKNOWN"),
    "sold_symbol_is_candidate": (opening(symbol=OTHER), "SYMBOL_NOT_CANDIDATE"),
    "bought_symbol_is_open_short": (closing(symbol=OTHER), "SYMBOL_NOT_OPEN_SHORT"),
    "roll_changes_symbol": (
        rolling(from_symbol=SOLD, positions=[a_position(SOLD, "-0.1")]),
        "ROLL_SAME_SYMBOL",
    ),
    "is_inverse_call": (
        opening(symbol=PUT, scan=a_scan(candidates=[a_candidate(PUT)])),
        "NOT_A_CALL",
    ),
    "not_expired": (
        closing(symbol=EXPIRED, extra_names=[EXPIRED], positions=[a_position(EXPIRED, "-0.1")]),
        "INSTRUMENT_EXPIRED",
    ),
    "quote_is_live": (opening(quotes={SOLD: {"ask_coin": 0.0095}}), "QUOTE_CROSSED"),
}

ONLY_IN_THE_RISK_ENGINE: dict[str, tuple[Situation, str]] = {
    "trading_state_permits": (
        opening(desk={"trading_state": "REDUCING"}),
        "TRADING_STATE_REDUCING",
    ),
    "failures_below_limit": (opening(desk={"failures_in_a_row": 3}), "FAILURES_IN_A_ROW"),
    "daily_loss_within_limit": (opening(desk={"breakers": (DAILY_LOSS,)}), "DAILY_LOSS"),
    "intents_are_resolved": (
        # A buy takes no cover, margin or delta, and still may be live unseen.
        opening(unresolved=[an_unresolved_sell(side="buy")]),
        "INTENT_UNRESOLVED",
    ),
    "market_and_account_are_fresh": (opening(account_age_s=61.0), "DATA_STALE"),
    "clocks_agree": (opening(drift_s=-2.0), "CLOCK_DRIFT"),
    "quotes_are_fresh": (
        opening(quotes={SOLD: {"as_of_ms": to_ms(NOW) - 61_000}}),
        "QUOTE_STALE",
    ),
    "size_fits_action": (rolling(sell="0.2"), "ROLL_SELLS_MORE"),
    "size_reaches_minimum": (opening(sell=0), "SIZE_BELOW_MINIMUM"),
    "size_is_whole_lots": (opening(sell="0.15"), "SIZE_OFF_LOT"),
    "no_put_is_short": (
        opening(positions=[a_position("BTC-16JAN26-90000-P", "-0.1")]),
        "SHORT_PUT_HELD",
    ),
    "cover_suffices": (
        opening(sell="0.2", coin={"balance_coin": dec("0.1")}),
        "COVER_EXCEEDED",
    ),
    "margin_within_limit": (
        opening(coin={"initial_margin_coin": dec("0.39")}),
        "MARGIN_ABOVE_MAXIMUM",
    ),
    "net_delta_within_limit": (opening(net_delta=-0.49), "NET_DELTA_ABOVE_MAXIMUM"),
    "expiry_exposure_within_limit": (
        opening(positions=[a_position(OTHER, "-0.45")]),
        "EXPIRY_EXPOSURE_ABOVE_MAXIMUM",
    ),
    "delta_in_window": (opening(candidate={"delta": 0.41}), "DELTA_OUTSIDE_WINDOW"),
    "dte_in_window": (opening(limits_={"dte_open_max_days": 10.9}), "DTE_OUTSIDE_WINDOW"),
    "premium_reaches_minimum": (
        opening(limits_={"premium_min_coin": dec("0.0098")}),
        "PREMIUM_BELOW_MINIMUM",
    ),
    "price_within_collar": (
        opening(quotes={SOLD: {"mark_coin": 0.0130}}),
        "PRICE_OUTSIDE_COLLAR",
    ),
    "roll_goes_later_or_higher": (
        # Lower and richer in the same expiry: it pays, and takes more risk.
        rolling(
            symbol=LOWER,
            scan=a_scan(candidates=[a_candidate(LOWER)], shorts=[a_short_call(SHORT, "0.1")]),
            quotes={LOWER: {"bid_coin": 0.0145, "mark_coin": 0.0150, "ask_coin": 0.0155}},
        ),
        "ROLL_NOT_LATER_OR_HIGHER",
    ),
    "roll_pays": (rolling(limits_={"roll_credit_min_coin": dec("0.001")}), "ROLL_DEBIT"),
    "roll_has_dwelt": (
        rolling(limits_={"roll_dwell_s": 60.0}, desk={"opened_at": {SHORT: NOW}}),
        "ROLL_DWELL",
    ),
    "orders_left_today": (opening(desk={"orders_today": 8}), "ORDERS_PER_DAY"),
    "open_has_cooled_down": (
        opening(limits_={"open_cooldown_s": 60.0}, desk={"last_open_at": {"BTC": NOW}}),
        "COOLDOWN_ACTIVE",
    ),
}


def test_the_tables_name_every_rule() -> None:
    assert list(ONLY_IN_THE_GUARDRAIL) == [rule.__name__ for rule in GUARDRAIL_RULES]
    assert list(ONLY_IN_THE_RISK_ENGINE) == [rule.__name__ for rule in RISK_RULES]


@pytest.mark.parametrize("name", ONLY_IN_THE_GUARDRAIL)
def test_only_this_guardrail_rule_denies(name: str) -> None:
    situation, code = ONLY_IN_THE_GUARDRAIL[name]
    outcome = situation.approve()
    assert outcome.guardrail.codes == (code,)
    assert outcome.risk is None
    assert outcome.trade is None

    others = [rule for rule in GUARDRAIL_RULES if rule.__name__ != name]
    assert run_rules(others, situation.x).allowed


@pytest.mark.parametrize("name", ONLY_IN_THE_RISK_ENGINE)
def test_only_this_risk_rule_denies(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    situation, code = ONLY_IN_THE_RISK_ENGINE[name]
    outcome = situation.approve()
    assert outcome.risk is not None
    assert outcome.risk.codes == (code,)
    assert outcome.trade is None

    others = tuple(rule for rule in RISK_RULES if rule.__name__ != name)
    monkeypatch.setattr(approval, "RISK_RULES", others)
    assert situation.approve().trade is not None, "without the rule the order would be sent"
