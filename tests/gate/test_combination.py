"""What belongs to a combination, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from callwright.agents import toolbox
from callwright.agents.prompt import situation
from callwright.config import Settings, load_settings
from callwright.domain.snapshot import Snapshot
from callwright.errors import ConfigError
from callwright.gate.approvals import Part, differing
from callwright.gate.combination import THIS_MACHINE, combination_of
from callwright.tools.vol import get_vol_state
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


def test_a_word_on_the_menu_belongs_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    menu = LOCAL | {"llm_protocol": "menu"}
    before = combination_of(load_settings(**menu))
    assert combination_of(load_settings(**menu)) == before
    monkeypatch.setattr(
        "callwright.tools.menu._sale_facts", lambda sale, scan: f"apy {sale.params.symbol}"
    )
    after = combination_of(load_settings(**menu))
    assert differing(before.parts, after.parts) == ("tools",)
    # Whoever shows none does not care.
    assert differs(LOCAL, LOCAL) == ()


def test_a_port_of_this_machine_does_not_matter_but_another_host_does() -> None:
    other_port = LOCAL | {"llm_base_url": "http://localhost:9/v1"}
    assert differs(LOCAL, other_port) == ()
    assert combination_of(load_settings(**LOCAL)).server == THIS_MACHINE
    assert differs(LOCAL, LOCAL | {"llm_base_url": "http://10.1.2.3:8812/v1"}) == ("server",)


GATEWAY: dict[str, Any] = {
    "llm_base_url": "https://gateway.example/team-a/v1",
    "openai_api_key": "a-long-secret-key",
}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://gateway.example/team-b/v1", "https://gateway.example/team-b/v1"),
        ("https://gateway.example:8443/team-a/v1", "https://gateway.example:8443/team-a/v1"),
        ("https://[2606:4700::1111]/team-a/v1", "https://[2606:4700::1111]/team-a/v1"),
        ("https://gateway.example/a-long-secret-key/v1", "https://gateway.example/[secret]/v1"),
    ],
)
def test_another_port_or_path_of_a_gateway_is_another_server(url: str, shown: str) -> None:
    other = GATEWAY | {"llm_base_url": url}
    assert differs(GATEWAY, other) == ("server",)
    assert combination_of(load_settings(**other)).server == shown


def test_the_same_server_spelled_otherwise_is_the_same() -> None:
    other = GATEWAY | {"llm_base_url": "https://Gateway.example:443/team-a/v1/"}
    assert differs(GATEWAY, other) == ()
    plain = {"llm_base_url": "http://10.1.2.3/v1", "llm_allow_private_network": True}
    tls = plain | {"llm_base_url": "https://10.1.2.3/v1"}
    assert differs(plain, tls) == ("server",)
    assert combination_of(load_settings()).server == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "url", ["https://me:word@gateway.example/v1", "https://a.example/v1?k=word"]
)
def test_an_address_with_a_secret_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        combination_of(load_settings(**(GATEWAY | {"llm_base_url": url})))
    assert "word" not in f"{caught.value.message}{caught.value.remedy}"


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


def test_a_word_of_the_message_around_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    before = combination_of(load_settings())

    def insists(snapshot: Snapshot) -> str:
        return situation(snapshot).replace("Decide.", "Always sell, whatever the floor.")

    monkeypatch.setattr("callwright.evaluation.showing.situation_text", insists)
    assert differing(before.parts, combination_of(load_settings()).parts) == ("prompt",)

    # The data in it are the market's.
    def later(snapshot: Snapshot) -> str:
        return situation(snapshot).replace('"time":"', '"time":"later than ')

    monkeypatch.setattr("callwright.evaluation.showing.situation_text", later)
    assert before == combination_of(load_settings())


def test_a_word_around_the_data_of_a_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    before = combination_of(load_settings())
    monkeypatch.setattr(
        "callwright.evaluation.showing.get_vol_state",
        lambda scan: f"Volatility is cheap. {get_vol_state(scan)}",
    )
    assert differing(before.parts, combination_of(load_settings()).parts) == ("tools",)


def test_what_a_refused_proposal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    before = combination_of(load_settings())
    monkeypatch.setattr(toolbox, "answer_refused", lambda error: "Sell something.")
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
