"""The manager as one plain function."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from builders import CALL_9JAN_105
from callwright.agents.simple import choose_action_with_llm, settings_of
from callwright.domain.failure import ModelFailure
from callwright.errors import DataInvalid
from llm_servers import MISBEHAVIOURS, Reply, Turn, always, llm_server, proposal
from managers import manager_settings

CANDIDATES = [{"symbol": CALL_9JAN_105, "delta": 0.22}]
OPEN = proposal(
    "OPEN_COVERED_CALL", {"underlying": "BTC", "symbol": CALL_9JAN_105}, "Rich and far away."
)


def choose(reply: Reply, state: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    with llm_server(always(reply)) as server:
        answer = choose_action_with_llm(
            state or {"spot": {"BTC": 100_000.0}},
            CANDIDATES,
            settings=manager_settings(server.url, **changes),
        )
        assert len(server.requests) <= 3
        return answer


@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_a_good_answer_is_returned(wire: str) -> None:
    assert choose(Turn(text=json.dumps(OPEN)), wire=wire) == OPEN


def test_it_works_where_a_loop_runs_already() -> None:
    async def notebook() -> dict[str, Any]:
        return choose(Turn(text=json.dumps(OPEN)))

    assert asyncio.run(notebook()) == OPEN


@pytest.mark.parametrize(
    "state",
    [
        {"short_calls": [CALL_9JAN_105]},
        {"short_calls": [{"symbol": CALL_9JAN_105}]},
        {"portfolio": {"by_underlying": {"BTC": {"short_calls": [{"symbol": CALL_9JAN_105}]}}}},
    ],
)
def test_short_calls_of_the_state_can_be_closed(state: dict[str, Any]) -> None:
    close = proposal("CLOSE_COVERED_CALL", {"underlying": "BTC", "symbol": CALL_9JAN_105}, "")
    assert choose(Turn(text=json.dumps(close)), state) == close
    assert choose(Turn(text=json.dumps(close)))["failure"] == ModelFailure.INVALID


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (Turn(text="I would wait."), "LLM_NO_PROPOSAL"),
        (Turn(text=json.dumps(OPEN), truncated=True), "LLM_TRUNCATED"),
        (Turn(refusal="no"), "LLM_REFUSED"),
        (Turn(), "LLM_EMPTY"),
        (MISBEHAVIOURS["500"], "LLM_UNAVAILABLE"),
        (MISBEHAVIOURS["300-calls"], "LLM_TOO_MANY_CALLS"),
        (MISBEHAVIOURS["broken-json"], "LLM_BAD_REPLY"),
    ],
)
def test_whatever_goes_wrong_is_the_safe_fallback(reply: Any, failure: str) -> None:
    answer = choose(reply if not callable(reply) else reply(None))
    assert answer["action"] == "DO_NOTHING"
    assert answer["params"] == {}
    assert answer["failure"] == failure
    assert answer["reasoning"].startswith("No decision: ")


def test_a_state_that_is_no_json_is_not_sent() -> None:
    answer = choose(Turn(text=json.dumps(OPEN)), {"spot": float("nan")})
    assert answer["failure"] == DataInvalid.code


def test_without_a_key_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "LLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert choose_action_with_llm({}, CANDIDATES)["failure"] == "CONFIG_INVALID"


def test_the_environment_names_the_model() -> None:
    settings = settings_of(
        {
            "LLM_MODEL_NAME": "m",
            "LLM_BASE_URL": "http://127.0.0.1:1/v1",
            "LLM_ALLOW_PRIVATE_NETWORK": "true",
            "LLM_WIRE": "chat",
            "LLM_TIMEOUT_SECONDS": "5",
        }
    )
    assert (settings.model, settings.wire, settings.timeout_s) == ("m", "chat", 5.0)
    assert settings.allow_private_network
    assert settings_of({}).model == "gpt-4.1-mini"
    for wrong in ({"LLM_TIMEOUT_SECONDS": "nan"}, {"LLM_WIRE": "carrier-pigeon"}):
        with pytest.raises(DataInvalid):
            settings_of(wrong)
