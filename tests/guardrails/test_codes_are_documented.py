"""docs/codes.md and the source agree: on the codes, and on the facts that each code carries."""

from __future__ import annotations

import re

import pytest

from one_truth.codes import DOCS, documented, emitted
from one_truth.names import sources
from one_truth.trees import ROOT

SAID = emitted({path: (ROOT / path).read_text("utf-8") for path in sources("guardrails")})
ROWS = documented((ROOT / DOCS).read_text("utf-8"))


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    assert set(ROWS) == set(SAID)


@pytest.mark.parametrize("code", sorted(SAID))
def test_the_facts_of_a_code_are_documented(code: str) -> None:
    meaning, facts, remedy = ROWS[code]
    assert set(re.findall(r"`(\w+)`", facts)) == SAID[code]
    assert meaning.endswith(".")
    assert remedy.endswith(".")


@pytest.mark.parametrize("code", sorted(SAID))
def test_codes_are_upper_case_words(code: str) -> None:
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)+", code)
