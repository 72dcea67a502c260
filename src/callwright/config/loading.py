"""Settings from their sources: command line, environment, ``.env``, ``callwright.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings.exceptions import SettingsError

from callwright.config.near_misses import nearest_key
from callwright.config.settings import Settings, toml_values
from callwright.errors import ConfigError

_REMEDY = "see callwright.toml.example for every key with its unit and default"


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
    values = _read_toml(path) if path.is_file() else {}
    dotenv = env_file or Path(".env")
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        with toml_values(values):
            return Settings(_env_file=dotenv if dotenv.is_file() else None, **given)
    except ValidationError as exc:
        raise ConfigError(_explain(exc), remedy=_REMEDY) from None
    except SettingsError as exc:
        raise ConfigError(f"the environment or {dotenv} cannot be read: {exc}") from None


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
        raise ConfigError(_explain(exc), remedy=_REMEDY) from None


def _read_toml(path: Path) -> dict[str, Any]:
    # Here, because most desks have no such file, and every command imports this module.
    import tomllib

    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}", remedy=_REMEDY) from None
    for key in data:
        if key not in Settings.model_fields:
            raise ConfigError(f"unknown key {key!r} in {path}{_did_you_mean(key)}")
    return data


def _did_you_mean(key: str) -> str:
    meant = nearest_key(key)
    return f"; {_REMEDY}" if meant is None else f"; did you mean {meant!r}?"


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
