"""The recording that comes with callwright plays the whole of ``make run``, from a real model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import callwright.recordings
from callwright.agents.recorded import Player
from callwright.demo import CYCLES, QUESTIONS, Played, demo_settings, play
from callwright.domain.recorded import rules_instead
from callwright.local.model import QWEN_CODER_1_5B
from callwright.recordings import DEMO, Exchange, Recording, read_recording
from callwright.recordings.requests import Asked

SHIPPED = Path(callwright.recordings.__file__).with_name(f"{DEMO}.jsonl")

pytestmark = pytest.mark.block_network

ANEW = (
    "The demo's recording does not fit any more: {why}. If the change is meant, record it anew: "
    "python scripts/record_demo.py (make record makes all recordings)."
)


@pytest.fixture(scope="module")
def shipped() -> Recording:
    return read_recording(DEMO)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, set[str]]:
    """Play it once; return what came of it and the requests that were made."""
    asked_for: set[str] = set()
    reply = Player.reply

    def noting(player: Player, asked: Asked) -> Exchange:
        asked_for.add(asked.sha256)
        return reply(player, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Player, "reply", noting)
        home = tmp_path_factory.mktemp("demo")
        return play(demo_settings(home), cycles=CYCLES), asked_for


def test_it_is_from_the_model_that_callwright_can_fetch(shipped: Recording) -> None:
    origin = shipped.origin
    assert (origin.model, origin.sha256) == (QWEN_CODER_1_5B.name, QWEN_CODER_1_5B.sha256)
    assert origin.server is not None
    assert origin.threads is not None
    assert "not the quality of a hosted model" in origin.says
    assert (origin.cycles, origin.questions) == (CYCLES, QUESTIONS)


def test_every_request_of_the_demo_is_recorded(demo: tuple[Played, set[str]]) -> None:
    done, _ = demo
    whys = [why for record in done.records if (why := rules_instead(record.llm)) is not None]
    whys += [answer.text for answer in done.answers if "LLM_NOT_RECORDED" in answer.text]
    assert not whys, ANEW.format(why=whys[0])
    assert len(done.records) == CYCLES


def test_all_that_is_recorded_is_played(demo: tuple[Played, set[str]], shipped: Recording) -> None:
    _, asked_for = demo
    unused = {exchange.sha256 for exchange in shipped.exchanges} - asked_for
    assert not unused, ANEW.format(why=f"{len(unused)} recorded requests are not made")


def test_it_is_of_the_prompts_that_are_here(
    demo: tuple[Played, set[str]], shipped: Recording
) -> None:
    done, _ = demo
    versions = shipped.origin.prompt_versions
    assert {(record.llm or {})["prompt_version"] for record in done.records} == {
        versions["manager"]
    }
    assert {(answer.llm or {})["prompt_version"] for answer in done.answers} == {
        versions["explainer"]
    }


def test_both_questions_are_answered_by_the_model(demo: tuple[Played, set[str]]) -> None:
    done, _ = demo
    assert [answer.mode for answer in done.answers] == ["llm"] * len(QUESTIONS)


def test_it_holds_no_key_and_no_path_of_a_machine() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert not re.search(r"sk-[A-Za-z0-9_-]{16,}|Bearer |authorization", text, re.ASCII)
    assert not re.search(r"/(?:home|root|tmp|Users|work)/", text)
