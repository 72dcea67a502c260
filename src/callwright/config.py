"""Configuration: one flat set of keys, each with its unit in the name or the description.

Sources, strongest first: command line, environment, ``.env``, ``callwright.toml``. An unknown key
in a file is an error. Percent is 0-100 here and becomes a fraction here, once; inside the desk
there are only fractions. Secrets are ``SecretStr`` and never printed.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings.exceptions import SettingsError

from callwright.domain.base import NonNegative
from callwright.domain.hosts import require_loopback_url, require_testnet_url
from callwright.domain.limits import ExecutionSettings, Limits, PolicySettings, ScanSettings
from callwright.errors import ConfigError

UNDERLYINGS = ("BTC", "ETH")
"""Coins whose inverse options the desk knows."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "research": {
        "scan_max_spread_pct": 25.0,
        "scan_min_open_interest": 0.0,
        "scan_min_premium_yield_pct": 2.0,
        "max_orders_per_day": 12,
        "open_cooldown_sec": 43_200.0,
        "roll_dwell_sec": 86_400.0,
    },
    "production": {
        "scan_max_spread_pct": 15.0,
        "scan_min_open_interest": 10.0,
        "scan_min_premium_yield_pct": 4.0,
        "max_orders_per_day": 6,
        "open_cooldown_sec": 86_400.0,
        "roll_dwell_sec": 172_800.0,
    },
}
"""What ``MODE`` sets where the user wrote nothing: production is stricter in every line."""


def _per_underlying(value: Any) -> Any:
    """Accept 0.1 (for every coin), ``"BTC=0.1,ETH=1"`` or ``{"BTC": 0.1, "ETH": 1}``."""
    if isinstance(value, str) and "=" in value:
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        value = {key.strip(): number.strip() for key, _, number in pairs}
    elif isinstance(value, str) and value.strip().startswith("{"):
        raise ValueError("write BTC=0.1,ETH=1")
    if isinstance(value, Mapping):
        unknown = sorted(set(value) - set(UNDERLYINGS))
        if unknown:
            raise ValueError(f"unknown coin {', '.join(unknown)}; known: {', '.join(UNDERLYINGS)}")
        return {coin: _decimal(number) for coin, number in value.items()}
    return dict.fromkeys(UNDERLYINGS, _decimal(value))


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError("expected a number of coins")
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("expected a number of coins, as 0.1") from None


