"""A table row of a risk rule: the rule, what it judges, and the code that it must give."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from callwright.guardrails.ruleset import run_rules
from situations import SHORT, Situation

NAN = float("nan")
SECOND = timedelta(seconds=1)


def case(rule: Any, situation: Situation, code: str | None, name: str) -> Any:
    return pytest.param(rule, situation, code, id=f"{rule.__name__}: {name}")


def judge(rule: Any, situation: Situation, code: str | None) -> None:
    """Assert that the rule alone allows the situation, or denies it with ``code`` and facts."""
    verdict = run_rules([rule], situation.x)
    assert verdict.code == code, verdict.reasons
    assert verdict.allowed is (code is None)
    assert code is None or verdict.reasons[0].facts, "a denial states its facts"


def bought_at(ask: float, mark: float) -> dict[str, Any]:
    return {"quotes": {SHORT: {"ask_coin": ask, "mark_coin": mark}}}
