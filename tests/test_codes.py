"""Every code that a user can meet is explained in docs/codes.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callwright import errors
from callwright.domain.failure import ModelFailure
from callwright.errors import CallwrightError
from callwright.execution import reconcile

DOCS = (Path(__file__).parents[1] / "docs" / "codes.md").read_text(encoding="utf-8")


def all_errors(kind: type[CallwrightError] = CallwrightError) -> set[type[CallwrightError]]:
    return {kind}.union(*(all_errors(sub) for sub in kind.__subclasses__()))


@pytest.mark.parametrize(
    "code", sorted({kind.code for kind in all_errors() if kind.__module__ == errors.__name__})
)
def test_every_error_code_is_documented(code: str) -> None:
    assert f"`{code}`" in DOCS


@pytest.mark.parametrize("code", sorted(ModelFailure))
def test_every_failure_of_a_model_is_documented(code: str) -> None:
    assert f"| `{code}` |" in DOCS


@pytest.mark.parametrize(
    "code",
    sorted(
        value
        for value in vars(reconcile).values()
        if isinstance(value, str) and value.startswith("RECONCILE_")
    ),
)
def test_every_finding_is_documented_with_what_it_does(code: str) -> None:
    row = re.search(rf"^\| `{code}` \|.*\| (yes|no) \|$", DOCS, re.MULTILINE)
    assert row is not None
    assert (row[1] == "yes") == (code in reconcile.REMEDIES)


@pytest.mark.parametrize(
    "why",
    ["TRADING_STATE_", "VALID_UNTIL_PASSED", "FIRST_LEG_NOT_FILLED", "COVER_EXCEEDED",
     "COVER_UNKNOWN"],
)  # fmt: skip
def test_every_reason_for_not_sending_is_documented(why: str) -> None:
    source = Path(reconcile.__file__).with_name("submit.py").read_text(encoding="utf-8")
    assert why in source
    assert why in DOCS
