"""One contract: prompt, tool schema, parser, gates, limits and documentation name the same things.

Whoever renames an action, a field, a limit or a code in one place only finds out here.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest

from builders import limits, policy_settings
from callwright.agents.prompt import LIMITS_SHOWN, actions_text, instructions
from callwright.agents.toolbox import PROPOSE, READ_TOOLS, manager_tools
from callwright.config import Settings
from callwright.domain.decision import Action, Proposal, parse_proposal
from callwright.domain.limits import Limits, PolicySettings
from callwright.errors import DecisionInvalid
from callwright.guardrails.intake import read_proposal as guardrail_reads
from callwright.tools.proposal import CANNOT_DECIDE, proposal_schema

ROOT = Path(__file__).parents[1]
PROMPT = (ROOT / "agents" / "prompts" / "manager.md").read_text("utf-8")
AGENTS_README = (ROOT / "agents" / "README.md").read_text("utf-8")
TOOLS_README = (ROOT / "tools" / "README.md").read_text("utf-8")

CONTRACT: dict[str, tuple[str, ...]] = {
    "DO_NOTHING": (),
    "OPEN_COVERED_CALL": ("underlying", "symbol"),
    "ROLL_COVERED_CALL": ("underlying", "from_symbol", "symbol"),
    "CLOSE_COVERED_CALL": ("underlying", "symbol"),
}
"""As users' files and checks rely on it; a change here is a change for them."""

SYMBOLS = {
    "underlying": "BTC",
    "from_symbol": "BTC-9JAN26-104000-C",
    "symbol": "BTC-16JAN26-108000-C",
}


def whole(action: str) -> dict[str, Any]:
    params = {name: SYMBOLS[name] for name in CONTRACT[action]}
    return {"action": action, "params": params, "reasoning": "because"}


def test_the_models_are_the_contract() -> None:
    models = get_args(get_args(Proposal)[0])
    found = {
        get_args(model.model_fields["action"].annotation)[0]: tuple(
            model.model_fields["params"].annotation.model_fields
        )
        for model in models
    }
    assert found == CONTRACT
    assert {action.value for action in Action} == set(CONTRACT)
    assert all(set(model.model_fields) == {"action", "params", "reasoning"} for model in models)


def test_the_tool_schema_is_the_contract() -> None:
    schema = proposal_schema()
    assert list(schema["properties"]) == ["action", "params", "reasoning"]
    assert schema["properties"]["action"]["enum"] == [*CONTRACT, CANNOT_DECIDE]
    shapes = {tuple(shape["properties"]) for shape in schema["properties"]["params"]["anyOf"]}
    assert shapes == set(CONTRACT.values())


@pytest.mark.parametrize("action", CONTRACT)
def test_the_prompt_names_each_action_with_its_params(action: str) -> None:
    names = ", ".join(f'"{name}"' for name in CONTRACT[action])
    line = f"- {action}, params {{{names}}}: "
    assert line in actions_text()
    assert line in instructions(limits(), policy_settings())


def test_the_prompt_names_no_action_nor_param_that_is_none() -> None:
    text = instructions(limits(), policy_settings())
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text))
    assert named <= {*CONTRACT, CANNOT_DECIDE}, named


@pytest.mark.parametrize("action", CONTRACT)
def test_parser_and_guardrail_take_each_action(action: str) -> None:
    assert parse_proposal(whole(action)) == guardrail_reads(whole(action))


@pytest.mark.parametrize("action", CONTRACT)
@pytest.mark.parametrize("change", ["drop", "add", "rename", "action"])
def test_parser_and_guardrail_take_nothing_else(action: str, change: str) -> None:
    said = whole(action)
    if change == "action":
        said["action"] = action.lower()
    elif change == "add":
        said["params"]["size"] = "0.1"
    elif not said["params"]:
        said["extra"] = said["params"]
    else:
        value = said["params"].pop("symbol")
        if change == "rename":
            said["params"]["instrument"] = value
    with pytest.raises(DecisionInvalid):
        parse_proposal(said)
    verdict = guardrail_reads(said)
    assert getattr(verdict, "allowed", None) is False


def test_the_tools_are_those_of_prompt_and_documentation() -> None:
    names = [tool.name for tool in manager_tools("two-call")]
    assert names == [*READ_TOOLS, PROPOSE]
    for name in names:
        assert name in PROMPT
        assert f"`{name}`" in TOOLS_README


@pytest.mark.parametrize("action", CONTRACT)
def test_the_documentation_names_each_action_with_its_params(action: str) -> None:
    params = ", ".join(f"`{name}`" for name in CONTRACT[action]) or "none"
    assert f"| `{action}` | {params} |" in AGENTS_README


def test_every_number_in_the_prompt_comes_from_limits_or_policy() -> None:
    assert set(LIMITS_SHOWN) <= set(Limits.model_fields)
    filled = set(re.findall(r"\{\{(\w+)\}\}", PROMPT))
    assert filled - {"fence_open", "fence_close", "actions", "limits"}
    # A limit written into the template would not follow the configuration.
    for value in ("0.4", "0.5", "1.05", "0.22", "0.35"):
        assert value not in PROMPT


@pytest.mark.parametrize(
    ("field", "changed", "text"),
    [
        ("ivrv_min", 1.37, "1.37"),
        ("target_delta", 0.171, "0.171"),
        ("roll_delta", 0.613, "0.613"),
        ("roll_dte_days", 1.75, "1.75"),
        ("roll_dte_delta_min", 0.317, "0.317"),
        ("capture_frac", 0.83, "83%"),
    ],
)
def test_the_policy_numbers_reach_the_prompt(field: str, changed: float, text: str) -> None:
    assert field in PolicySettings.model_fields
    policy: PolicySettings = policy_settings(**{field: changed})
    assert text in instructions(limits(), policy)
    assert text not in instructions(limits(), policy_settings())


def test_every_setting_of_a_model_is_documented_or_described() -> None:
    for name in Settings.model_fields:
        if name.startswith("llm_") and not name.startswith(("llm_budget", "llm_chat")):
            assert f"`{name.upper()}`" in AGENTS_README, name
