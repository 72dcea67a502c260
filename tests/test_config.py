"""Configuration: four sources in order, unknown keys refused, percent to fraction once."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from callwright.config import (
    PRESETS,
    Settings,
    load_settings,
    near_miss_environment,
)
from callwright.errors import ConfigError


@pytest.fixture(autouse=True)
def an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return


def test_the_strongest_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "callwright.toml").write_text("target_delta = 0.11\nmin_ivrv = 1.5\nroll_delta=0.9")
    (tmp_path / ".env").write_text("TARGET_DELTA=0.12\nMIN_IVRV=1.6\n")
    monkeypatch.setenv("TARGET_DELTA", "0.13")
    settings = load_settings()
    assert (settings.target_delta, settings.min_ivrv, settings.roll_delta) == (0.13, 1.6, 0.9)
    assert load_settings(target_delta=0.14).target_delta == 0.14


def test_the_fixed_names_exist_with_their_defaults() -> None:
    settings = load_settings()
    assert settings.llm_enabled is False
    assert settings.llm_model_name == "gpt-4.1-mini"
    assert settings.llm_chat_model_name is None
    assert settings.mode == "research"
    assert settings.dry_run is True
    assert settings.loop_interval_sec == 60
    assert settings.default_order_size["BTC"] == Decimal("0.1")
    assert (settings.callwright_home, settings.log_dir) == (Path("var"), Path("logs"))
    assert {
        "max_margin_used_pct", "max_net_delta_abs", "max_expiry_exposure", "venue",
        "llm_base_url", "llm_max_decision_tokens", "llm_timeout_seconds", "openai_api_key",
        "deribit_client_id", "deribit_client_secret",
    } <= set(Settings.model_fields)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param("max_margin_pct = 3", "max_margin_used_pct", id="unknown-key-near-miss"),
        pytest.param("zzz = 3", "unknown key 'zzz'", id="unknown-key"),
        pytest.param("max_margin_used_pct = 300", "MAX_MARGIN_USED_PCT", id="impossible-percent"),
        pytest.param("max_margin_used_pct = nan", "MAX_MARGIN_USED_PCT", id="nan"),
        pytest.param("max_orders_per_day = 'many'", "MAX_ORDERS_PER_DAY", id="wrong-type"),
        pytest.param("default_order_size = true", "DEFAULT_ORDER_SIZE", id="a-flag-as-size"),
        pytest.param("default_order_size = nan", "DEFAULT_ORDER_SIZE", id="nan-size"),
        pytest.param("default_order_size = -1", "DEFAULT_ORDER_SIZE", id="negative-size"),
        pytest.param("default_order_size = {DOGE=1}", "DOGE", id="unknown-coin"),
        pytest.param("max_net_delta_abs = {BTC=1}", "ETH", id="a-coin-without-a-limit"),
        pytest.param("delta_open_min = 0.5", "DELTA_OPEN_MIN must be below", id="closed-window"),
        pytest.param("dte_open_min_days = 20", "DTE_OPEN_MIN_DAYS", id="closed-dte-window"),
        pytest.param(
            "deribit_base_url = 'https://www.deribit.com/api/v2'",
            "refusing host 'www.deribit.com'",
            id="mainnet",
        ),
        pytest.param("paper_url = 'http://10.0.0.1:80'", "only testnets", id="a-paper-url-abroad"),
        pytest.param("paper_url = 'https://test.deribit.com'", "this machine", id="no-paper-url"),
        pytest.param("mode = 'live'", "MODE", id="unknown-mode"),
        pytest.param("step = '6 parsecs'", "STEP", id="not-a-duration"),
        pytest.param("x = = 1", "cannot be read", id="not-toml"),
        pytest.param("account_name = '../x'", "ACCOUNT_NAME", id="a-path-as-account"),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, written: str, message: str) -> None:
    (tmp_path / "callwright.toml").write_text(written)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert message in caught.value.message


def test_an_unknown_key_in_dotenv_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_MARGIN_PCT=3\n")
    with pytest.raises(ConfigError, match="max_margin_used_pct"):
        load_settings()


def test_a_missing_file_that_was_asked_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.toml"):
        load_settings(config_file=tmp_path / "no.toml")


def test_a_near_miss_in_the_environment_is_found() -> None:
    found = near_miss_environment({"MAX_MARGIN_USED_PTC": "1", "PATH": "/bin", "DRY_RUN": "1"})
    assert found == {"MAX_MARGIN_USED_PTC": "MAX_MARGIN_USED_PCT"}


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("0.2", {"BTC": "0.2", "ETH": "0.2"}),
        ("BTC=0.2,ETH=3", {"BTC": "0.2", "ETH": "3"}),
        (" BTC = 0.2 , ETH = 3 ", {"BTC": "0.2", "ETH": "3"}),
    ],
)
def test_sizes_for_each_coin(
    monkeypatch: pytest.MonkeyPatch, text: str, sizes: dict[str, str]
) -> None:
    monkeypatch.setenv("DEFAULT_ORDER_SIZE", text)
    expected = {coin: Decimal(size) for coin, size in sizes.items()}
    assert load_settings().default_order_size == expected


def test_percent_becomes_a_fraction_once() -> None:
    settings = load_settings(max_margin_used_pct=30, max_daily_loss_pct=2, price_collar_pct=10)
    limits = settings.limits()
    assert limits.margin_used_frac_max == 0.3
    assert limits.daily_loss_frac_max == 0.02
    assert limits.price_collar_frac == 0.1
    assert settings.config_snapshot()["max_margin_used_pct"] == 30


def test_production_is_stricter_and_never_widens_what_was_written() -> None:
    research, production = load_settings(), load_settings(mode="production")
    assert set(PRESETS["research"]) == set(PRESETS["production"])
    assert production.max_orders_per_day < research.max_orders_per_day
    assert production.scan_max_spread_pct < research.scan_max_spread_pct
    assert production.roll_dwell_sec > research.roll_dwell_sec
    for mode in ("research", "production"):
        assert load_settings(mode=mode, max_orders_per_day=2).max_orders_per_day == 2


def test_secrets_are_in_no_text_and_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key-1")
    monkeypatch.setenv("DERIBIT_CLIENT_SECRET", "planted-key-2")
    settings = load_settings()
    for text in (repr(settings), str(settings), str(settings.config_snapshot())):
        assert "planted" not in text
    monkeypatch.setenv("MAX_MARGIN_USED_PCT", "planted-as-a-number")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert "planted" not in caught.value.message


def test_the_example_file_holds_every_key_with_its_default(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "callwright.toml.example").read_text()
    for name in Settings.model_fields:
        assert name in text, name
    lines = [line.removeprefix("# ") for line in text.splitlines()]
    (tmp_path / "callwright.toml").write_text(
        "\n".join(line for line in lines if re.match(r"[a-z_]+ = ", line))
    )
    assert load_settings() == Settings()
