"""Codes: what the gates say, what is listed, offered to a model, explained and documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from callwright.config import Settings
from callwright.domain.codes import DENIAL_CODES, FAILURE_CODES
from callwright.domain.failure import ModelFailure
from callwright.domain.history import ANY_FAILURE
from callwright.domain.scan import VolState
from callwright.explain.templates_codes import MEANINGS
from callwright.tools.memory_tools import MEMORY_TOOLS
from one_truth.names import snake_names, sources, texts_of, ticked, upper_names, words_of
from one_truth.sides import equal, side, within
from one_truth.trees import ROOT, EditedTree

DOCS = "docs/codes.md"
SECTIONS = ("## Guardrail", "## Risk engine")
PACKAGE = ("guardrails", "memory", "agents", "tools", "src/callwright")
CODE = [*sources(*PACKAGE, "scripts", "bench"), "pyproject.toml", "Makefile"]
_ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \| (.+) \|$")
_CODE = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def emitted(modules: Mapping[str, str]) -> dict[str, set[str]]:
    """Each code in ``Verdict.deny("CODE", fact=…)`` or ``Reason(code="CODE")``, with its facts.

    Args:
        modules: The source of the gates, by path.
    """
    found: dict[str, set[str]] = {}
    for path, source in modules.items():
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.endswith("Verdict.deny"):
                code = node.args[0]
                facts = {str(keyword.arg) for keyword in node.keywords}
            elif called == "Reason":
                code = next(k.value for k in node.keywords if k.arg == "code")
                facts = set()
            else:
                continue
            assert isinstance(code, ast.Constant), f"{path}: a code must be a literal"
            found.setdefault(str(code.value), set()).update(facts)
    return found


def documented(text: str) -> dict[str, tuple[str, str, str]]:
    """Return meaning, facts and remedy of each denial in docs/codes.md."""
    rows: dict[str, tuple[str, str, str]] = {}
    for section in re.split(r"(?m)^(?=## )", text):
        if section.startswith(SECTIONS):
            for match in filter(None, map(_ROW.match, section.splitlines())):
                code, *cells = match.groups()
                assert code not in rows, f"{code} is documented twice"
                rows[code] = (cells[0], cells[1], cells[2])
    return rows


def denials(tree: EditedTree) -> Iterator[str]:
    """Gates, list, questions, explanations and documentation have the same codes and facts."""
    said = emitted({path: tree.text(path) for path in sources("guardrails")})
    gates = side("guardrails/", said)
    rows = documented(tree.text(DOCS))
    yield from equal(gates, side(DOCS, rows))
    yield from equal(gates, side("DENIAL_CODES", DENIAL_CODES))
    yield from within(gates, side("explain/templates_codes.py", MEANINGS))
    offered = MEMORY_TOOLS["search_decisions"].parameters["properties"]["code"]["enum"]
    yield from equal(gates, side("the filter code of search_decisions", _without_none(offered)))
    for code, facts in said.items():
        told = set(re.findall(r"`(\w+)`", rows[code][1])) if code in rows else facts
        yield from equal(side(f"guardrails/, {code}", facts), side(f"{DOCS}, {code}", told))


def failures(tree: EditedTree) -> Iterator[str]:
    """Every failure is listed, can be asked for, and is explained in words and in the docs."""
    rows = set(_CODE.findall(tree.text(DOCS).partition("\n## Failures")[2]))
    listed = side("FAILURE_CODES", FAILURE_CODES)
    yield from within(side("ModelFailure", (code.value for code in ModelFailure)), listed)
    statuses = set(get_args(VolState.model_fields["status"].annotation)) - {"OK"}
    yield from within(side("the status of a VolState", statuses), listed)
    yield from within(listed, side(f"{DOCS}, below Failures", rows))
    yield from within(listed, side("explain/templates_codes.py", MEANINGS))
    offered = MEMORY_TOOLS["search_decisions"].parameters["properties"]["failure"]["enum"]
    yield from equal(side("the filter failure of search_decisions",
                          set(_without_none(offered)) - {ANY_FAILURE}), listed)  # fmt: skip


def names_in_prose(tree: EditedTree) -> Iterator[str]:
    """A code, setting or state that a page names is one that the source has."""
    known = {name.upper() for name in Settings.model_fields}
    for path in sources(*PACKAGE):
        for text in texts_of(tree.text(path)):
            known |= upper_names(text)
    words = {word for path in [*CODE, *sources("tests")] for word in words_of(path)}
    for path in CODE:
        words |= words_of(tree.text(path))
    for path in pages():
        text = tree.text(path)
        yield from within(side(path, upper_names(text)), side("the source", known))
        prose = re.sub(r"(?s)```.*?```", "", text)
        fields = {name for name in ticked(prose) if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
        # Names of files may end in a date.
        named = {n for n in fields | snake_names(text) if n.rstrip("0123456789") not in words}
        yield from within(side(path, named), side("the source", words))


def pages() -> list[str]:
    """Return every page that a user reads, relative to the project."""
    folders = ("agents", "tools", "logs", "evals", "docs")
    # A changelog may name what is called otherwise now.
    found = [path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"]
    found += [path for folder in folders for path in (ROOT / folder).glob("*.md")]
    found.append(ROOT / "callwright.toml.example")
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def _without_none(values: Iterable[str | None]) -> Iterator[str]:
    return (value for value in values if value is not None)
