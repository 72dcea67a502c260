"""A shadow's proposal is evidence of a shadow only: nobody proposed, sold or rolled by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from callwright.explain.evidence import check

RULES, SHADOW = "BTC-16JAN26-98000-C", "BTC-16JAN26-104000-C"


def an_action(symbol: str) -> dict[str, Any]:
    return {
        "action": "OPEN_COVERED_CALL",
        "params": {"underlying": "BTC", "symbol": symbol, "size": 0.1},
        "reasoning": "",
    }


DECISION: dict[str, Any] = {
    "id": 12,
    "record": {
        "state": {"as_of": "2026-01-08T02:00:00.000Z", "spot": {"BTC": 96_400.5}},
        "decision_source": "rule_based",
        "proposed_action": an_action(RULES),
        "baseline_action": None,
        "guardrail": {"allowed": True, "reasons": []},
        "risk_check": {"allowed": True, "reasons": []},
        "final_action": an_action(RULES),
        "execution": {"status": "filled", "orders": []},
        "failure": None,
        "llm": {"model": "m", "shadow": {"proposal": an_action(SHADOW), "why": "not approved"}},
    },
}


def flagged(text: str) -> bool:
    def decision(number: int) -> Mapping[str, Any] | None:
        return DECISION if number == 12 else None

    return any(claim.problem for claim in check(text, (), decision))


@pytest.mark.parametrize(
    "text",
    [
        f"The rules sold {RULES} [#12].",
        f"The model's shadow proposal was {SHADOW} [#12].",
        f"It opened {RULES} [#12].",
    ],
)
def test_what_holds(text: str) -> None:
    assert not flagged(text)


@pytest.mark.parametrize(
    "text",
    [
        f"The desk sold {SHADOW} [#12].",
        f"It opened {SHADOW} [#12].",
        f"The decision was about {SHADOW} [#12].",
        f"The shadow was {RULES} [#12].",
    ],
)
def test_what_does_not_hold(text: str) -> None:
    assert flagged(text)
