"""Asking brains about situations. No venue and no order in sight; a model's requests are booked."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from callwright.brain import rule_based_answer
from callwright.config import Settings
from callwright.domain.base import Frozen
from callwright.domain.decision import DoNothing
from callwright.domain.desk import DESK_FILE
from callwright.domain.failure import BUDGET_FAILURES, ModelFailure
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.evaluation.cases import Case, case_of, suite_settings
from callwright.evaluation.scoring import Comparison, Score, Trial, compared, score_of, scored
from callwright.evaluation.showing import choices_in
from callwright.evaluation.situations import Situation, suite_version
from callwright.memory.database import DeskDatabase, open_desk_database
from callwright.ports import BrainAnswer

BrainName = Literal["hold", "rules", "any-option", "first-option", "llm-unchecked", "llm"]
"""``any-option`` is every option of a menu in turn, what choosing blindly would score;
``first-option`` is always the first, what the menu's own order would score without a model."""

UNREACHED_MAX = 5
"""Askings in a row that a server does not answer, before the rest is left out."""

Answers = tuple[list[Trial], str]
"""A brain's answers, and why it was not asked everything; empty when it was."""

Ask = Callable[[Case], Awaitable[BrainAnswer]]


class Posed(Protocol):
    """What any brain can be asked about: what is seen, and the settings in force."""

    @property
    def settings(self) -> Settings: ...

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def scan(self) -> Scan: ...


AskAnything = Callable[[Posed], Awaitable[BrainAnswer]]


class Run(Frozen):
    """A brain's answers.

    Attributes:
        model: Who was asked; None for what needs no model.
        against_rules: How it compares with the rules; None for the rules.
        stopped: Why the rest was not asked; empty when everything was.
    """

    brain: str
    model: str | None
    score: Score
    against_rules: Comparison | None
    stopped: str
    trials: tuple[Trial, ...]


class Report(Frozen):
    """Everything that a run of the suite found.

    Attributes:
        suite: 12 hex digits over the situations as they are written.
        prompt_versions: Of the model's prompt, the usual one first; one for each set of limits.
        runs: The baselines first.
    """

    suite: str
    situations: tuple[str, ...]
    repeat: int
    prompt_versions: tuple[str, ...]
    runs: tuple[Run, ...]


async def hold(case: Posed) -> BrainAnswer:
    """Always hold."""
    return BrainAnswer(proposal=DoNothing(), source="rule_based")


async def rules(case: Posed) -> BrainAnswer:
    """Answer as the rule-based policy does."""
    settings = case.settings
    return rule_based_answer(
        case.snapshot, case.scan, settings.policy_settings(), settings.limits()
    )


def any_option(case: Case) -> list[Trial]:
    """Return every option of the menu in its order, as if each had been chosen once."""
    options = choices_in(case).proposals.values()
    return [
        scored(case, BrainAnswer(proposal=option, source="rule_based"), repeat=nth)
        for nth, option in enumerate(options)
    ]


@contextmanager
def usage_database(home: Path | None) -> Iterator[DeskDatabase]:
    """Open the database in which a model's requests are booked.

    Args:
        home: Of the desk whose budgets hold; None: a temporary one, with budgets of its own.

    Raises:
        StorageError: It cannot be used.
    """
    if home is not None:
        with open_desk_database(home / DESK_FILE) as database:
            yield database
        return
    with (
        TemporaryDirectory(prefix="callwright-evals-") as folder,
        open_desk_database(Path(folder) / DESK_FILE, durable=False) as database,
    ):
        yield database


def model(
    database: DeskDatabase, *, has_prechecks: bool = True, prompt: str | None = None
) -> AskAnything:
    """Return the manager agent that the settings name, its requests booked in ``database``.

    Args:
        has_prechecks: It sees what code would say of each proposal, as on a desk.
        prompt: A template in place of its own; None: its own.

    Raises:
        ConfigError: On the first asking, when the endpoint is refused or a key is missing.
    """
    # Only here: whoever asks no model never loads the SDK.
    from callwright.model_brain import model_brain

    async def ask(case: Posed) -> BrainAnswer:
        # One for each situation: its limits are part of the prompt.
        brain = model_brain(
            case.settings, database, purpose="chat", has_prechecks=has_prechecks, prompt=prompt
        )
        return await brain.decide(case.snapshot, case.scan)

    return ask


