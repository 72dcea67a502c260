"""Where a model may be asked: what is refused before anything is sent."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from builders import a_scan, a_snapshot, limits, policy_settings
from callwright.agents.endpoint import Endpoint, endpoint_of
from callwright.domain.failure import ModelFailure
from callwright.errors import ConfigError
from llm_servers import llm_server, well_behaved
from managers import a_manager, manager_settings


def an_endpoint(**changes: Any) -> Endpoint:
    fields: dict[str, Any] = {
        "base_url": "https://models.example/v1",
        "host": "models.example",
        "is_tls": True,
        "allow_private": False,
        "private_only": False,
    }
    return Endpoint(**(fields | changes))


def test_openai_is_the_default() -> None:
    endpoint = endpoint_of(None, allow_private=False, has_key=True)
    assert endpoint.is_openai
    assert endpoint.base_url == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://models.example/v1",
        "file:///etc/passwd",
        "models.example/v1",
        "https://",
        "https:///v1",
        "https://user@models.example/v1",
        "https://user:word@models.example/v1",
        "https://api.openai.com\\@evil.example/v1",
        "https://models.example/v1?x=1",
        "https://models.example/v1#x",
        "https://models.example:99999/v1",
        "https://[::1/v1",
        "https://models.example/v1\n",
        "https://models.example /v1",
        "http://models.example/v1",
        "https://169.254.169.254/v1",
        "https://127.0.0.1/v1",
        "https://10.0.0.1/v1",
        "https://[::ffff:169.254.169.254]/v1",
        "https://0.0.0.0/v1",
    ],
)
def test_an_unsafe_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        endpoint_of(url, allow_private=False, has_key=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/v1",
        "http://[fe80::1]/v1",
        "http://0.0.0.0/v1",
        "http://8.8.8.8/v1",
    ],
)
def test_private_networks_do_not_mean_everything(url: str) -> None:
    with pytest.raises(ConfigError):
        endpoint_of(url, allow_private=True, has_key=True)


@pytest.mark.parametrize("url", [None, "https://models.example/v1"])
def test_a_cloud_needs_a_key(url: str | None) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        endpoint_of(url, allow_private=False, has_key=False)


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", False, True),
        ("127.8.9.10", False, True),
        ("::1", False, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("192.168.1.1", False, True),
        ("fd00::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("169.254.169.254", False, False),
        ("169.254.1.1", False, False),
        ("fe80::1%eth0", False, False),
        ("fd00:ec2::254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:a9fe:a9fe::", False, False),
        ("168.63.129.16", False, False),
        ("100.100.100.200", False, False),
        ("100.64.0.1", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("255.255.255.255", False, False),
        ("192.0.2.1", False, False),
        ("not-an-address", False, False),
    ],
)
def test_addresses(address: str, public: bool, private: bool) -> None:
    assert (an_endpoint().refusal(address) is None) == public
    assert (an_endpoint(allow_private=True).refusal(address) is None) == private


def test_without_tls_or_without_a_key_nothing_leaves_the_private_network() -> None:
    for changes in ({"is_tls": False}, {"private_only": True}):
        endpoint = an_endpoint(allow_private=True, **changes)
        assert endpoint.refusal("8.8.8.8") is not None
        assert endpoint.refusal("127.0.0.1") is None


def _decide(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> tuple[str | None, str, int]:
    """Ask a server on loopback through a host name that resolves to ``addresses``."""

    async def resolve(self: Any, host: str, port: int, **options: Any) -> list[Any]:
        assert host == "models.test"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in addresses]

    with llm_server(well_behaved()) as server:
        url = server.url.replace("127.0.0.1", "models.test")
        manager = a_manager(manager_settings(url), limits(), policy_settings())
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", resolve)
        answer = asyncio.run(manager.decide(a_snapshot(), a_scan()))
        return answer.failure, answer.failure_message, len(server.requests)


def test_the_address_that_was_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failure, message, requests = _decide(monkeypatch, ["127.0.0.1"])
    assert (failure, requests) == (None, 2), message


@pytest.mark.parametrize("bad", ["169.254.169.254", "8.8.8.8"])
def test_one_bad_address_of_a_host_refuses_it(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    failure, message, requests = _decide(monkeypatch, ["127.0.0.1", bad])
    assert (failure, requests) == (ModelFailure.UNAVAILABLE, 0)
    assert bad in message


def test_a_host_without_an_address_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _decide(monkeypatch, [])[0] == ModelFailure.UNAVAILABLE
