"""Looking things up for an answer: typed questions to the tools, each kept as a source."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from callwright.domain.explain import Source, ToolUsed
from callwright.domain.history import DecisionFilter, DecisionSearch
from callwright.explain.questions import Asked
from callwright.ports import DeskReader
from callwright.tools.sources import Sources


class Look:
    """The desk through its tools, for one question.

    Args:
        newest: The newest decision as JSON values; what relative dates count from.
        desk: The same that ``sources`` asks.
        sources: Numbers and keeps what was looked at.

    Attributes:
        used: The tool calls of this question, in order.
    """

    def __init__(self, newest: Mapping[str, Any], desk: DeskReader, sources: Sources) -> None:
        self.newest = newest
        self._desk = desk
        self._sources = sources
        self.used: list[ToolUsed] = []

    @property
    def now(self) -> datetime:
        """Market time of the newest decision."""
        return datetime.fromisoformat(self.newest["record"]["state"]["as_of"])

    def peek(self, decision_id: int) -> Mapping[str, Any]:
        """Return a decision that no answer will cite."""
        return self._desk.get_decision(decision_id).model_dump(mode="json")

    async def stats(self, *group_by: str, where: DecisionFilter, limit: int = 20) -> Source:
        """Return counts and sums by up to two dimensions."""
        return await self._ask(
            "decision_stats", {**_arguments(where), "group_by": list(group_by), "limit": limit}
        )

    async def search(
        self,
        where: DecisionFilter,
        *,
        text: str | None = None,
        limit: int = 10,
        is_each: bool = False,
        is_oldest: bool = False,
        cursor: int | None = None,
    ) -> Source:
        """Return decisions, newest first."""
        more = {"text": text, "limit": limit, "each": is_each, "cursor": cursor}
        return await self._ask(
            "search_decisions",
            {**_arguments(where), **more, "order": "oldest" if is_oldest else "newest"},
        )

    async def decision(self, key: int | str) -> Source:
        """Return a decision, whole."""
        return await self._ask("get_decision", {"id": str(key)})

    async def status(self) -> Source:
        """Return how the desk stands."""
        return await self._ask("get_status", {})

    async def what_if(self, arguments: Mapping[str, Any]) -> Source:
        """Return what the rules would do on the last snapshot, changed."""
        return await self._ask("what_if", arguments)

    async def _ask(self, name: str, arguments: Mapping[str, Any]) -> Source:
        began = time.perf_counter()
        source = await self._sources.ask(name, json.dumps(arguments))
        self.used.append(ToolUsed(source=source, latency_ms=(time.perf_counter() - began) * 1000))
        return source


def newest_decision(desk: DeskReader) -> Mapping[str, Any] | None:
    """Return the newest decision as JSON values; None when none is on record."""
    page = desk.search_decisions(DecisionSearch(limit=1, collapse=False))
    if not page.hits:
        return None
    return desk.get_decision(page.hits[0].id).model_dump(mode="json")


def where_of(asked: Asked, **more: Any) -> DecisionFilter:
    """Return the filter that a question names: coin, option, strike, span, codes."""
    span = asked.span
    return DecisionFilter(
        **{
            "underlying": asked.coin,
            "symbol": asked.symbol,
            "strike_usd": asked.strike_usd,
            "code": asked.code,
            "failure": asked.failure,
            "since": span.since if span else None,
            "until": span.until if span else None,
            **more,
        }
    )


def when_asked(asked: Asked) -> DecisionFilter:
    """Return the filter of a question's time alone; what holds say of a coin is in their words."""
    span = asked.span
    return DecisionFilter(since=span.since if span else None, until=span.until if span else None)


def _arguments(where: DecisionFilter) -> dict[str, Any]:
    told: dict[str, Any] = where.model_dump(mode="json", exclude_defaults=True)
    strike = told.pop("strike_usd", None)
    # Digits only: an exponent is no strike.
    return told | ({} if strike is None else {"strike": f"{strike:f}".rstrip("0").rstrip(".")})
