"""Frozen models to table rows and back: a column a field, by the field's name.

Decimals are stored as text, exactly; times as fixed-width UTC text, so they sort as time does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from pydantic import ValidationError

from callwright.domain.base import Frozen
from callwright.errors import StorageError

M = TypeVar("M", bound=Frozen)


def time_text(at: datetime) -> str:
    """Return ``2026-01-05T08:30:00.000000+00:00``."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def columns(model: type[Frozen]) -> str:
    """Return the model's fields as a list of columns."""
    return ", ".join(model.model_fields)


def places(model: type[Frozen]) -> str:
    """Return a placeholder for each column."""
    return ", ".join("?" * len(model.model_fields))


def cells(model: Frozen) -> tuple[Any, ...]:
    """Return the model's values as SQLite stores them, in the order of ``columns``."""
    values = model.__dict__
    return tuple(_cell(values[name]) for name in type(model).model_fields)


def read_row(model: type[M], row: Sequence[Any]) -> M:
    """Return the model that a row of ``columns`` states.

    Raises:
        StorageError: The row is not one that we wrote.
    """
    try:
        return model.model_validate(dict(zip(model.model_fields, row, strict=True)))
    except ValidationError as exc:
        raise StorageError(
            f"a stored {model.__name__} cannot be read: {exc.error_count()} wrong fields, "
            f"key {row[0]!r}",
            remedy="restore desk.db from a backup",
        ) from exc


def _cell(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, Enum):
        return value.value
    return value
