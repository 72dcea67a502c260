"""What belongs to a combination, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from callwright.agents import toolbox
from callwright.config import Settings, load_settings
from callwright.gate.approvals import Part, differing
from callwright.gate.combination import THIS_MACHINE, combination_of
from gated_desks import edit_prompt

LOCAL: dict[str, Any] = {
    "llm_base_url": "http://127.0.0.1:8812/v1",
    "llm_allow_private_network": True,
}


@pytest.fixture(autouse=True)
def an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def differs(*changes: dict[str, Any]) -> tuple[Part, ...]:
    one, other = (combination_of(load_settings(**change)) for change in changes)
    assert (one.version == other.version) == (one.parts == other.parts)
    return differing(one.parts, other.parts)


@pytest.mark.parametrize(
    "change",
    [
        {"max_margin_used_pct": 12, "target_delta": 0.2, "min_ivrv": 1.3, "roll_delta": 0.6},
        {"mode": "production"},
        {"openai_api_key": "a-key"},
        {"llm_timeout_seconds": 5, "llm_max_turns": 4, "llm_budget_day_usd": 9},
        {"llm_cheaper_model_name": "small", "llm_chat_model_name": "big"},
        {"market": "synthetic:9", "underlyings": ("BTC",)},
        {"llm_enabled": True, "dry_run": False},
    ],
)
def test_what_does_not_belong_to_it(change: dict[str, Any]) -> None:
    assert differs({}, change) == ()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"llm_model_name": "gpt-4.1"}, ("model",)),
        # A model that reasons is asked without a temperature.
        ({"llm_model_name": "gpt-5"}, ("settings", "model")),
        ({"llm_wire": "chat"}, ("settings",)),
        ({"llm_max_decision_tokens": 500}, ("settings",)),
        # Another server is asked without OpenAI's own options.
        (LOCAL, ("settings", "server")),
    ],
)
def test_what_belongs_to_it(change: dict[str, Any], parts: tuple[Part, ...]) -> None:
    assert differs({}, change) == parts


def test_a_port_of_this_machine_does_not_matter_but_another_host_does() -> None:
    other_port = LOCAL | {"llm_base_url": "http://localhost:9/v1"}
    assert differs(LOCAL, other_port) == ()
    assert combination_of(load_settings(**LOCAL)).server == THIS_MACHINE
    assert differs(LOCAL, LOCAL | {"llm_base_url": "http://10.1.2.3:8812/v1"}) == ("server",)


def test_a_word_of_the_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = combination_of(load_settings())
    edit_prompt(monkeypatch, tmp_path, "Doing nothing costs nothing.", "")
    after = combination_of(load_settings())
    assert differing(before.parts, after.parts) == ("prompt",)
    assert before.version != after.version


def test_a_tools_description(monkeypatch: pytest.MonkeyPatch) -> None:
    before = combination_of(load_settings())
    view = toolbox.READ_TOOLS["get_portfolio"][1]
    monkeypatch.setitem(toolbox.READ_TOOLS, "get_portfolio", ("Balances.", view))
    assert differing(before.parts, combination_of(load_settings()).parts) == ("tools",)


def test_it_is_the_prompt_that_the_suite_asks_with() -> None:
    """What is approved is what was scored: the default limits' prompt, whatever a desk's are."""
    from callwright.agents.prompt import instructions
    from callwright.evaluation.cases import suite_settings

    mine = load_settings(max_margin_used_pct=12)
    suite = suite_settings(mine)
    asked = instructions(suite.limits(), suite.policy_settings())
    assert asked == instructions(load_settings().limits(), load_settings().policy_settings())
    assert asked != instructions(mine.limits(), mine.policy_settings())
