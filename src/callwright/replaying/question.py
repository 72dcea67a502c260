"""What is to be decided again, and how far that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from callwright.domain.base import iso_utc, minute_of
from callwright.errors import QueryInvalid
from callwright.replaying.report import BrainName, Missing


@dataclass(frozen=True)
class Question:
    """What is to be decided again, and how.

    Attributes:
        since, until: Market time, from and up to but without; None: all that is stored.
        prompt: Text of a template in place of the manager's; None: the manager's own.
        prompt_name: How reports call it.
        changes: Numbers of limits, scanner and policy by their configuration name.

    Raises:
        QueryInvalid: ``since`` is not before ``until``.
    """

    brain: BrainName = "rules"
    since: datetime | None = None
    until: datetime | None = None
    prompt: str | None = None
    prompt_name: str | None = None
    changes: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.since is not None and self.until is not None and self.since >= self.until:
            since, until = (minute_of(iso_utc(at)) for at in (self.since, self.until))
            raise QueryInvalid(
                f"since {since} is not before until {until}",
                remedy="the earlier time is --since, the later one --until",
            )


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


def nothing_to_decide(span: tuple[str, str] | None, missing: Missing) -> QueryInvalid:
    """Return why no decision could be decided again: none is meant, or none can be.

    Args:
        span: Market times of the first and the last decision there is.
    """
    if missing.without_snapshot or missing.unreadable:
        return QueryInvalid(
            f"no decision of that time can be decided again: {missing.without_snapshot} have no "
            f"stored snapshot, {missing.unreadable} have one that cannot be read",
            remedy="a desk stores the newest SNAPSHOTS_KEPT with its decisions; records from "
            "files have none",
        )
    if span is None:
        return QueryInvalid("there is no decision yet", remedy="callwright run makes some")
    first, last = map(minute_of, span)
    return QueryInvalid(
        f"there is no decision in that time: the first is of {first}, the last of {last}",
        remedy="choose --since and --until between them, or leave them out",
    )
