"""How each kind of model is asked."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import SecretStr

from callwright.agents.providers import ManagerSettings, Provider
from callwright.errors import ConfigError


def options(model: str, **changes: Any) -> Any:
    settings = ManagerSettings(model=model, **({"api_key": SecretStr("a-key")} | changes))
    return Provider(settings, time.monotonic).model_settings(model, cache_key="abc")


def test_nothing_is_stored_and_every_answer_has_a_cap() -> None:
    asked = options("gpt-4.1-mini")
    assert asked.store is False
    assert asked.max_tokens == 2_000
    assert asked.tool_choice == "required"


def test_one_retry_policy_bounds_the_requests() -> None:
    assert options("gpt-4.1-mini").retry.max_retries == 2


@pytest.mark.parametrize(
    ("model", "temperature"),
    [("gpt-4.1-mini", 0.0), ("qwen2.5", 0.0), ("o4-mini", None), ("gpt-5.6-luna", None)],
)
def test_a_reasoning_model_has_no_temperature(model: str, temperature: float | None) -> None:
    assert options(model).temperature == temperature


def test_what_only_openai_knows_is_sent_to_openai_only() -> None:
    assert options("gpt-4.1-mini").extra_args == {"prompt_cache_key": "callwright-abc"}
    assert options("gpt-5.6-luna").response_include == ["reasoning.encrypted_content"]
    elsewhere = {"base_url": "https://models.example/v1"}
    assert options("gpt-4.1-mini", **elsewhere).extra_args is None
    assert options("gpt-5.6-luna", **elsewhere).response_include is None


def test_stepwise_asks_for_one_call_at_a_time() -> None:
    assert options("m", protocol="two-call").parallel_tool_calls is True
    assert options("m", protocol="stepwise").parallel_tool_calls is False


@pytest.mark.parametrize("key", [None, SecretStr("")])
def test_openai_is_not_asked_without_a_key(key: SecretStr | None) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        options("gpt-4.1-mini", api_key=key)
