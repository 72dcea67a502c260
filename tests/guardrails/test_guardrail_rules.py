"""Is it a legal proposal? Each rule of the guardrail at its boundary, and what is no proposal."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from builders import NOW, a_candidate, a_market, a_position, a_scan, an_underlying_market
from callwright.domain.decision import DoNothing, Sizing
from callwright.guardrails.approval import approve, precheck
from callwright.guardrails.rules import legality
from situations import OTHER, SHORT, SOLD, Situation, closing, opening, rolling

PUT = "BTC-16JAN26-90000-P"
EXPIRED = "BTC-5JAN26-104000-C"
"""Expired half an hour before NOW, not settled yet."""
NAN = float("nan")


def reasons_of(proposal: Any) -> tuple[str, ...]:
    s = opening()
    approval = approve(proposal, snapshot=s.snapshot, scan=s.scan, sizing=s.sizing, limits=s.limits)
    assert approval.risk is None, "the risk engine is not asked about what is no proposal"
    assert approval.trade is None
    return approval.guardrail.codes


GOOD: dict[str, Any] = {
    "action": "OPEN_COVERED_CALL",
    "params": {"underlying": "BTC", "symbol": SOLD},
}


@pytest.mark.parametrize(
    ("proposal", "codes"),
    [
        pytest.param(None, ("PROPOSAL_INVALID",), id="nothing"),
        pytest.param(7, ("PROPOSAL_INVALID",), id="a-number"),
        pytest.param([GOOD], ("PROPOSAL_INVALID",), id="a-list"),
        pytest.param("sell some calls", ("PROPOSAL_INVALID",), id="prose"),
        pytest.param(b"\xff\xfe", ("PROPOSAL_INVALID",), id="bytes-that-are-no-text"),
        pytest.param("\ud800", ("PROPOSAL_INVALID",), id="half-a-character"),
        pytest.param("[" * 100_000, ("PROPOSAL_INVALID",), id="nested-without-end"),
        pytest.param('{"action": "OPEN_', ("PROPOSAL_INVALID",), id="cut-off"),
        pytest.param("```json\n" + json.dumps(GOOD) + "\n```", ("PROPOSAL_INVALID",), id="fenced"),
        pytest.param({}, ("PROPOSAL_INVALID",), id="no-action"),
        pytest.param({"action": "OPEN_COVERED_CALL"}, ("PROPOSAL_INVALID",), id="no-params"),
        pytest.param(GOOD | {"params": None}, ("PROPOSAL_INVALID",), id="null-params"),
        pytest.param(
            GOOD | {"params": GOOD["params"] | {"strike": 1}}, ("PROPOSAL_INVALID",), id="extra"
        ),
        pytest.param(
            GOOD | {"params": GOOD["params"] | {"symbol": 7}},
            ("PROPOSAL_INVALID",),
            id="wrong-type",
        ),
        pytest.param(GOOD | {"action": "SELL_PUT"}, ("ACTION_UNKNOWN",), id="unknown-action"),
        pytest.param(GOOD | {"action": "open_covered_call"}, ("ACTION_UNKNOWN",), id="lower-case"),
        pytest.param(GOOD | {"action": ["x"]}, ("ACTION_UNKNOWN",), id="action-is-a-list"),
        pytest.param(
            GOOD | {"params": GOOD["params"] | {"size": 0.1}}, ("SIZE_FROM_MODEL",), id="size"
        ),
        pytest.param(
            GOOD | {"params": GOOD["params"] | {"amount_coin": NAN}},
            ("SIZE_FROM_MODEL",),
            id="amount",
        ),
        pytest.param(GOOD | {"Quantity": 1}, ("SIZE_FROM_MODEL",), id="quantity-at-the-top"),
        pytest.param(
            {"action": "BUY", "params": {"size": 1}},
            ("ACTION_UNKNOWN", "SIZE_FROM_MODEL"),
            id="all-reasons-are-kept",
        ),
        pytest.param(
            GOOD | {"params": {"underlying": "BTC", "symbol": "BTC-COVERED-CALL"}},
            ("SYMBOL_UNREADABLE",),
            id="a-symbol-that-is-no-name",
        ),
    ],
)
def test_what_is_no_proposal_is_denied(proposal: Any, codes: tuple[str, ...]) -> None:
    assert reasons_of(proposal) == codes
    if isinstance(proposal, dict):
        assert reasons_of(json.dumps(proposal)) == codes


def test_model_text_in_facts_is_quoted_and_short() -> None:
    s = opening()
    approval = approve(
        GOOD | {"action": "\x1b[2J" + "x" * 10_000},
        snapshot=s.snapshot,
        scan=s.scan,
        sizing=s.sizing,
        limits=s.limits,
    )
    shown = str(approval.guardrail.reasons[0].facts["action"])
    assert "\x1b" not in shown
    assert len(shown) <= 300


@pytest.mark.parametrize("wrap", [dict, json.dumps], ids=["mapping", "json"])
def test_a_raw_proposal_is_judged_like_a_parsed_one(wrap: Any) -> None:
    s = opening()
    raw = wrap(s.proposal.model_dump(mode="json"))
    approval = approve(raw, snapshot=s.snapshot, scan=s.scan, sizing=s.sizing, limits=s.limits)
    assert approval.trade == s.approve().trade
    assert approval.trade is not None


def test_holding_is_allowed_and_trades_nothing() -> None:
    s = opening()
    approval = approve(
        DoNothing(), snapshot=s.snapshot, scan=s.scan, sizing=Sizing(), limits=s.limits
    )
    assert approval.guardrail.allowed
    assert approval.risk is not None
    assert approval.risk.allowed
    assert approval.trade is None


def with_candidate(symbol: str, **changes: Any) -> Situation:
    """Open ``symbol``, which stands among the candidates whatever it is."""
    scan = a_scan(candidates=[a_candidate(symbol)])
    return opening(symbol=symbol, scan=scan, extra_names=[symbol], **changes)


@pytest.mark.parametrize(
    ("rule", "situation", "code"),
    [
        pytest.param(legality.on_known_underlying, opening(), None, id="known"),
        pytest.param(
            legality.on_known_underlying,
            opening(underlying="DOGE"),
            "UNDERLYING_UNKNOWN",
            id="doge",
        ),
        pytest.param(
            legality.on_known_underlying,
            # ETH is in the market and the account; the situation has no contract terms for it.
            opening(underlying="ETH"),
            "UNDERLYING_UNKNOWN",
            id="no-contract-terms",
        ),
        pytest.param(
            legality.on_known_underlying,
            opening(symbol="ETH-16JAN26-4400-C"),
            "UNDERLYING_MISMATCH",
            id="symbol-of-another-coin",
        ),
        pytest.param(legality.sold_symbol_is_candidate, opening(), None, id="candidate"),
        pytest.param(legality.sold_symbol_is_candidate, closing(), None, id="close-needs-none"),
        pytest.param(
            legality.sold_symbol_is_candidate,
            opening(symbol=OTHER),
            "SYMBOL_NOT_CANDIDATE",
            id="listed-but-no-candidate",
        ),
        pytest.param(legality.bought_symbol_is_open_short, closing(), None, id="short"),
        pytest.param(legality.bought_symbol_is_open_short, opening(), None, id="open-needs-none"),
        pytest.param(
            legality.bought_symbol_is_open_short,
            closing(symbol=OTHER),
            "SYMBOL_NOT_OPEN_SHORT",
            id="flat",
        ),
        pytest.param(
            legality.bought_symbol_is_open_short,
            closing(symbol=OTHER, positions=[a_position(OTHER, "0.1")]),
            "SYMBOL_NOT_OPEN_SHORT",
            id="long",
        ),
        pytest.param(legality.roll_changes_symbol, rolling(), None, id="roll"),
        pytest.param(
            legality.roll_changes_symbol, rolling(symbol=SHORT), "ROLL_SAME_SYMBOL", id="same"
        ),
        pytest.param(legality.is_inverse_call, rolling(), None, id="calls"),
        pytest.param(legality.is_inverse_call, with_candidate(PUT), "NOT_A_CALL", id="put"),
        pytest.param(legality.is_inverse_call, closing(symbol=PUT), "NOT_A_CALL", id="close-a-put"),
        pytest.param(
            legality.is_inverse_call,
            opening(symbol="BTC_USDC-16JAN26-108000-C"),
            "NOT_INVERSE",
            id="linear",
        ),
        pytest.param(legality.not_expired, closing(), None, id="alive"),
        pytest.param(
            legality.not_expired,
            closing(symbol=EXPIRED, extra_names=[EXPIRED]),
            "INSTRUMENT_EXPIRED",
            id="expired-today",
        ),
        pytest.param(legality.quote_is_live, rolling(), None, id="quotes"),
        pytest.param(
            legality.quote_is_live,
            opening(quotes={SOLD: {"bid_coin": NAN, "bid_amount_coin": 0.0}}),
            "QUOTE_MISSING",
            id="no-bid-to-sell-at",
        ),
        pytest.param(
            legality.quote_is_live,
            opening(quotes={SOLD: {"ask_coin": NAN, "ask_amount_coin": 0.0}}),
            None,
            id="selling-needs-no-ask",
        ),
        pytest.param(
            legality.quote_is_live,
            closing(quotes={SHORT: {"ask_coin": NAN, "ask_amount_coin": 0.0}}),
            "QUOTE_MISSING",
            id="no-ask-to-buy-at",
        ),
        pytest.param(
            legality.quote_is_live,
            closing(quotes={SHORT: {"bid_coin": NAN, "bid_amount_coin": 0.0}}),
            None,
            id="buying-needs-no-bid",
        ),
        pytest.param(
            legality.quote_is_live,
            opening(symbol="BTC-16JAN26-123000-C"),
            "QUOTE_MISSING",
            id="not-listed",
        ),
        pytest.param(
            legality.quote_is_live,
            opening(quotes={SOLD: {"ask_coin": 0.0100}}),
            None,
            id="a-locked-market-is-not-crossed",
        ),
        pytest.param(
            legality.quote_is_live,
            opening(quotes={SOLD: {"ask_coin": 0.0095}}),
            "QUOTE_CROSSED",
            id="bid-above-ask",
        ),
    ],
)
def test_guardrail_rules(rule: Any, situation: Situation, code: str | None) -> None:
    assert rule(situation.x).code == code


@pytest.mark.parametrize(
    ("at", "code"),
    [
        pytest.param(timedelta(0), "INSTRUMENT_EXPIRED", id="at-08:00-it-has-expired"),
        pytest.param(timedelta(microseconds=-1), None, id="just-before-it-lives"),
    ],
)
def test_an_option_lives_until_its_expiry(at: timedelta, code: str | None) -> None:
    expiry = NOW.replace(day=16, hour=8, minute=0)
    market = a_market(an_underlying_market("BTC"), at=expiry + at)
    s = opening()
    object.__setattr__(s.snapshot, "market", market)
    assert legality.not_expired(s.x).code == code


def test_every_reason_of_a_gate_is_kept_in_the_order_of_its_rules() -> None:
    s = rolling(symbol="BTC-16JAN26-90000-P", from_symbol="ETH-5JAN26-4200-C")
    assert s.approve().guardrail.codes == (
        "UNDERLYING_MISMATCH",
        "SYMBOL_NOT_CANDIDATE",
        "SYMBOL_NOT_OPEN_SHORT",
        "NOT_A_CALL",
        "INSTRUMENT_EXPIRED",
        "QUOTE_MISSING",
    )
    assert s.approve().risk is None


def test_precheck_names_the_codes_of_both_gates_once_each() -> None:
    s = opening(symbol=OTHER, sell="0.05", limits_={"net_delta_abs_max": {}})
    codes = precheck(s.proposal, snapshot=s.snapshot, scan=s.scan, sizing=s.sizing, limits=s.limits)  # type: ignore[arg-type]
    assert codes[0] == "SYMBOL_NOT_CANDIDATE"
    assert {"SIZE_BELOW_MINIMUM", "SIZE_OFF_LOT", "MARGIN_UNKNOWN", "LIMIT_MISSING"} <= set(codes)
    assert len(codes) == len(set(codes))


def test_precheck_of_a_call_that_may_be_sold_is_empty() -> None:
    s = opening()
    assert (
        precheck(s.proposal, snapshot=s.snapshot, scan=s.scan, sizing=s.sizing, limits=s.limits)  # type: ignore[arg-type]
        == ()
    )
