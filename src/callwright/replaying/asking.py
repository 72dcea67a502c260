"""Who decides again: the rules, or a model whose requests are booked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from callwright.brain import rule_based_answer
from callwright.config import Settings
from callwright.ports import BrainAnswer
from callwright.what_if.case import Case

Ask = Callable[[Case], Awaitable[BrainAnswer]]


async def rules(case: Case) -> BrainAnswer:
    """Answer as the rule-based policy does."""
    settings = case.settings
    return rule_based_answer(
        case.snapshot, case.scan, settings.policy_settings(), settings.limits()
    )


@contextmanager
def model(settings: Settings, *, prompt: str | None, booked_in: Path | None) -> Iterator[Ask]:
    """Open the manager agent that the settings name.

    Args:
        prompt: A template in place of its own; None: its own.
        booked_in: Home in whose budgets its requests are booked; None: a temporary one's.

    Raises:
        ConfigError: The endpoint is refused, a key or a price is missing, or the prompt has other
            placeholders than the manager's own.
    """
    # Only here: whoever asks no model never loads the SDK.
    from callwright.evaluation.running import usage_database
    from callwright.model_brain import model_brain

    with usage_database(booked_in) as database:

        async def ask(case: Case) -> BrainAnswer:
            # One for each decision: its limits are part of the prompt.
            brain = model_brain(case.settings, database, purpose="chat", prompt=prompt)
            return await brain.decide(case.snapshot, case.scan)

        # What is missing or refused is told before anything is read.
        model_brain(settings, database, purpose="chat", prompt=prompt)
        yield ask
