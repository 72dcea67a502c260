"""What the canary asks, and what it hears as another model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from callwright.config import Settings
from callwright.domain.decision import DoNothing
from callwright.domain.failure import ModelFailure
from callwright.evaluation.cases import Case
from callwright.evaluation.running import Ask
from callwright.gate.canary import drift_of
from callwright.gate.combination import Combination
from callwright.gate.standing import NeverApproved, Standing, other_model
from callwright.ports import BrainAnswer
from gate_files import an_approval
from gated_desks import gated_settings


def drift(standing: Standing, settings: Settings, ask: Ask) -> str:
    return asyncio.run(drift_of(standing, settings, ask))


def a_standing(**changes: Any) -> Standing:
    approval = an_approval(**changes)
    labels = approval.model_dump(include={"model", "wire", "protocol", "server", "parts"})
    return Standing(Combination(**labels), approval, None)


def test_an_answer_that_was_not_recorded_is_none_that_was_approved(tmp_path: Path) -> None:
    async def silent(case: Case) -> BrainAnswer:
        return BrainAnswer(
            proposal=DoNothing(),
            source="llm",
            failure=ModelFailure.NOT_RECORDED,
            failure_message="the prompt is another one",
        )

    standing = a_standing(answers={"open/calm": (ModelFailure.NOT_RECORDED.value,)})
    found = drift(standing, gated_settings(tmp_path, "http://127.0.0.1:9"), silent)
    assert found == "its canary was not answered: LLM_NOT_RECORDED the prompt is another one"


def test_the_desks_own_model_is_asked_whatever_the_approval_is_called(
    tmp_path: Path,
) -> None:
    asked = []

    async def hears(case: Case) -> BrainAnswer:
        asked.append(case.settings.llm_model_name)
        return BrainAnswer(
            proposal=DoNothing(), source="llm", llm={"served_model": "m-1-2026-01-01"}
        )

    standing = a_standing(answers={"open/calm": ("HOLD",)})
    desk = standing.combination.model_copy(update={"model": "the-desks"})
    standing = Standing(desk, standing.approval, None)
    settings = gated_settings(tmp_path, "http://127.0.0.1:9", llm_model_name="another")
    assert drift(standing, settings, hears) == ""
    assert asked == ["the-desks"]


def test_without_an_approval_nothing_is_asked(tmp_path: Path) -> None:
    async def never(case: Case) -> BrainAnswer:
        raise AssertionError("asked")

    standing = Standing(a_standing().combination, None, None)
    settings = gated_settings(tmp_path, "http://127.0.0.1:9")
    assert "is not approved: nothing is" in drift(standing, settings, never)
    assert NeverApproved().approval is None


@pytest.mark.parametrize(
    ("llm", "about"),
    [
        ({"served_model": "a"}, ""),
        ({"served_model": "b", "served_models": ["a", "b"]}, ""),
        ({"served_model": "a", "served_models": ["a", "c"]}, "names the model c"),
        ({"served_model": "c", "served_models": ["a", "c"]}, "names the model c"),
        ({"served_model": "c"}, "names the model c"),
        ({"served_model": None}, "no longer names the model"),
        # The reply that proposed is not named, an earlier one is, and as approved.
        ({"served_model": None, "served_models": ["a"]}, "no longer names the model"),
        ({}, "no longer names the model"),
    ],
)
def test_every_name_in_a_decision_has_to_be_approved(llm: dict[str, Any], about: str) -> None:
    found = other_model(an_approval(served_models=("a", "b")), llm)
    assert about in found
    assert bool(about) == bool(found)


def test_a_provider_that_named_nothing_may_go_on_so_and_no_further() -> None:
    approval = an_approval(served_models=())
    assert other_model(approval, {"served_model": None}) == ""
    some = {"served_model": None, "served_models": ["a"]}
    assert other_model(approval, some).endswith("model a, approved was one without a name")
