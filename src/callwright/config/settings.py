"""All settings as one frozen model: presets applied, checked as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from pydantic import model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from callwright.config.credentials import SecretKeys
from callwright.config.desk import DeskKeys
from callwright.config.language_models import ModelKeys
from callwright.config.numbers import NumberKeys
from callwright.config.presets import PRESETS
from callwright.config.recorded import recorded_values
from callwright.domain.hosts import require_loopback_url, require_testnet_url
from callwright.errors import ConfigError

_WINDOWS = (
    ("delta_open_min", "delta_open_max"),
    ("dte_open_min_days", "dte_open_max_days"),
    ("scan_delta_min", "scan_delta_max"),
    ("scan_dte_min_days", "scan_dte_max_days"),
)

# pydantic-settings builds its sources from the class; the parsed TOML reaches it through here.
_TOML: dict[str, Mapping[str, Any]] = {}


@contextmanager
def toml_values(values: Mapping[str, Any]) -> Iterator[None]:
    """Let ``Settings`` that are made inside read a TOML file's values, the weakest source."""
    _TOML["values"] = values
    try:
        yield
    finally:
        _TOML.clear()


# Keys stand in the order of the bases from the last one on, here and in every record.
class Settings(SecretKeys, ModelKeys, NumberKeys, DeskKeys, BaseSettings):
    """Every setting of the desk; the environment name is the field's in capitals."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        case_sensitive=False,
        env_ignore_empty=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=True,
        defer_build=False,
    )

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
        toml = InitSettingsSource(settings_cls, init_kwargs=dict(_TOML.get("values", {})))
        return init_settings, env_settings, dotenv_settings, toml

    def config_snapshot(self) -> dict[str, Any]:
        """Return what every record says of the configuration: limits and modes, no secret, no path.

        Keys are the configuration's own names; amounts by coin are JSON numbers.
        """
        return recorded_values(self)
