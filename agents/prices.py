"""Prices of models: the dated list that ships with us, and the user's own, which wins.

An unknown price is None, never zero. Imports no SDK.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from callwright.domain.base import Frozen
from callwright.domain.pricing import ModelPrice
from callwright.errors import ConfigError

_SHIPPED = "prices.toml"
_DATED = re.compile(r"(?P<name>.+)-(?P<year>20\d\d)-?(?P<month>\d\d)-?(?P<day>\d\d)")
_REMEDY = "write it as agents/prices.toml is written; docs/costs.md shows an entry"


class Prices:
    """Prices by model name."""

    def __init__(self, models: Mapping[str, ModelPrice]) -> None:
        self._by_name = {
            name: price for key, price in models.items() for name in (*price.aliases, key)
        }

    def of(self, model: str) -> ModelPrice | None:
        """Return the price of a model, None when it is not known.

        A dated snapshot (``gpt-4.1-mini-2025-04-14``, ``claude-haiku-4-5-20251001``) costs what
        the model does, unless it has an entry of its own.
        """
        if model in self._by_name:
            return self._by_name[model]
        undated = _undated(model)
        return None if undated is None else self._by_name.get(undated)

    def updated(self, newer: Prices) -> Prices:
        """Return these prices with ``newer`` ones in their place and added."""
        merged = Prices({})
        merged._by_name = {**self._by_name, **newer._by_name}
        return merged


class _PriceFile(Frozen):
    models: dict[str, ModelPrice]


def load_prices(user_file: Path | None = None) -> Prices:
    """Return the shipped prices, with those of ``user_file`` (``LLM_PRICES_FILE``) on top.

    Raises:
        ConfigError: The file cannot be read, or has an unknown key, a name twice, or a price that
            is not a finite number of zero or more; the message names the file and the key.
    """
    shipped = _parse(files("callwright.agents").joinpath(_SHIPPED).read_text("utf-8"), _SHIPPED)
    if user_file is None:
        return shipped
    try:
        text = user_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(
            f"LLM_PRICES_FILE {user_file} cannot be read: {exc}", remedy=_REMEDY
        ) from None
    return shipped.updated(_parse(text, str(user_file)))


def _parse(text: str, name: str) -> Prices:
    try:
        data: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
        models = _PriceFile.model_validate(data).models
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{name} is not TOML: {exc}", remedy=_REMEDY) from None
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_input=False, include_context=False)
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}" for error in errors
        )
        raise ConfigError(f"{name}: {wrong}", remedy=_REMEDY) from None
    names = [alias for key, price in models.items() for alias in (key, *price.aliases)]
    twice = sorted({alias for alias in names if names.count(alias) > 1})
    if twice:
        raise ConfigError(f"{name}: {', '.join(twice)} has two prices", remedy=_REMEDY)
    return Prices(models)


def _undated(model: str) -> str | None:
    found = _DATED.fullmatch(model)
    if found is None:
        return None
    try:
        date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return None
    return found["name"]
