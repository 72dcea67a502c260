"""The model that decides again, its requests booked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callwright.config import Settings
from callwright.evaluation import running as asking
from callwright.evaluation.running import AskAnything, usage_database


@contextmanager
def model(
    settings: Settings, *, prompt: str | None, booked_in: Path | None
) -> Iterator[AskAnything]:
    """Open the manager agent that the settings name.

    Args:
        prompt: A template in place of its own; None: its own.
        booked_in: Home in whose budgets its requests are booked; None: a temporary one's.

    Raises:
        ConfigError: The endpoint is refused, a key or a price is missing, or the prompt has other
            placeholders than the manager's own.
    """
    # Only here: whoever asks no model never loads the SDK.
    from callwright.model_brain import model_brain

    with usage_database(booked_in) as database:
        # What is missing or refused is told before anything is read.
        model_brain(settings, database, purpose="chat", prompt=prompt)
        yield asking.model(database, prompt=prompt)
