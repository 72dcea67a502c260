"""The desk of ``make run``: what is recorded of it, and how a recording is made and played once.

The Makefile runs the same with ``callwright run --brain recorded``; a test compares both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from callwright.agents.recorder import Recorder
from callwright.bootstrap import open_desk
from callwright.chatting import ChatOptions, open_chat
from callwright.config import Settings, changed_settings
from callwright.domain.explain import ChatAnswer, ChatEvent
from callwright.domain.record import CycleRecord
from callwright.errors import ConfigError
from callwright.local.model import QWEN_CODER_1_5B
from callwright.loop import run_loop
from callwright.model_brain import recording_with
from callwright.playing import recorded_settings
from callwright.recordings import DEMO

CYCLES = 24
"""In twelve-hour steps: twelve days, with sales, rolls, settlements and cheap options."""

QUESTIONS = (
    "When did you last sell a call?",
    "Show decision 13. Why was it made?",
)


@dataclass(frozen=True)
class Played:
    """What a desk did, and what was answered about it."""

    records: tuple[CycleRecord, ...]
    answers: tuple[ChatAnswer, ...]


def demo_settings(home: Path, *, recording: str = DEMO, **changes: object) -> Settings:
    """Return the settings of the demo's desk, whatever any file here says."""
    given = {
        "callwright_home": home,
        "log_dir": home / "logs",
        "market": "synthetic:7",
        "step": "12h",
        "dry_run": False,
        "llm_enabled": True,
        "llm_recording": recording,
        "llm_model_name": QWEN_CODER_1_5B.name,
        "llm_wire": "chat",
        "llm_protocol": "menu",
        **changes,
    }
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]


def play(
    settings: Settings,
    *,
    cycles: int,
    questions: Sequence[str] = QUESTIONS,
    on_record: Callable[[CycleRecord], None] = lambda record: None,
    on_answer: Callable[[ChatAnswer], None] = lambda answer: None,
) -> Played:
    """Run the desk and ask it; with a model, a player or a recorder, as is set.

    Raises:
        CallwrightError: The desk cannot be opened, or the recording cannot be read.
    """
    records: list[CycleRecord] = []

    def keep(record: CycleRecord) -> None:
        records.append(record)
        on_record(record)

    with open_desk(settings) as home_desk:
        ended = asyncio.run(
            run_loop(
                home_desk.desk,
                cycles=cycles,
                interval_s=0.0,
                on_record=keep,
                after_cycle=home_desk.heartbeat,
            )
        )
    if ended.ended_because != "cycles":
        raise ConfigError(
            f"the desk ended after {ended.cycles} of {cycles} cycles: {ended.ended_because} "
            f"{ended.error}".rstrip(),
            remedy="go on with scripts/record_demo.py --resume",
        )
    answers = []
    # As ``callwright chat`` reads them, which is not told how the desk was run: a status names
    # what differs.
    asking = changed_settings(settings, llm_enabled=False, dry_run=True)
    for question in questions:
        with open_chat(asking, ChatOptions()) as chat:
            answers.append(asyncio.run(_last(chat.ask(question))))
        on_answer(answers[-1])
    return Played(tuple(records), tuple(answers))


def record(
    recorder: Recorder,
    folder: Path,
    *,
    cycles: int,
    out: Path,
    on_record: Callable[[CycleRecord], None] = lambda record: None,
    on_answer: Callable[[ChatAnswer], None] = lambda answer: None,
) -> None:
    """Run the demo's desk with a recorder, write the recording, and play it once.

    Args:
        folder: An empty one, for the desks of both runs.
        out: The file; what was there before stays when the recording does not play. Then, or when
            it is stopped, what was recorded is kept beside it, to go on from: ``unfinished``.

    Raises:
        CallwrightError: A cycle, an answer or a request does not play as it was recorded, or a
            secret would be in the recording.
    """
    settings = demo_settings(folder / "recorded")
    fresh = unfinished(out)

    def keep(record: CycleRecord) -> None:
        # Should it be killed, nothing of it has to be asked for again.
        recorder.save_unfinished(fresh)
        on_record(record)

    def keep_answer(answer: ChatAnswer) -> None:
        recorder.save_unfinished(fresh)
        on_answer(answer)

    with recording_with(recorder):
        done = play(settings, cycles=cycles, on_record=keep, on_answer=keep_answer)
    recorder.save(
        fresh,
        settings=recorded_settings(settings),
        cycles=cycles,
        questions=QUESTIONS,
        prompt_versions=_prompt_versions(done),
    )
    _check(done, play(demo_settings(folder / "played", recording=str(fresh)), cycles=cycles))
    fresh.replace(out)


def unfinished(out: Path) -> Path:
    """Return where a recording is kept that was not finished, or does not play."""
    return out.with_suffix(".unfinished")


def _check(recorded: Played, played: Played) -> None:
    for number, (then, now) in enumerate(zip(recorded.records, played.records, strict=True), 1):
        if then.to_line() != now.to_line():
            raise ConfigError(
                f"cycle {number} does not play as it was recorded:\n{then.to_line()}\n"
                f"{now.to_line()}"
            )
    for asked, answer in zip(recorded.answers, played.answers, strict=True):
        if (asked.text, asked.llm) != (answer.text, answer.llm):
            raise ConfigError(
                f"an answer does not play as it was recorded:\n{asked.text}\n\n{answer.text}"
            )


def _prompt_versions(done: Played) -> dict[str, str]:
    found = {}
    for name, said in (
        ("manager", [record.llm for record in done.records]),
        ("explainer", [answer.llm for answer in done.answers]),
    ):
        versions = sorted({llm["prompt_version"] for llm in said if llm})
        found[name] = " ".join(versions)
    return found


async def _last(events: AsyncIterator[ChatEvent]) -> ChatAnswer:
    found: ChatAnswer | None = None
    async for event in events:
        if isinstance(event, ChatAnswer):
            found = event
    assert found is not None
    return found
