"""Explainers of tests: they ask a scripted server about a small desk whose answers are known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from builders import NOW
from callwright.agents.explainer import Explainer, ExplainerSettings
from callwright.domain.explain import (
    ChatAnswer,
    ChatEvent,
    TextPiece,
    ToolUsed,
    WhatIf,
    WhatIfAnswer,
)
from callwright.domain.history import (
    DecisionDetail,
    DecisionSearch,
    SearchPage,
    StatsAnswer,
    StatsQuestion,
)
from callwright.errors import QueryInvalid
from callwright.ports import ChatSessions, DeskReader
from llm_servers import Call, LlmServer, Reply, Request, Script, Turn, in_turn, llm_server
from managers import MemoryUsageBook

STATUS_CALL = Turn(calls=(Call("get_status"),))
STATUS = {"mode": "research", "dry_run": True, "last_decision": None, "limits": {}}

GOOD = Turn(text="The mode is research [status-1].")
BAD = Turn(text="The mode is research and 77777 calls are open [status-1].")


def looked_up(*last: Script | Reply) -> Script:
    """Read the status, then answer with one of ``last`` after the other."""
    return in_turn(STATUS_CALL, *last)


def told(request: Request) -> str:
    """Return the last thing that the model was told."""
    return request.texts[-1]


class CannedDesk:
    """Implements ``ports.DeskReader`` with fixed answers; without one a question is invalid.

    Attributes:
        asked: The names of the questions, in order.
    """

    def __init__(
        self,
        *,
        status: Mapping[str, Any] = STATUS,
        page: SearchPage | None = None,
        detail: DecisionDetail | None = None,
        stats: StatsAnswer | None = None,
        what_if: WhatIfAnswer | None = None,
    ) -> None:
        self.answers = {
            "search_decisions": page,
            "get_decision": detail,
            "decision_stats": stats,
            "get_status": status,
            "what_if": what_if,
            "what_would_the_model_do": what_if,
        }
        self.asked: list[str] = []

    def _answer(self, name: str) -> Any:
        self.asked.append(name)
        answer = self.answers[name]
        if answer is None:
            raise QueryInvalid(f"{name} knows nothing", remedy="ask something else")
        return answer

    def search_decisions(self, search: DecisionSearch) -> SearchPage:
        answer: SearchPage = self._answer("search_decisions")
        return answer

    def get_decision(self, key: int | str) -> DecisionDetail:
        answer: DecisionDetail = self._answer("get_decision")
        if key not in (answer.id, answer.record.cycle_id):
            raise QueryInvalid(f"there is no decision {key}")
        return answer

    def decision_stats(self, question: StatsQuestion) -> StatsAnswer:
        answer: StatsAnswer = self._answer("decision_stats")
        return answer

    def get_status(self) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._answer("get_status")
        return answer

    def what_if(self, question: WhatIf) -> WhatIfAnswer:
        answer: WhatIfAnswer = self._answer("what_if")
        return answer

    async def what_would_the_model_do(self, question: WhatIf) -> WhatIfAnswer:
        answer: WhatIfAnswer = self._answer("what_would_the_model_do")
        return answer


@dataclass
class Asked:
    """What came of a question."""

    events: list[ChatEvent]
    server: LlmServer
    book: MemoryUsageBook
    answers: list[ChatAnswer] = field(default_factory=list)

    @property
    def answer(self) -> ChatAnswer:
        """The one end of it."""
        (answer,) = self.answers
        assert self.events[-1] is answer
        return answer

    @property
    def streamed(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextPiece))

    @property
    def tools(self) -> list[str]:
        return [event.source.tool for event in self.events if isinstance(event, ToolUsed)]


def explainer_settings(url: str, **changes: Any) -> ExplainerSettings:
    """Return settings for a scripted server: quick retries, a short deadline."""
    fields: dict[str, Any] = {
        "model": "scripted",
        "base_url": url,
        "allow_private_network": True,
        "timeout_s": 10.0,
        "retry_wait_s": 0.0,
    }
    return ExplainerSettings(**(fields | changes))


def an_explainer(
    settings: ExplainerSettings,
    desk: DeskReader | None = None,
    *,
    book: MemoryUsageBook | None = None,
    redact: Any = str,
    sessions: ChatSessions | None = None,
) -> Explainer:
    return Explainer(
        settings,
        CannedDesk() if desk is None else desk,
        MemoryUsageBook() if book is None else book,
        redact,
        sessions=sessions,
        now=lambda: NOW,
    )


async def read(explainer: Explainer, question: str, session_id: str | None = None) -> list[Any]:
    """Return all events of a question."""
    return [event async for event in explainer.ask(question, session_id)]


def ask(
    script: Script,
    question: str = "What is the mode?",
    *,
    desk: DeskReader | None = None,
    book: MemoryUsageBook | None = None,
    redact: Any = str,
    sessions: ChatSessions | None = None,
    session_id: str | None = None,
    **changes: Any,
) -> Asked:
    """Ask one question over a scripted server."""
    book = book or MemoryUsageBook()
    with llm_server(script) as server:
        explainer = an_explainer(
            explainer_settings(server.url, **changes),
            desk,
            book=book,
            redact=redact,
            sessions=sessions,
        )
        events = asyncio.run(read(explainer, question, session_id))
    answers = [event for event in events if isinstance(event, ChatAnswer)]
    return Asked(events, server, book, answers)
