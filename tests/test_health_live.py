"""Doctor's questions to a model's server and to a venue: each answer has its level and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from callwright import health_live
from callwright.config import Settings
from callwright.errors import ConfigError, VenueUnavailable
from desks import desk_settings
from llm_servers import MISBEHAVIOURS, SERVED_MODEL, llm_server, well_behaved
from paper_servers import serving


def with_model(home: Path, url: str, **changes: Any) -> Settings:
    base = {"llm_enabled": True, "llm_base_url": url, "llm_allow_private_network": True}
    return desk_settings(home, **(base | changes))


def test_without_a_model_or_a_venue_nobody_is_asked(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path)
    checks = (
        health_live.venue_host, health_live.venue_clock, health_live.venue_key,
        health_live.model, health_live.model_price,
    )  # fmt: skip
    assert [check(settings)[0] for check in checks] == ["ok"] * 5


def test_a_model_is_asked_for_by_its_name(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        known = health_live.model(with_model(tmp_path, server.url, llm_model_name=SERVED_MODEL))
        other = health_live.model(with_model(tmp_path, server.url))
    assert known[0] == "ok"
    assert other[0] == "warn"
    assert SERVED_MODEL in other[1]


def test_a_server_that_is_away_and_a_missing_key_are_named(tmp_path: Path) -> None:
    with llm_server(MISBEHAVIOURS["500"]) as server:
        url = server.url
    with pytest.raises(ConfigError, match="cannot be reached"):
        health_live.model(with_model(tmp_path, url))
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        health_live.model(desk_settings(tmp_path, llm_enabled=True))


def test_a_hosted_model_without_a_price_fails(tmp_path: Path) -> None:
    hosted = desk_settings(
        tmp_path, llm_enabled=True, llm_model_name="nobody-knows", openai_api_key="not-a-key"
    )
    level, found, remedy = health_live.model_price(hosted)
    assert level == "fail"
    assert "nobody-knows" in found
    assert "LLM_PRICES_FILE" in remedy
    local = with_model(tmp_path, "http://127.0.0.1:1/v1", llm_model_name="nobody-knows")
    assert health_live.model_price(local)[0] == "ok"
    assert health_live.model_price(with_model(tmp_path, "http://127.0.0.1:1/v1"))[0] == "ok"


def on_venue(home: Path, url: str, secret: str = "paper") -> Settings:
    return desk_settings(
        home,
        venue="deribit-testnet",
        deribit_base_url=f"{url}/api/v2",
        deribit_client_id="paper",
        deribit_client_secret=SecretStr(secret),
    )


def test_a_key_is_shown_with_what_it_may_do(tmp_path: Path) -> None:
    with serving(tmp_path / "exchange") as server:
        level, found, _ = health_live.venue_key(on_venue(tmp_path, server.url))
        assert level == "ok"
        assert "trade:read_write" in found
        with pytest.raises(VenueUnavailable) as refused:
            health_live.venue_key(on_venue(tmp_path, server.url, "wrong"))
        assert "wrong" not in str(refused.value)


def test_a_clock_far_off_fails(tmp_path: Path) -> None:
    # The market's time is months before this machine's.
    with serving(tmp_path / "exchange") as server:
        level, found, remedy = health_live.venue_clock(on_venue(tmp_path, server.url))
    assert level == "fail"
    assert "s apart" in found
    assert "NTP" in remedy


@pytest.mark.parametrize(
    ("scope", "level"),
    [
        pytest.param("account:read trade:read_write", "ok", id="as-asked"),
        pytest.param("account:read_write trade:read_write", "ok", id="wider-account"),
        pytest.param("account:read trade:read", "fail", id="cannot-trade"),
        pytest.param("account:read trade:read_write wallet:read_write", "fail", id="withdraws"),
    ],
)
def test_what_a_key_may_do_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scope: str, level: str
) -> None:
    async def granted(venue: object) -> str:
        return scope

    monkeypatch.setattr(health_live, "_scope", granted)
    assert health_live.venue_key(on_venue(tmp_path, "http://127.0.0.1:1"))[0] == level
