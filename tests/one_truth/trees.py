"""The project as it would be with one file edited: loaded anew, nothing on disk changes.

    with EditedTree(Rename("tools/vol.py", '"ivrv"', '"ratio"')) as tree:
        tree.text("docs/codes.md")
        tree.module("callwright.tools.vol")  # the edited one, and whoever imports it gets it

Code that was imported before the block is what it was, in the block and after it.
"""

from __future__ import annotations

import importlib
import importlib.resources
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
ANEW = ("callwright", "builders", "situations", "one_truth")
"""What is loaded anew: the project, and the helpers of tests that hold its classes."""
PAGES = ("docs/", "logs/", "README.md", "callwright.toml.example")
STAYS = ("one_truth.trees", "one_truth.names", "one_truth.sides")
"""What holds none, and remembers what it has read."""


class Rename(NamedTuple):
    """In the file ``path``, and in no other, ``old`` is called ``new``; whole words only."""

    path: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Return the edited text.

        Raises:
            LookupError: There is nothing to rename: whoever wrote this meant another file.
        """
        word = re.escape(self.old)
        before = r"(?<!\w)" if re.match(r"\w", self.old) else ""
        behind = r"(?!\w)" if re.search(r"\w$", self.old) else ""
        edited, count = re.subn(before + word + behind, lambda _: self.new, text)
        if not count:
            raise LookupError(f"{self.path} does not name {self.old}")
        return edited


class EditedTree:
    """The files and modules of the project with some renames in them."""

    def __init__(self, *renames: Rename) -> None:
        self._edited: dict[str, str] = {}
        for rename in renames:
            self._edited[rename.path] = rename.applied(self.text(rename.path))
        self._kept: dict[str, ModuleType] = {}
        self._finder = _Finder(self)
        self._files: Any = None

    def text(self, path: str) -> str:
        """Return a file's text; ``path`` is relative to the project."""
        return self._edited.get(path) or (ROOT / path).read_text("utf-8")

    def module(self, name: str) -> ModuleType:
        """Return a module as the edited files make it; only within the block."""
        return importlib.import_module(name)

    def edited(self, path: Path) -> str | None:
        """Return the text of a file that was edited, None of one that was not."""
        try:
            return self._edited.get(path.resolve().relative_to(ROOT).as_posix())
        except ValueError:
            return None

    def __enter__(self) -> EditedTree:
        # A page is no code and no prompt: what was loaded stays as it is.
        has_code = any(not path.startswith(PAGES) for path in self._edited)
        self._kept = _forget() if has_code else {}
        sys.meta_path.insert(0, self._finder)
        self._files = importlib.resources.files
        # Prompts are read through it; whoever imports it anew gets this one.
        setattr(importlib.resources, "files", self._resources)  # noqa: B010 - mypy refuses =
        return self

    def __exit__(self, *_: object) -> None:
        importlib.resources.files = self._files
        sys.meta_path.remove(self._finder)
        if self._kept:
            _forget()
            sys.modules.update(self._kept)

    def _resources(self, package: str) -> Any:
        path = self._files(package)
        return _Resource(self, path) if package.startswith("callwright") else path


def _forget() -> dict[str, ModuleType]:
    names = [n for n in sys.modules if n.partition(".")[0] in ANEW and n not in STAYS]
    return {name: sys.modules.pop(name) for name in names}


class _Resource:
    """A file of a package, as the tree has it."""

    def __init__(self, tree: EditedTree, path: Any) -> None:
        self._tree = tree
        self._path = path

    def joinpath(self, *parts: str) -> _Resource:
        return _Resource(self._tree, self._path.joinpath(*parts))

    def read_text(self, encoding: str = "utf-8") -> str:
        edited = self._tree.edited(Path(str(self._path)))
        text: str = self._path.read_text(encoding) if edited is None else edited
        return text

    def __getattr__(self, name: str) -> Any:
        return getattr(self._path, name)


class _Finder(MetaPathFinder):
    def __init__(self, tree: EditedTree) -> None:
        self._tree = tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in ANEW:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            edited = self._tree.edited(Path(spec.origin))
            if edited is not None:
                spec.loader = _EditedLoader(fullname, spec.origin, edited)
        return spec


class _EditedLoader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, text: str) -> None:
        super().__init__(fullname, path)
        self._text = text

    def path_stats(self, path: str) -> Any:
        # Without them no compiled file is read or written.
        raise OSError

    def get_data(self, path: str) -> bytes:
        return self._text.encode()