def evaluate(
    situations: Sequence[Situation],
    settings: Settings,
    *,
    brain: Literal["hold", "rules", "llm"] = "rules",
    unchecked: bool = False,
    home: Path | None = None,
    repeat: int = 1,
    jobs: int = 1,
    on_trial: Callable[[str, Trial], None] = lambda brain, trial: None,
) -> Report:
    """Return how a brain answers these situations, and how both baselines do.

    Args:
        settings: Whose models are asked; limits are those of the situations.
        unchecked: Ask a model also without the prechecks, to see what they are worth to it.
        home: Whose budgets a model is booked in; None: a temporary home's.
        repeat: How often a model is asked the same; the baselines never change their answers.
        jobs: How many questions are with a model at a time.
        on_trial: Told of each answer as it comes in.

    Raises:
        ConfigError: A model's endpoint or price is refused, or its key missing.
        DataInvalid: A situation contradicts itself.
        StorageError: The usage cannot be booked.
    """
    settings = suite_settings(settings)
    cases = [case_of(situation, settings) for situation in situations]

    async def everything() -> dict[BrainName, Answers]:
        answers: dict[BrainName, Answers] = {
            "hold": await asked(cases, hold, on_trial=partial(on_trial, "hold")),
            "rules": await asked(cases, rules, on_trial=partial(on_trial, "rules")),
        }
        if brain == "llm" and settings.llm_protocol == "menu":
            menus = [any_option(case) for case in cases]
            answers["any-option"] = [trial for trials in menus for trial in trials], ""
            answers["first-option"] = [trials[0] for trials in menus], ""
        if brain == "llm":
            with usage_database(home) as database:
                names: list[BrainName] = ["llm-unchecked", "llm"] if unchecked else ["llm"]
                for name in names:
                    answers[name] = await asked(
                        cases,
                        model(database, has_prechecks=name == "llm"),
                        repeat=repeat,
                        jobs=jobs,
                        on_trial=partial(on_trial, name),
                    )
        return answers

    answers = asyncio.run(everything())
    asked_as = answers.get("llm", ([], ""))[0]
    versions = Counter(trial.prompt_version for trial in asked_as)
    del versions[None]
    return Report(
        suite=suite_version(),
        situations=tuple(situation.name for situation in situations),
        repeat=repeat if brain == "llm" else 1,
        prompt_versions=tuple(version for version, _ in versions.most_common() if version),
        runs=tuple(
            Run(
                brain=name,
                model=settings.llm_model_name if name.startswith("llm") else None,
                score=score_of(name, trials),
                against_rules=None if name == "rules" else compared(trials, answers["rules"][0]),
                stopped=stopped,
                trials=tuple(trials),
            )
            for name, (trials, stopped) in answers.items()
        ),
    )


async def asked(
    cases: Sequence[Case],
    ask: Ask,
    *,
    repeat: int = 1,
    jobs: int = 1,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Answers:
    """Return the answers in the order of the questions, and why the rest was not asked, if so.

    A question that a budget leaves unasked is no answer of the brain's: it is left out, and so is
    all that follows. The same when the key is refused, or the server does not answer for long.
    """
    found: dict[int, Trial] = {}
    stopped = ""
    unreached = 0
    questions = iter([(case, nth) for nth in range(repeat) for case in cases])
    numbers = itertools.count()

    async def worker() -> None:
        nonlocal stopped, unreached
        for (case, nth), number in zip(questions, numbers, strict=False):
            if stopped:
                return
            answer = await ask(case)
            if answer.failure in BUDGET_FAILURES:
                stopped = stopped or f"{answer.failure}: {answer.failure_message}"
                return
            trial = scored(case, answer, repeat=nth)
            found[number] = trial
            on_trial(trial)
            unreached = unreached + 1 if answer.failure == ModelFailure.UNAVAILABLE else 0
            if answer.failure == ModelFailure.NOT_AUTHORISED or unreached >= UNREACHED_MAX:
                stopped = stopped or f"{answer.failure}: {answer.failure_message}"

    workers = [asyncio.create_task(worker()) for _ in range(jobs)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [found[number] for number in sorted(found)], stopped
