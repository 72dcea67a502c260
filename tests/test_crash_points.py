"""The desk dies at every named place, and nothing is lost, doubled or left in doubt.

Three processes each: desk, paper server, scripted model. ``make kill-test`` runs 20 seeds of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from callwright.crashpoints import POINTS
from crashes import Case, cases, run_case

SAMPLE = [*cases(("rules",), (1,)), *(c for c in cases(("llm",), (2,)) if "model" in c.point)]


def test_the_sample_has_every_place() -> None:
    assert {case.point for case in SAMPLE} == set(POINTS)


@pytest.mark.parametrize("case", SAMPLE, ids=lambda case: f"{case.point}-{case.brain}")
def test_a_kill_there_loses_and_doubles_nothing(tmp_path: Path, case: Case) -> None:
    outcome = run_case(case, tmp_path)
    assert outcome.struck, "the place was not reached"
    assert outcome.problems == []
    assert outcome.orders > 0


@pytest.mark.parametrize("point", ["after_post_bytes", "after_accept", "after_reply"])
def test_a_desk_that_guesses_instead_of_looking_fails(tmp_path: Path, point: str) -> None:
    # Were these cases to pass without the look-up, they would prove nothing.
    outcome = run_case(Case(point, "rules", 1, without_lookup=True), tmp_path)
    assert outcome.struck
    assert outcome.problems
