"""Argument models as JSON schemas that strict function calling takes, as short as can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from callwright.tools.memory_questions import CODES, Arguments


def strict_schema(model: type[Arguments], *, like: type[Arguments] | None = None) -> dict[str, Any]:
    """Return a model's schema as strict function parameters allow it, as short as can be.

    Every property is required, null stands for what is left out, nothing else is let in (OpenAI,
    structured outputs guide, read 2026-11-21).

    Args:
        like: A model whose schema stands before: what both have is not explained again.
    """
    whole = model.model_json_schema()
    definitions = whole.get("$defs", {})
    properties = {}
    for name, schema in whole["properties"].items():
        properties[name] = _property(schema, definitions)
        if like is not None and name in like.model_fields:
            properties[name].pop("description", None)
        elif name in CODES:
            properties[name]["enum"] = [*CODES[name], None]
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def narrowed_schema(schema: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a strict schema with some of its arguments alone, unexplained, as a small model can
    use them: what may be null may be left out instead, and a list takes one value."""
    properties: dict[str, Any] = {}
    required = []
    for name in names:
        argument = dict(schema["properties"][name])
        argument.pop("description", None)
        if isinstance(argument["type"], str):
            required.append(name)
        else:
            argument["type"] = argument["type"][0]
            if "enum" in argument:
                argument["enum"] = [value for value in argument["enum"] if value is not None]
        if argument["type"] == "array":
            argument["maxItems"] = 1
        properties[name] = argument
    return {**schema, "properties": properties, "required": required}


def _property(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    kinds = [part for part in schema.get("anyOf", [schema]) if part.get("type") != "null"]
    plain = _plain(kinds[0], definitions)
    if len(kinds) < len(schema.get("anyOf", [schema])):
        plain["type"] = [plain["type"], "null"]
        if "enum" in plain:
            plain["enum"] = [*plain["enum"], None]
    if "description" in schema:
        plain["description"] = schema["description"]
    return plain


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    plain: dict[str, Any] = {"type": schema["type"]}
    if "enum" in schema:
        plain["enum"] = list(schema["enum"])
    if "items" in schema:
        plain["items"] = _plain(schema["items"], definitions)
    return plain
