"""What the manager sends and tells of its key: the key to its server alone, and to nobody else."""

from __future__ import annotations

import json

import httpx2
import pytest
from pydantic import SecretStr

from builders import limits
from builders import policy_settings as policy
from callwright.agents.transport import _status_failure, _without_key
from callwright.domain.decision import DoNothing
from callwright.errors import ConfigError
from llm_servers import Raw, always, proposal, propose, reads_then, well_behaved
from managers import a_manager, ask, manager_settings


def test_no_secret_comes_out() -> None:
    secret = "a-very-secret-key"
    echo = Raw(401, b'{"error": {"message": "bad key a-very-secret-key"}}')
    answer, server = ask(
        always(echo),
        api_key=SecretStr(secret),
        redact=lambda text: text.replace(secret, "[secret]"),
    )
    assert server.requests[0].headers["authorization"] == f"Bearer {secret}"
    assert secret not in repr(answer)
    assert "[secret]" in answer.failure_message
    assert secret not in repr(manager_settings("http://127.0.0.1/v1", api_key=SecretStr(secret)))


@pytest.mark.parametrize("padding", range(0, 400, 7))
def test_a_key_that_is_cut_in_half_does_not_come_out(padding: int) -> None:
    secret = "a-very-secret-key-of-some-length"
    message = "x" * padding + f" {secret} {secret}"
    failed = _status_failure(
        401,
        httpx2.Headers(),
        _without_key(
            json.dumps({"error": {"message": message}}).encode(),
            httpx2.Request(
                "POST", "https://x.example", headers={"authorization": f"Bearer {secret}"}
            ),
        ),
    )
    assert "a-very" not in failed.message


def test_a_key_in_the_reasoning_is_masked() -> None:
    secret = "a-very-secret-key"
    hold = proposal("DO_NOTHING", {}, f"my key is {secret}")
    answer, _ = ask(reads_then(propose(hold)), api_key=SecretStr(secret))
    assert answer.proposal == DoNothing(reasoning="my key is [secret]")


def test_nothing_of_the_environment_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "environment-key",
        "OPENAI_ORG_ID": "environment-org",
        "OPENAI_PROJECT_ID": "environment-project",
        "OPENAI_CUSTOM_HEADERS": "X-Custom: environment",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    answer, server = ask(well_behaved())
    assert answer.failure is None
    for request in server.requests:
        assert "environment" not in str(request.headers)
        assert not {name for name in request.headers if name.startswith(("x-", "openai-"))}


def test_a_manager_without_a_key_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        a_manager(manager_settings("", base_url=None), limits(), policy())
