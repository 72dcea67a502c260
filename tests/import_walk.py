"""What a module of ours imports, over any number of steps; read from the source, not loaded."""

from __future__ import annotations

import ast
from collections.abc import Collection
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "callwright"


def file_of(module: str) -> Path | None:
    """Return the file of a module of ours, None for what is none (a name in a module)."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def reached_from(*modules: str) -> dict[str, str]:
    """Return every module of ours that these import, in whatever function, and who imports it."""
    found = dict.fromkeys(modules, "the start")
    queue = list(modules)
    while queue:
        module = queue.pop()
        file = file_of(module)
        if file is None:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                if name.startswith("callwright.") and name not in found:
                    found[name] = module
                    queue.append(name)
    return found


def those_within(reached: dict[str, str], parts: Collection[str]) -> dict[str, str]:
    """Return which of the reached modules are one of ``parts`` or within one, and by whom."""
    return {
        module: by
        for module, by in reached.items()
        if any(module == part or module.startswith(f"{part}.") for part in parts)
    }
