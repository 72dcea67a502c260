"""Only testnets and this machine: the parsed host decides, not the text."""

from __future__ import annotations

import pytest

from callwright.domain.hosts import require_testnet_url
from callwright.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    [
        "https://test.deribit.com/api/v2",
        "https://TEST.deribit.com/api/v2",
        "http://127.0.0.1:8080/api/v2",
        "http://localhost:9999",
        "http://[::1]:8080",
    ],
)
def test_testnet_and_loopback_are_allowed(url: str) -> None:
    assert require_testnet_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://www.deribit.com/api/v2",
        "https://deribit.com",
        "http://test.deribit.com/api/v2",
        "https://test.deribit.com.evil.example",
        "https://test.deribit.com.",
        "https://evil.example/test.deribit.com",
        "https://test.deribit.com@evil.example",
        "https://user:pw@test.deribit.com",
        "https://tеst.deribit.com",
        "https://xn--tst-qlc.deribit.com",
        "http://2130706433",
        "http://0x7f.1",
        "http://127.1",
        "http://0.0.0.0",
        "http://10.0.0.1",
        "http://[::ffff:10.0.0.1]",
        "ftp://127.0.0.1",
        "test.deribit.com",
        "https://test.deribit.com:notaport",
        "",
    ],
)
def test_everything_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        require_testnet_url(url)
