"""The names of fields, codes and settings, as JSON, prose and source write them."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from one_truth.trees import ROOT

_FIELD = re.compile(r"[a-z][a-z0-9_]*")
_SNAKE = re.compile(r"(?<![\w*])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?!\w)")
_UPPER = re.compile(r"(?<!\w)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?!\w)")


def json_names(value: Any) -> set[str]:
    """Return every key within JSON values; names of coins, options and codes are data, not keys."""
    found: set[str] = set()
    if isinstance(value, Mapping):
        found |= {name for name in value if _FIELD.fullmatch(name)}
        value = list(value.values())
    if isinstance(value, list | tuple):
        found |= {name for item in value for name in json_names(item)}
    return found


def snake_names(text: str) -> set[str]:
    """Return the names like ``free_cover_coin`` in a text."""
    return set(_SNAKE.findall(text))


def upper_names(text: str) -> set[str]:
    """Return the names like ``ROLL_DWELL`` in a text."""
    return set(_UPPER.findall(text))


def quoted_names(text: str) -> set[str]:
    """Return what stands alone in double quotes."""
    return set(re.findall(r'"([a-z_]+)"', text))


def endings(text: str) -> set[str]:
    """Return what a text says of whole families of names: ``_coin`` of ``*_coin``."""
    return set(re.findall(r"\*(_[a-z]+)", text))


def table(text: str, heading: str = "") -> list[list[str]]:
    """Return the cells of the first table behind a heading, its head left out.

    Raises:
        LookupError: There is no such heading.
    """
    _, found, rest = text.partition(f"\n{heading}\n")
    if not found:
        raise LookupError(f"no heading {heading!r}")
    rows: list[list[str]] = []
    for line in rest.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            break
    return rows[2:]


def ticked(cell: str) -> list[str]:
    """Return what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def named_rows(text: str, heading: str) -> dict[str, list[str]]:
    """Return the rows of that table by the name that opens the first cell of each, in backticks."""
    return {ticked(row[0])[0]: row for row in table(text, heading)}


@cache
def attributes_of(source: str, owner: str) -> frozenset[str]:
    """Return the names that code reads of anything called ``owner``: ``x.limits.NAME``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            of = node.value
            called = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", None)
            if called == owner:
                found.add(node.attr)
    return frozenset(found)


@cache
def texts_of(source: str) -> frozenset[str]:
    """Return every string that code holds, docstrings left out."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return frozenset(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
    )


@cache
def words_of(source: str) -> frozenset[str]:
    """Return every word of a text."""
    return frozenset(re.findall(r"\w+", source))


@cache
def keys_read(source: str) -> frozenset[str]:
    """Return the keys that code looks up: ``row["delta"]``, ``row.get("delta")``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript):
            key = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(".get") and node.args:
            key = node.args[0]
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
    groups = re.findall(r"\(\?P<(\w+)>", source)
    return frozenset(found.difference(groups, {""}))


@cache
def sources(*folders: str) -> list[str]:
    """Return the paths of all modules in these folders, relative to the project."""
    return [
        (Path(folder) / name).relative_to(ROOT).as_posix()
        for each in folders
        for folder, _, names in os.walk(ROOT / each)
        for name in sorted(names)
        if name.endswith(".py")
    ]
