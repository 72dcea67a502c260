"""Nobody but ``guardrails/approval.py`` builds an ``ApprovedTrade``: read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from callwright.domain.verdict import ApprovedTrade, Verdict
from situations import opening

ROOT = Path(__file__).parents[2]
FOLDERS = ("src/callwright", "agents", "tools", "guardrails", "memory")


def builds_approved_trade(path: Path) -> bool:
    return any(
        isinstance(node, ast.Call) and "ApprovedTrade" in ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


def test_only_approval_builds_an_approved_trade() -> None:
    sources = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix() for path in sources if builds_approved_trade(path)}
    assert {name.removeprefix("src/callwright/") for name in found} == {"guardrails/approval.py"}


@pytest.mark.parametrize("denied", ["guardrail", "risk"])
def test_an_approved_trade_cannot_hold_a_denial(denied: str) -> None:
    verdicts = {"guardrail": Verdict.allow(), "risk": Verdict.allow()}
    verdicts[denied] = Verdict.deny("COVER_EXCEEDED")
    situation = opening()
    with pytest.raises(ValueError, match="two verdicts"):
        ApprovedTrade(situation.proposal, situation.sizing, **verdicts)
