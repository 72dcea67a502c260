"""Where text can stand in frozen data, by its types and in an instance, and how to plant some."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

Path = tuple[tuple[str, Any], ...]
"""Steps into a value: ``field`` and its name, ``key`` or ``value`` and the key, ``item`` and i."""


def free_text_fields(kind: Any, seen: set[Any] | None = None) -> set[str]:
    """Return every field reachable from a class that may hold any text, as ``Class.field``.

    Keys of mappings are ``Class.field[key]``. Enumerations and literals are no free text; what may
    be anything may be text.
    """
    seen = set() if seen is None else seen
    if kind in seen or not _has_fields(kind):
        return set()
    seen.add(kind)
    found: set[str] = set()
    for name, hint in _hints(kind).items():
        label = f"{kind.__name__}.{name}"
        found |= _texts_of_hint(hint, label)
        for part in _classes_in(hint):
            found |= free_text_fields(part, seen)
    return found


def texts(
    value: Any, path: Path = (), label: str = "", hint: Any = None
) -> Iterator[tuple[str, Path]]:
    """Yield the label and the path of every free text within a value."""
    if _has_fields(type(value)):
        hints = _hints(type(value))
        for name in hints:
            yield from texts(
                getattr(value, name),
                (*path, ("field", name)),
                f"{type(value).__name__}.{name}",
                hints[name],
            )
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(key, str) and not isinstance(key, Enum):
                yield f"{label}[key]", (*path, ("key", key))
            yield from texts(item, (*path, ("value", key)), label, hint)
    elif isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from texts(item, (*path, ("item", i)), label, hint)
    elif (
        isinstance(value, str)
        and not isinstance(value, Enum)
        and label in _texts_of_hint(hint, label)
    ):
        yield label, path


def planted(value: Any, path: Path, text: str) -> Any:
    """Return a copy of a value with ``text`` at ``path``; no validator is asked."""
    if not path:
        return text
    (kind, name), rest = path[0], path[1:]
    if kind == "key":
        return {text if key == name else key: item for key, item in value.items()}
    if kind == "value":
        return {**value, name: planted(value[name], rest, text)}
    if kind == "item":
        return (*value[:name], planted(value[name], rest, text), *value[name + 1 :])
    changed = planted(getattr(value, name), rest, text)
    if isinstance(value, BaseModel):
        return value.model_copy(update={name: changed})
    other = copy.copy(value)
    object.__setattr__(other, name, changed)
    return other


def _has_fields(kind: Any) -> bool:
    return isinstance(kind, type) and (
        issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind)
    )


def _hints(kind: type) -> dict[str, Any]:
    names = (
        set(kind.model_fields)
        if issubclass(kind, BaseModel)
        else {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    )
    return {name: hint for name, hint in get_type_hints(kind).items() if name in names}


def _texts_of_hint(hint: Any, label: str) -> set[str]:
    if hint is str or hint is Any:
        return {label}
    if get_origin(hint) is Literal or getattr(get_origin(hint), "__module__", "") == "numpy":
        return set()
    parts = get_args(hint)
    found: set[str] = set()
    if (
        len(parts) == 2
        and isinstance(get_origin(hint), type)
        and issubclass(get_origin(hint), Mapping)
    ):
        if parts[0] is str:
            found.add(f"{label}[key]")
        parts = parts[1:]
    for part in parts:
        found |= _texts_of_hint(part, label)
    return found


def _classes_in(hint: Any) -> Iterator[Any]:
    if _has_fields(hint):
        yield hint
    for part in get_args(hint):
        yield from _classes_in(part)
