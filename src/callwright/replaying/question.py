"""What is to be decided again, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from callwright.replaying.report import BrainName


@dataclass(frozen=True)
class Question:
    """What is to be decided again, and how.

    Attributes:
        since, until: Market time, from and up to but without; None: all that is stored.
        prompt: Text of a template in place of the manager's; None: the manager's own.
        prompt_name: How reports call it.
        changes: Numbers of limits, scanner and policy by their configuration name.
    """

    brain: BrainName = "rules"
    since: datetime | None = None
    until: datetime | None = None
    prompt: str | None = None
    prompt_name: str | None = None
    changes: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """How far a replay is.

    Attributes:
        at: Decisions read, of ``total``; those behind ``until`` are read for the outcomes.
        decision_id: The last one.
        answer: What came out again; empty when it was not replayed.
    """

    at: int
    total: int
    decision_id: int
    answer: str = ""
