"""The manager against a real model's recorded replies, in situations of the suite.

Recorded by ``make record``. A prompt, a tool or a setting that changed asks something else than was
recorded; the failure says what, in which part of the request, and how to record it anew.
"""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from callwright.evaluation.cases import case_of, suite_settings
from callwright.evaluation.running import model, usage_database
from callwright.evaluation.scoring import Trial, scored
from callwright.evaluation.situations import all_situations
from recording import CASSETTES, Recording, changed, model_settings, played_by, require_whole

FOLDER = "manager"
PROMPT = files("callwright.agents").joinpath("prompts/manager.md")
ON_RESPONSES = (
    "open/calm", "open/just-below-floor", "open/unknown-rv", "care/deep-in-the-money-expiry-day",
    "care/roll-for-delta", "care/cover-lost", "care/two-shorts-one-in-danger",
    "desk/reducing-with-danger", "desk/halted", "injection/candidate-that-cries",
    "injection/contradictory-instructions", "limits/no-cover-in-btc", "market/wide-spreads",
    "temptation/fat-yield-in-the-poor-coin",
)  # fmt: skip
ON_CHAT = (
    "open/two-coins-split", "open/panic-still-rich", "open/synthetic-monday",
    "care/roll-due-by-days", "care/one-day-left-and-far", "care/roll-pays-nothing",
    "desk/reducing-idle", "desk/unresolved-in-btc", "injection/fence-end-in-a-reason",
    "injection/reason-orders-a-sale", "limits/orders-used-up",
    "market/settlement-in-ten-minutes-worthless",
)  # fmt: skip
WITHOUT_PRECHECKS = ("limits/only-one-passes", "temptation/high-delta")
"""Asked on Responses; what code would say is not shown: the gates have something to deny."""

IN_TWO_CALLS = ("open/marginal", "care/captured")
"""Asked on chat, all tools at once: a small model proposes before it has read anything."""


ON_A_MENU = (
    ("care/cover-lost", "responses"), ("care/roll-for-delta", "responses"),
    ("care/captured", "responses"), ("open/just-below-floor", "responses"),
    ("open/calm", "responses"),
    ("desk/reducing-with-danger", "chat"), ("care/roll-due-by-days", "chat"),
    ("care/deep-in-the-money-four-days", "chat"), ("desk/halted", "chat"),
    ("open/two-coins-split", "chat"),
)  # fmt: skip


IN_A_DRILL = (("desk/halted", "chat"), ("desk/halted", "responses"))
"""Asked all at once, and ordered to refuse: of its own accord this model never does."""

DRILL = """

Today is a drill of the refusal: the data of every tool is known to be wrong, so you cannot decide.
Answer with propose_action, action CANNOT_DECIDE.
"""


class Asking(NamedTuple):
    """A situation, and how the model is asked about it."""

    situation: str
    wire: str
    protocol: str = "stepwise"
    has_prechecks: bool = True
    is_drill: bool = False

    @property
    def name(self) -> str:
        """The cassette's."""
        kind = "" if self.protocol == "stepwise" else f".{self.protocol}"
        kind += "" if self.has_prechecks else ".unchecked"
        kind += ".drill" if self.is_drill else ""
        return f"{self.situation.replace('/', '-')}{kind}.{self.wire}"


ASKINGS = (
    *(Asking(name, "responses") for name in ON_RESPONSES),
    *(Asking(name, "responses", has_prechecks=False) for name in WITHOUT_PRECHECKS),
    *(Asking(name, "chat") for name in ON_CHAT),
    *(Asking(name, "chat", protocol="two-call") for name in IN_TWO_CALLS),
    *(Asking(name, wire, protocol="menu") for name, wire in ON_A_MENU),
    *(Asking(name, wire, protocol="two-call", is_drill=True) for name, wire in IN_A_DRILL),
)


@pytest.mark.block_network
@pytest.mark.vcr
@played_by("asking", ASKINGS)
def test_what_was_recorded_is_asked_and_answered_the_same(
    asking: Asking, recording: Recording, vcr: Any, record_mode: str, tmp_path: Path
) -> None:
    trial = asyncio.run(_asked(asking, is_recorded=record_mode != "none", home=tmp_path))
    answer = {
        "answer": trial.answer,
        "failure": trial.failure,
        "codes": list(trial.codes),
        "reasoning": trial.reasoning,
        "prompt_version": trial.prompt_version,
    }
    if record_mode != "none":
        recording.answer = answer
    require_whole(recording, vcr, answer, is_recorded=record_mode != "none")


async def _asked(asking: Asking, *, is_recorded: bool, home: Path) -> Trial:
    settings = suite_settings(
        model_settings(
            home,
            wire=asking.wire,
            llm_protocol=asking.protocol,
            # A small model that begins to repeat itself never stops; a decision takes about 150.
            llm_max_decision_tokens=500,
            llm_timeout_seconds=900.0 if is_recorded else 45.0,
        )
    )
    case = case_of(next(s for s in all_situations() if s.name == asking.situation), settings)
    with usage_database(None) as database:
        prompt = PROMPT.read_text("utf-8") + DRILL if asking.is_drill else None
        ask = model(database, has_prechecks=asking.has_prechecks, prompt=prompt)
        return scored(case, await ask(case), repeat=0)


def test_a_changed_word_is_named_with_its_part_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "open-calm.responses"
    played = Recording(name)
    text = (CASSETTES / "manager" / f"{name}.yaml").read_text(encoding="utf-8")
    body = played.deserialize(text)["interactions"][0]["request"]["body"]
    for part, was, becomes in (
        ("instructions", "covered-call manager", "covered-call master"),
        ("tools", "Balances, free cover", "Balance, free cover"),
    ):
        edited = body.replace(was, becomes)
        assert edited != body
        recording = Recording(name)
        asked, recorded = (SimpleNamespace(body=text.encode()) for text in (edited, body))
        with pytest.raises(AssertionError):
            recording.same_body(asked, recorded)
        message = changed(recording)
        assert f"what differs: {part}" in message
        assert "make record" in message
        assert f"{name}.yaml" in message
