"""The gates as a whole: their order, what they do when a rule fails, what a close may skip."""

from __future__ import annotations

from typing import Any

import pytest

from builders import dec
from callwright.domain.verdict import ApprovedTrade, Verdict
from callwright.guardrails import approval
from callwright.guardrails.rule_input import RuleInput
from callwright.guardrails.ruleset import GUARDRAIL_RULES, RISK_RULES, run_rules
from situations import SHORT, Situation, closing, opening, rolling


def test_the_order_of_the_rules_is_fixed() -> None:
    assert [rule.__name__ for rule in GUARDRAIL_RULES] == [
        "on_known_underlying",
        "sold_symbol_is_candidate",
        "bought_symbol_is_open_short",
        "roll_changes_symbol",
        "is_inverse_call",
        "not_expired",
        "quote_is_live",
    ]
    assert [rule.__name__ for rule in RISK_RULES] == [
        "trading_state_permits",
        "failures_below_limit",
        "daily_loss_within_limit",
        "intents_are_resolved",
        "market_and_account_are_fresh",
        "clocks_agree",
        "quotes_are_fresh",
        "size_fits_action",
        "size_reaches_minimum",
        "size_is_whole_lots",
        "no_put_is_short",
        "cover_suffices",
        "margin_within_limit",
        "net_delta_within_limit",
        "expiry_exposure_within_limit",
        "delta_in_window",
        "dte_in_window",
        "premium_reaches_minimum",
        "price_within_collar",
        "roll_goes_later_or_higher",
        "roll_pays",
        "roll_has_dwelt",
        "orders_left_today",
        "open_has_cooled_down",
    ]


@pytest.mark.parametrize("situation", [opening(), rolling(), closing()])
def test_what_both_gates_allow_becomes_a_trade(situation: Situation) -> None:
    outcome = situation.approve()
    assert outcome.trade == ApprovedTrade(
        situation.proposal, situation.sizing, Verdict.allow(), Verdict.allow()
    )
    assert outcome.guardrail.allowed
    assert outcome.risk is not None
    assert outcome.risk.allowed


def raises_a_secret(x: RuleInput) -> Verdict:
    raise KeyError("api_key=s3cr3t")


def denies_without_reason(x: RuleInput) -> Verdict:
    return Verdict(allowed=False)


def answers_nothing(x: RuleInput) -> Any:
    return None


@pytest.mark.parametrize("rule_set", ["GUARDRAIL_RULES", "RISK_RULES"])
def test_a_rule_that_raises_denies_and_names_no_text(
    rule_set: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (*getattr(approval, rule_set), raises_a_secret)
    monkeypatch.setattr(approval, rule_set, rules)
    outcome = opening().approve()
    verdict = outcome.guardrail if rule_set == "GUARDRAIL_RULES" else outcome.risk
    assert verdict is not None
    assert [str(reason) for reason in verdict.reasons] == [
        "RULE_RAISED rule=raises_a_secret error=KeyError"
    ]
    assert outcome.trade is None


@pytest.mark.parametrize("rule", [denies_without_reason, answers_nothing])
def test_a_rule_that_answers_badly_denies(rule: Any) -> None:
    assert not run_rules([rule], opening().x).allowed


def test_the_other_rules_are_still_asked_after_one_raised() -> None:
    codes = run_rules([raises_a_secret, *RISK_RULES], opening(sell="0.15").x).codes
    assert codes == ("RULE_RAISED", "SIZE_OFF_LOT")


def test_missing_data_deny_in_both_gates() -> None:
    situation = opening()
    object.__setattr__(situation.snapshot, "venue_time", None)
    outcome = situation.approve()
    assert outcome.trade is None
    assert outcome.risk is not None
    assert set(outcome.risk.codes) == {"RULE_RAISED"}

    situation = opening()
    object.__setattr__(situation.snapshot, "market", None)
    outcome = situation.approve()
    assert set(outcome.guardrail.codes) == {"RULE_RAISED"}
    assert outcome.trade is None


def test_a_close_stays_possible_when_every_limit_is_broken() -> None:
    broken = closing(
        net_delta=None,
        short={"delta": 0.99},
        coin={
            "balance_coin": dec("0.05"),
            "margin_balance_coin": dec("0.01"),
            "initial_margin_coin": dec("0.5"),
            "equity_coin": dec("-0.5"),
        },
        desk={"orders_today": 99, "failures_in_a_row": 99, "trading_state": "REDUCING"},
        limits_={"net_delta_abs_max": {}, "expiry_exposure_max_coin": {}},
        quotes={SHORT: {"ask_coin": 0.0150}},
    )
    assert broken.approve().trade is not None
