"""docs/codes.md and the source agree: on the codes, and on the facts that each code carries."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "guardrails").rglob("*.py"))
SECTIONS = ("## Guardrail", "## Risk engine")
ROW = re.compile(r"^\| `([A-Z_]+)` \| (.+) \| (.+) \| (.+) \|$")


def emitted() -> dict[str, set[str]]:
    """Each code in ``Verdict.deny("CODE", fact=…)`` or ``Reason(code="CODE")``, with its facts."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.endswith("Verdict.deny"):
                code = node.args[0]
                facts = {keyword.arg for keyword in node.keywords}
            elif called == "Reason":
                code = next(k.value for k in node.keywords if k.arg == "code")
                facts = set()
            else:
                continue
            assert isinstance(code, ast.Constant), f"{path}: a code must be a literal"
            found.setdefault(code.value, set()).update(str(fact) for fact in facts)  # type: ignore[arg-type]
    return found


def documented() -> dict[str, tuple[str, str, str]]:
    text = (ROOT / "docs" / "codes.md").read_text("utf-8")
    rows: dict[str, tuple[str, str, str]] = {}
    for section in re.split(r"(?m)^(?=## )", text):
        if section.startswith(SECTIONS):
            for match in filter(None, map(ROW.match, section.splitlines())):
                code, *cells = match.groups()
                assert code not in rows, f"{code} is documented twice"
                rows[code] = (cells[0], cells[1], cells[2])
    return rows


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    assert set(documented()) == set(emitted())


@pytest.mark.parametrize("code", sorted(emitted()))
def test_the_facts_of_a_code_are_documented(code: str) -> None:
    meaning, facts, remedy = documented()[code]
    assert set(re.findall(r"`(\w+)`", facts)) == emitted()[code]
    assert meaning.endswith(".")
    assert remedy.endswith(".")


@pytest.mark.parametrize("code", sorted(emitted()))
def test_codes_are_upper_case_words(code: str) -> None:
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)+", code)
