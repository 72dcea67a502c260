"""One truth: a name is the same in prompt, schema, gates, configuration and documentation.

Whoever renames a field, a code, a limit or a setting in one place only finds out here, and is told
which place still has the other name. ``one_truth`` holds what must agree.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import pytest

from one_truth import names, shown
from one_truth.agreements import AGREEMENTS
from one_truth.trees import ROOT, EditedTree, Rename

MANAGER, EXPLAINER = "agents/prompts/manager.md", "agents/prompts/explainer.md"
CONFIG = "src/callwright/config/numbers.py"

IN_ONE_PLACE = (
    # The decision contract
    Rename("src/callwright/domain/decision.py", "from_symbol", "old_symbol"),
    Rename("src/callwright/domain/decision.py", "CLOSE_COVERED_CALL", "BUY_BACK_CALL"),
    Rename("tools/proposal.py", '"reasoning"', '"rationale"'),
    Rename("tools/proposal.py", '"from_symbol"', '"old_symbol"'),
    Rename("guardrails/rule_input.py", "from_symbol", "old_symbol"),
    Rename("agents/README.md", "from_symbol", "old_symbol"),
    Rename("agents/prompts/choose.md", '"params"', '"arguments"'),
    Rename("agents/prompts/choose.md", "CANNOT_DECIDE", "NO_DECISION"),
    Rename("tools/proposal.py", '"CANNOT_DECIDE"', '"NO_DECISION"'),
    Rename("agents/prompt.py", '"error_reason"', '"error_why"'),
    # What the manager is shown and told
    Rename("tools/candidates.py", '"net_credit_coin"', '"credit_coin"'),
    Rename("tools/candidates.py", '"passes"', '"allowed"'),
    Rename("tools/portfolio.py", '"captured_frac"', '"earned_frac"'),
    Rename("tools/portfolio.py", '"margin_used_frac"', '"margin_used_pct"'),
    Rename("tools/vol.py", '"ivrv"', '"iv_over_rv"'),
    Rename("src/callwright/domain/scan.py", "premium_yield_annual", "yield_annual"),
    Rename("agents/toolbox.py", '"get_vol_state"', '"get_volatility"'),
    Rename(MANAGER, "captured_frac", "earned_frac"),
    Rename(MANAGER, "*_annual", "*_yearly"),
    Rename(MANAGER, "propose_action", "submit_action"),
    Rename("docs/names.md", "free_cover_coin", "cover_coin"),
    Rename("tools/menu.py", '"roll_for_profit"', '"harvest"'),
    Rename("tools/menu.py", '"option"', '"choice"'),
    Rename("tools/menu.py", '"HOLD"', '"WAIT"'),
    Rename("agents/prompts/menu.md", "short_calls_in_danger", "calls_in_danger"),
    Rename("agents/prompts/menu.md", "CANNOT_DECIDE", "NO_DECISION"),
    # Limits, and what the risk engine says
    Rename("agents/prompt.py", '"roll_dwell_s"', '"roll_dwell_sec"'),
    Rename("src/callwright/domain/limits.py", "delta_open_max", "delta_max_open"),
    Rename("guardrails/rules/margin.py", "margin_used_frac_max", "margin_frac_max"),
    Rename("guardrails/rules/roll.py", "dwell_s", "minimum_held_s"),
    Rename("guardrails/rules/cover.py", "COVER_EXCEEDED", "COVER_TOO_SMALL"),
    Rename("src/callwright/domain/codes.py", "ORDERS_PER_DAY", "TOO_MANY_ORDERS"),
    Rename("docs/codes.md", "free_cover_coin", "cover_coin"),
    Rename("docs/codes.md", "ROLL_DEBIT", "ROLL_COSTS"),
    Rename("src/callwright/domain/failure.py", "LLM_TIMEOUT", "LLM_TOO_SLOW"),
    # The configuration
    Rename(CONFIG, "max_net_delta_abs", "max_delta_abs"),
    Rename("callwright.toml.example", "max_daily_loss_pct", "max_loss_pct"),
    Rename("README.md", "MAX_EXPIRY_EXPOSURE", "MAX_EXPIRY_SHORT"),
    Rename("docs/costs.md", "LLM_BUDGET_DAY_USD", "LLM_BUDGET_DAILY_USD"),
    Rename("docs/what_if.md", "max_net_delta_abs", "max_delta_abs"),
    # The explainer and the records
    Rename(EXPLAINER, "decision_stats", "count_decisions"),
    Rename(EXPLAINER, "risk_check", "risk_verdict"),
    Rename("tools/memory_views.py", '"decided_by"', '"brain"'),
    Rename("tools/memory_questions.py", "proposed_action", "asked_action"),
    Rename("tools/sources.py", '"cite"', '"source"'),
    Rename("src/callwright/domain/record.py", "baseline_action", "rules_action"),
    Rename("src/callwright/explain/fields.py", "captured_frac", "earned_frac"),
    Rename("logs/README.md", "decision_source", "decided_by"),
)


def disagreements(*renames: Rename, of: Collection[str] = AGREEMENTS) -> list[str]:
    """Return what does not agree any more in the project with these renames."""
    with EditedTree(*renames) as tree:
        try:
            agreements = tree.module("one_truth.agreements").AGREEMENTS
        except Exception as exc:  # noqa: BLE001 - what cannot even be loaded does not agree
            return [f"the project cannot be loaded: {type(exc).__name__}: {exc}"]
        found = []
        for name in of:
            try:
                found += [f"{name}: {problem}" for problem in agreements[name](tree)]
            except Exception as exc:  # noqa: BLE001 - a name that is gone breaks whoever uses it
                found.append(f"{name}: {type(exc).__name__}: {exc}")
        return found


@pytest.mark.parametrize("agreement", AGREEMENTS)
def test_every_name_is_one(agreement: str) -> None:
    assert disagreements(of=[agreement]) == []


@pytest.mark.parametrize("rename", IN_ONE_PLACE, ids=lambda r: f"{r.path}: {r.old}")
def test_a_name_that_is_changed_in_one_place_only_is_told(rename: Rename) -> None:
    found = disagreements(rename)
    old, new = (name.strip('"*') for name in (rename.old, rename.new))
    told = [problem for problem in found if re.search(rf"{old}\b|{new}\b", problem)]
    assert told, found


def test_no_field_can_be_renamed_only_where_a_tool_writes_it() -> None:
    writers = ("agents/prompt.py", "tools/candidates.py", "tools/portfolio.py", "tools/vol.py")
    views = (*shown.manager_views().values(), shown.situation_view())
    fields = names.json_names(views)
    renames = [
        Rename(path, f'"{field}"', f'"{field}_x"')
        for field in sorted(fields)
        for path in writers
        if f'"{field}"' in (ROOT / path).read_text("utf-8")
    ]
    assert {rename.old.strip('"') for rename in renames} == fields
    asked = ("fields that the manager is shown", "the words of the prompts")
    assert [rename for rename in renames if not disagreements(rename, of=asked)] == []


def test_a_place_that_does_not_have_the_name_is_no_proof() -> None:
    with pytest.raises(LookupError, match="does not name captured_frac"):
        EditedTree(Rename("docs/codes.md", "captured_frac", "earned_frac"))


def test_nothing_is_left_of_an_edited_project() -> None:
    from callwright.tools import vol

    with EditedTree(Rename("tools/vol.py", '"ivrv"', '"ratio"')) as tree:
        assert tree.module("callwright.tools.vol") is not vol
        assert "ratio" in names.json_names(tree.module("one_truth.shown").manager_views())
    assert "ratio" not in names.json_names(shown.manager_views())
    with EditedTree() as tree:
        assert "ratio" not in names.json_names(tree.module("one_truth.shown").manager_views())