def _coin_list(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


CoinAmounts = Annotated[
    dict[str, NonNegative], NoDecode, BeforeValidator(_per_underlying), Field(min_length=1)
]
Percent = Annotated[float, Field(ge=0, le=100)]
Delta = Annotated[float, Field(ge=0, le=1)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """Every setting of the desk; the environment name is the field's in capitals."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        case_sensitive=False,
        env_ignore_empty=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=True,
    )

    # Where and how it runs
    venue: Literal["paper", "deribit-testnet"] = Field(
        "paper", description="Exchange: paper is the embedded one."
    )
    paper_url: str | None = Field(
        None,
        description="Where a `callwright paper serve` answers; without it it is embedded.",
    )
    market: str = Field(
        "synthetic:7",
        description="Market of the paper exchange: synthetic[:SEED] or recorded:DIR.",
    )
    step: str = Field(
        "6h",
        pattern=r"^\d+(\.\d+)?[smhd]$",
        description="How far a synthetic market moves between cycles: 60s, 15m, 6h or 1d.",
    )
    underlyings: Annotated[
        tuple[Literal["BTC", "ETH"], ...],
        NoDecode,
        BeforeValidator(_coin_list),
        Field(min_length=1),
    ] = UNDERLYINGS  # type: ignore[assignment]
    paper_deposit: CoinAmounts = Field(
        {"BTC": Decimal(1), "ETH": Decimal(10)},
        description="Coin that a new paper account starts with.",
    )
    account_name: str = Field(
        "paper",
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="Part of order labels: lower-case letters, digits and dashes.",
    )
    mode: Literal["research", "production"] = Field(
        "research",
        description="Preset of scanner and rate limits; production is stricter, and lets only an "
        "approved model decide.",
    )
    dry_run: bool = Field(True, description="Decide and record, but send nothing.")
    loop_interval_sec: NonNegativeFloat = Field(60.0, description="Seconds between cycles.")
    callwright_home: Path = Field(Path("var"), description="Folder of database and paper account.")
    log_dir: Path = Field(Path("logs"), description="Folder of the flight recorder's JSONL files.")
    snapshots_kept: Annotated[int, Field(ge=0)] = Field(
        1_440,
        description="Newest snapshots kept for what-if, some 40 kB each; 0 stores none.",
    )
    deribit_base_url: str = Field(
        "https://test.deribit.com/api/v2",
        description="Deribit endpoint: testnet or loopback only.",
    )

    # Limits: what the risk engine enforces
    max_margin_used_pct: Annotated[float, Field(gt=0, le=100)] = 40.0
    max_net_delta_abs: CoinAmounts = {"BTC": Decimal("0.5"), "ETH": Decimal(5)}
    max_expiry_exposure: CoinAmounts = {"BTC": Decimal("0.5"), "ETH": Decimal(5)}
    cover_reserve: CoinAmounts = {"BTC": Decimal(0), "ETH": Decimal(0)}
    delta_open_min: Delta = 0.05
    delta_open_max: Delta = 0.40
    dte_open_min_days: NonNegativeFloat = 3.0
    dte_open_max_days: PositiveFloat = 11.0
    min_premium_coin: NonNegative = Decimal("0.0005")
    price_collar_pct: Percent = 20.0
    price_collar_ticks: Annotated[int, Field(ge=0)] = 2
    max_orders_per_day: Annotated[int, Field(ge=0)] = 12
    max_daily_loss_pct: Percent = 5.0
    open_cooldown_sec: NonNegativeFloat = 43_200.0
    roll_dwell_sec: NonNegativeFloat = 86_400.0
    roll_min_credit_coin: Decimal = Decimal("0")
    roll_max_debit_coin: NonNegative = Decimal("0.01")
    roll_defend_delta: Delta = 0.45
    max_market_age_sec: PositiveFloat = 60.0
    max_quote_age_sec: PositiveFloat = 120.0
    max_clock_drift_sec: PositiveFloat = 1.0
    max_failures_in_a_row: Annotated[int, Field(ge=1)] = 5
    max_maintenance_pct: Percent = 70.0
    expiry_close_hours: NonNegativeFloat = 6.0
    expiry_close_delta: Delta = 0.60

    # Scanner: which calls become candidates
    scan_dte_min_days: NonNegativeFloat = 3.0
    scan_dte_max_days: PositiveFloat = 11.0
    scan_delta_min: Delta = 0.10
    scan_delta_max: Delta = 0.35
    scan_max_spread_pct: PositiveFloat = 25.0
    scan_min_open_interest: NonNegativeFloat = 0.0
    scan_min_premium_yield_pct: NonNegativeFloat = 2.0
    candidates_max: Annotated[int, Field(ge=3, le=5)] = 5
    rv_window_days: PositiveFloat = 7.0
    rv_min_samples: Annotated[int, Field(ge=2)] = 5

    # Rule-based policy
    default_order_size: CoinAmounts = {"BTC": Decimal("0.1"), "ETH": Decimal(1)}
    target_delta: Delta = 0.22
    min_ivrv: NonNegativeFloat = 1.05
    roll_dte_days: NonNegativeFloat = 1.0
    roll_dte_delta: Delta = 0.30
    roll_delta: Delta = 0.50
    roll_capture_pct: Percent = 80.0
    roll_capture_min_dte_days: NonNegativeFloat = 1.5

    # Execution
    order_valid_sec: PositiveFloat = 10.0
    lookup_min_attempts: Annotated[int, Field(ge=1)] = 3
    lookup_span_sec: PositiveFloat = 30.0

    # Language models (optional and experimental)
    llm_enabled: bool = False
    llm_model_name: str = "gpt-4.1-mini"
    llm_chat_model_name: str | None = Field(
        None, description="Answers questions about the desk; without it LLM_MODEL_NAME does."
    )
    llm_cheaper_model_name: str | None = Field(
        None, description="Asked instead while the budget runs low."
    )
    llm_base_url: str | None = Field(
        None, description="An OpenAI-compatible server; without it OpenAI's own."
    )
    llm_allow_private_network: bool = Field(
        False, description="Let LLM_BASE_URL be on this machine or in a private network."
    )
    llm_wire: Literal["responses", "chat"] = Field(
        "responses", description="Responses API, or chat completions for servers without it."
    )
    llm_protocol: Literal["two-call", "stepwise"] = Field(
        "two-call", description="stepwise shows a small model one tool after another."
    )
    llm_recording: str | None = Field(
        None,
        description="Recorded replies to play instead of asking a model: demo, or a file.",
    )
    llm_max_decision_tokens: Annotated[int, Field(ge=1)] = Field(
        2_000, description="Output tokens of a whole decision, over all its requests."
    )
    llm_max_input_tokens: Annotated[int, Field(ge=1)] = Field(
        30_000, description="Input tokens of a whole decision, over all its requests."
    )
    llm_max_turns: Annotated[int, Field(ge=1, le=20)] = 6
    llm_max_tool_calls: Annotated[int, Field(ge=1, le=100)] = 12
    llm_max_tool_calls_per_turn: Annotated[int, Field(ge=1, le=100)] = 6
    llm_timeout_seconds: PositiveFloat = Field(
        60.0, description="Deadline of a whole decision, over all its requests and retries."
    )
    llm_chat_max_tokens: Annotated[int, Field(ge=1)] = Field(
        4_000, description="Output tokens of a whole answer, over all its requests."
    )
    llm_chat_max_input_tokens: Annotated[int, Field(ge=1)] = Field(
        120_000, description="Input tokens of a whole answer, over all its requests."
    )
    llm_chat_timeout_seconds: PositiveFloat = Field(
        120.0, description="Deadline of a whole answer, over all its requests and retries."
    )
    llm_prices_file: Path | None = Field(
        None, description="TOML with prices of models that callwright does not know, or newer ones."
    )
    llm_gate_file: Path = Field(
        Path("gate.toml"),
        description="TOML with the combinations of prompt, tools and model that may trade.",
    )
    llm_canary: bool = Field(
        True, description="Ask an approved model a few known situations before it decides."
    )
    llm_budget_cycle_usd: NonNegativeFloat = 0.05
    llm_budget_day_usd: NonNegativeFloat = 2.0
    llm_budget_month_usd: NonNegativeFloat = 20.0

    # Secrets
    openai_api_key: SecretStr | None = None
    deribit_client_id: SecretStr | None = None
    deribit_client_secret: SecretStr | None = None

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        preset = dict(PRESETS.get(str(data.get("mode", "research")), {}))
        if data.get("venue") == "deribit-testnet":
            # Labels and records of a testnet account never look like those of the paper account.
            preset["account_name"] = "deribit-testnet"
        return {**preset, **data}

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        if not timedelta(seconds=1) <= self.step_length() <= timedelta(days=365):
            raise ValueError("STEP must be between 1s and 365d")
        try:
            require_testnet_url(self.deribit_base_url)
        except ConfigError as exc:
            raise ValueError(f"DERIBIT_BASE_URL: {exc.message}; {exc.remedy}") from None
        if self.paper_url is not None:
            try:
                require_loopback_url(self.paper_url)
            except ConfigError as exc:
                raise ValueError(f"PAPER_URL: {exc.message}; {exc.remedy}") from None
        if self.mode == "production" and not self.llm_canary:
            raise ValueError("LLM_CANARY: only MODE=research may leave the canary out")
        for low, high in _WINDOWS:
            if getattr(self, low) >= getattr(self, high):
                raise ValueError(f"{low.upper()} must be below {high.upper()}")
        for coin in self.underlyings:
            for name in (
                "max_net_delta_abs",
                "max_expiry_exposure",
                "default_order_size",
                "paper_deposit",
            ):
                if coin not in getattr(self, name):
                    raise ValueError(f"{name.upper()} says nothing of {coin}; add {coin}=…")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = InitSettingsSource(settings_cls, init_kwargs=_TOML.get("data", {}))
        return init_settings, env_settings, dotenv_settings, toml

    def limits(self) -> Limits:
        """Return the risk limits, percent turned into fractions."""
        return Limits(
            margin_used_frac_max=self.max_margin_used_pct / 100,
            net_delta_abs_max=self.max_net_delta_abs,
            expiry_exposure_max_coin=self.max_expiry_exposure,
            cover_reserve_coin=self.cover_reserve,
            delta_open_min=self.delta_open_min,
            delta_open_max=self.delta_open_max,
            dte_open_min_days=self.dte_open_min_days,
            dte_open_max_days=self.dte_open_max_days,
            premium_min_coin=self.min_premium_coin,
            price_collar_frac=self.price_collar_pct / 100,
            price_collar_ticks=self.price_collar_ticks,
            orders_per_day_max=self.max_orders_per_day,
            daily_loss_frac_max=self.max_daily_loss_pct / 100,
            open_cooldown_s=self.open_cooldown_sec,
            roll_dwell_s=self.roll_dwell_sec,
            roll_credit_min_coin=self.roll_min_credit_coin,
            roll_debit_max_coin=self.roll_max_debit_coin,
            roll_defend_delta_min=self.roll_defend_delta,
            market_age_max_s=self.max_market_age_sec,
            quote_age_max_s=self.max_quote_age_sec,
            clock_drift_max_s=self.max_clock_drift_sec,
            failures_in_a_row_max=self.max_failures_in_a_row,
            maintenance_frac_max=self.max_maintenance_pct / 100,
            expiry_close_hours=self.expiry_close_hours,
            expiry_close_delta_min=self.expiry_close_delta,
        )

    def scan_settings(self) -> ScanSettings:
        """Return the scanner's filters."""
        return ScanSettings(
            dte_min_days=self.scan_dte_min_days,
            dte_max_days=self.scan_dte_max_days,
            delta_min=self.scan_delta_min,
            delta_max=self.scan_delta_max,
            spread_frac_max=self.scan_max_spread_pct / 100,
            open_interest_min_coin=self.scan_min_open_interest,
            premium_yield_min_annual=self.scan_min_premium_yield_pct / 100,
            quote_age_max_s=self.max_quote_age_sec,
            target_delta=self.target_delta,
            candidates_max=self.candidates_max,
            rv_window_days=self.rv_window_days,
            rv_samples_min=self.rv_min_samples,
        )

    def policy_settings(self) -> PolicySettings:
        """Return the rule-based policy's numbers."""
        return PolicySettings(
            target_delta=self.target_delta,
            ivrv_min=self.min_ivrv,
            roll_dte_days=self.roll_dte_days,
            roll_dte_delta_min=self.roll_dte_delta,
            roll_delta=self.roll_delta,
            capture_frac=self.roll_capture_pct / 100,
            capture_dte_min_days=self.roll_capture_min_dte_days,
            order_size_coin=self.default_order_size,
        )

    def execution_settings(self) -> ExecutionSettings:
        """Return how orders are sent and looked up."""
        return ExecutionSettings(
            order_valid_s=self.order_valid_sec,
            lookup_attempts_min=self.lookup_min_attempts,
            lookup_span_s=self.lookup_span_sec,
        )

    def step_length(self) -> timedelta:
        """Return how far a synthetic market moves between cycles."""
        unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[self.step[-1]]
        try:
            return timedelta(**{unit: float(self.step[:-1])})
        except OverflowError:
            raise ValueError("STEP is too long") from None

    @property
    def is_embedded(self) -> bool:
        """Whether the exchange runs in this process, on a market of ours."""
        return self.venue == "paper" and self.paper_url is None

    def paper_credentials(self) -> tuple[SecretStr, SecretStr]:
        """Return what a paper server is started with and asked with: the Deribit key, or its own.

        Without a key both words are ``paper``: nobody else can reach a server on this machine.
        """
        if self.deribit_client_id is None or self.deribit_client_secret is None:
            return SecretStr("paper"), SecretStr("paper")
        return self.deribit_client_id, self.deribit_client_secret

    def redact(self, text: str) -> str:
        """Return ``text`` with every known secret masked."""
        for name in SECRET_NAMES:
            secret = getattr(self, name)
            if secret is not None and secret.get_secret_value():
                text = text.replace(secret.get_secret_value(), "[secret]")
        return text

    def config_snapshot(self) -> dict[str, Any]:
        """Return what every record says of the configuration: limits and modes, no secret, no path.

        Keys are the configuration's own names; amounts by coin are JSON numbers.
        """
        return {
            name: _jsonable(getattr(self, name))
            for name in type(self).model_fields
            if name not in _NOT_RECORDED
        }


_WINDOWS = (
    ("delta_open_min", "delta_open_max"),
    ("dte_open_min_days", "dte_open_max_days"),
    ("scan_delta_min", "scan_delta_max"),
    ("scan_dte_min_days", "scan_dte_max_days"),
)
_NOT_RECORDED = frozenset(
    {
        "openai_api_key",
        "deribit_client_id",
        "deribit_client_secret",
        "callwright_home",
        "log_dir",
        "loop_interval_sec",
        "snapshots_kept",
        "market",
        "llm_base_url",
        "llm_recording",
        "llm_prices_file",
        # Of the gate, each answer of a model tells what came.
        "llm_gate_file",
        "llm_canary",
        # They bound answers to questions; no decision depends on them.
        "llm_chat_max_tokens",
        "llm_chat_max_input_tokens",
        "llm_chat_timeout_seconds",
        "deribit_base_url",
        "paper_url",
    }
)
SECRET_NAMES = ("openai_api_key", "deribit_client_id", "deribit_client_secret")

# pydantic-settings builds its sources from the class; the parsed TOML reaches it through here.
_TOML: dict[str, dict[str, Any]] = {}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_jsonable(item) for item in value]
    return value


def load_settings(
    *, config_file: Path | None = None, env_file: Path | None = None, **overrides: Any
) -> Settings:
    """Return the settings from command line, environment, ``.env`` and TOML.

    Args:
        config_file: TOML file; by default ``callwright.toml`` here, if there is one.
        env_file: By default ``.env`` here, if there is one.
        overrides: Values of the command line; None means not given.

    Raises:
        ConfigError: An unknown key, a wrong type, an impossible limit or a mainnet host; the
            message names the key and the file.
    """
    path = config_file or Path("callwright.toml")
    if config_file is not None and not path.is_file():
        raise ConfigError(f"there is no configuration file {path}", remedy="check --config")
    _TOML["data"] = _read_toml(path) if path.is_file() else {}
    dotenv = env_file or Path(".env")
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(_env_file=dotenv if dotenv.is_file() else None, **given)
    except ValidationError as exc:
        raise ConfigError(_explain(exc), remedy=_CONFIG_REMEDY) from None
    except SettingsError as exc:
        raise ConfigError(f"the environment or {dotenv} cannot be read: {exc}") from None
    finally:
        _TOML.clear()


def changed_settings(settings: Settings, **changes: Any) -> Settings:
    """Return the settings with some values changed, checked as a whole.

    Raises:
        ConfigError: The settings would be impossible; the message names the key.
    """
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    try:
        # Every value is given, so no environment and no file can speak.
        return Settings(_env_file=None, **(values | changes))
    except ValidationError as exc:
        raise ConfigError(_explain(exc), remedy=_CONFIG_REMEDY) from None


_CONFIG_REMEDY = "see callwright.toml.example for every key with its unit and default"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}", remedy=_CONFIG_REMEDY) from None
    for key in data:
        if key not in Settings.model_fields:
            raise ConfigError(f"unknown key {key!r} in {path}{_did_you_mean(key)}")
    return data


def _did_you_mean(key: str) -> str:
    close = difflib.get_close_matches(key.lower(), Settings.model_fields, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else f"; {_CONFIG_REMEDY}"


def _explain(exc: ValidationError) -> str:
    lines = []
    for error in exc.errors(include_url=False, include_input=False, include_context=False):
        key = ".".join(str(part) for part in error["loc"])
        if error["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r}{_did_you_mean(key)}")
        else:
            message = error["msg"].removeprefix("Value error, ")
            if error["type"] == "string_pattern_mismatch":
                message = f"not understood. {Settings.model_fields[key].description}"
            lines.append(f"{key.upper()}: {message}" if key else message)
    return "; ".join(lines)


def near_miss_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return environment names that look like a setting but are none, with the likely name."""
    known = {name.upper() for name in Settings.model_fields}
    found = {}
    for name in os.environ if environ is None else environ:
        if name.upper() in known or not re.fullmatch(r"[A-Z][A-Z0-9_]{3,}", name):
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.84)
        if close:
            found[name] = close[0]
    return found
