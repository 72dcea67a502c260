"""Readers of a desk that know less than the whole: a stretch of time, or a log file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callwright.domain.explain import WhatIf, WhatIfAnswer
from callwright.domain.history import (
    DecisionDetail,
    DecisionFilter,
    DecisionSearch,
    SearchPage,
    StatsAnswer,
    StatsQuestion,
)
from callwright.errors import QueryInvalid
from callwright.ports import DeskReader


class BoundedDesk:
    """``ports.DeskReader`` that knows only decisions from ``since`` on."""

    def __init__(self, desk: DeskReader, since: datetime) -> None:
        self._desk = desk
        self._since = since

    def search_decisions(self, search: DecisionSearch) -> SearchPage:
        """Return a page of the decisions that match."""
        page = self._desk.search_decisions(
            search.model_copy(update={"where": self._where(search.where)})
        )
        return page.model_copy(update={"notes": (*page.notes, *self._notes(search.where))})

    def get_decision(self, key: int | str) -> DecisionDetail:
        """Return the decision with this number or ``cycle_id``."""
        found = self._desk.get_decision(key)
        if datetime.fromisoformat(found.record.state.as_of) < self._since:
            raise QueryInvalid(
                f"decision {key} is older than what may be looked at",
                remedy="ask without --limit and --since",
            )
        opened = found.opened_by
        if opened is not None and datetime.fromisoformat(opened.as_of) < self._since:
            # It could not be looked at, nor cited.
            return found.model_copy(update={"opened_by": None})
        return found

    def decision_stats(self, question: StatsQuestion) -> StatsAnswer:
        """Return how many decisions, by what."""
        answer = self._desk.decision_stats(
            question.model_copy(update={"where": self._where(question.where)})
        )
        # The time that was asked about, with a note of what of it was not looked at.
        notes = (*answer.notes, *self._notes(question.where))
        return answer.model_copy(update={"where": question.where, "notes": notes})

    def get_status(self) -> Mapping[str, Any]:
        """Return how the desk stands now."""
        return self._desk.get_status()

    def what_if(self, question: WhatIf) -> WhatIfAnswer:
        """Return what the rules would do on the last snapshot."""
        return self._desk.what_if(question)

    async def what_would_the_model_do(self, question: WhatIf) -> WhatIfAnswer:
        """Return what the model would propose there."""
        return await self._desk.what_would_the_model_do(question)

    def _where(self, where: DecisionFilter) -> DecisionFilter:
        since = self._since if where.since is None else max(where.since, self._since)
        return where.model_copy(update={"since": since})

    def _notes(self, where: DecisionFilter) -> tuple[str, ...]:
        if where.since is not None and where.since >= self._since:
            return ()
        return (f"Only decisions from {self._since:%Y-%m-%d %H:%M} UTC on were looked at.",)


class LogDesk:
    """``ports.DeskReader`` over a log file: it knows decisions, not how the desk stands."""

    def __init__(self, desk: DeskReader) -> None:
        self._desk = desk

    def search_decisions(self, search: DecisionSearch) -> SearchPage:
        """Return a page of the decisions that match."""
        return self._desk.search_decisions(search)

    def get_decision(self, key: int | str) -> DecisionDetail:
        """Return the decision with this number or ``cycle_id``."""
        return self._desk.get_decision(key)

    def decision_stats(self, question: StatsQuestion) -> StatsAnswer:
        """Return how many decisions, by what."""
        return self._desk.decision_stats(question)

    def get_status(self) -> Mapping[str, Any]:
        """Refuse: a log does not say how the desk stands."""
        raise _unknown("how the desk stands now")

    def what_if(self, question: WhatIf) -> WhatIfAnswer:
        """Refuse: a log holds no snapshot."""
        raise _unknown("what the market offered: snapshots are not in it")

    async def what_would_the_model_do(self, question: WhatIf) -> WhatIfAnswer:
        """Refuse: a log holds no snapshot."""
        raise _unknown("what the market offered: snapshots are not in it")


def _unknown(what: str) -> QueryInvalid:
    return QueryInvalid(f"a log file does not say {what}", remedy="ask the desk, without --log")
