"""A conversation: a model answers, or fixed templates do, and those also when the model cannot."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from callwright.domain.explain import (
    AnswerMode,
    ChatAnswer,
    ChatEvent,
    ChatTurn,
    Claim,
    Source,
    ToolUsed,
)
from callwright.domain.failure import ModelFailure
from callwright.errors import StorageError
from callwright.explain import templates
from callwright.ports import ChatSessions, DeskReader
from callwright.tools.sources import Sources, with_options

_SINCE = re.compile(r" --since \S+")


class Asks(Protocol):
    """Whoever answers questions: a model's explainer."""

    def ask(self, question: str, session_id: str | None = None) -> AsyncIterator[ChatEvent]:
        """Yield what happens; the last event is the one ChatAnswer."""
        ...


class Chat:
    """A conversation with a desk.

    Args:
        desk: Who is asked; it can read and nothing else.
        explainer: Answers with a model; None: the templates answer.
        sessions: Where turns are kept, so that numbers of citations go on.
        session_id: The conversation; None: each question stands alone.
        redact: Masks every known secret in a text.
        since: What may be looked at begins here, as text; "" for all.
        notes: What the reader should know before asking.
        recorded: The questions that were recorded, where recorded replies are played.

    Attributes:
        mode: Who answers.
    """

    def __init__(
        self,
        desk: DeskReader,
        *,
        explainer: Asks | None,
        sessions: ChatSessions,
        session_id: str | None,
        redact: Callable[[str], str],
        command_options: str = "",
        model: str | None = None,
        since: str = "",
        notes: tuple[str, ...] = (),
        recorded: tuple[str, ...] = (),
    ) -> None:
        self.desk = desk
        self.mode: AnswerMode = "templates" if explainer is None else "llm"
        self.model = model
        self.notes = notes
        self.session_id = session_id
        self._explainer = explainer
        self._sessions = sessions
        self._redact = redact
        self._command_options = command_options
        self._since = since
        self._recorded = recorded

    def begin_anew(self, session_id: str) -> None:
        """Leave the conversation; the next question begins another."""
        self.session_id = session_id

    async def ask(self, question: str) -> AsyncIterator[ChatEvent]:
        """Yield what happens while a question is answered; the last event is one ChatAnswer."""
        async for event in self._events(question):
            yield self._bounded(event) if self._since else event

    async def _events(self, question: str) -> AsyncIterator[ChatEvent]:
        if self._explainer is None:
            async for event in self._without_model(question):
                yield event
            return
        failed: ChatAnswer | None = None
        async for event in self._explainer.ask(question, self.session_id):
            if isinstance(event, ChatAnswer) and event.failure is not None:
                failed = event
            else:
                yield event
        if failed is None:
            return
        async for event in self._without_model(question):
            if isinstance(event, ChatAnswer):
                event = _after_failure(failed, event, self._recorded)
            yield event

    async def _without_model(self, question: str) -> AsyncIterator[ChatEvent]:
        sources = Sources(self.desk, earlier=self._earlier(), command_options=self._command_options)
        async for event in templates.answer(question, self.desk, sources):
            if isinstance(event, ChatAnswer):
                event = event.model_copy(update={"text": self._redact(event.text)})
                self._keep(event)
            yield event

    def _bounded(self, event: ChatEvent) -> ChatEvent:
        """Return the event with commands that look no further back than this conversation."""
        if isinstance(event, ToolUsed):
            return event.model_copy(update={"source": self._bounded_source(event.source)})
        if isinstance(event, ChatAnswer):
            sources = tuple(self._bounded_source(source) for source in event.sources)
            return event.model_copy(update={"sources": sources})
        return event

    def _bounded_source(self, source: Source) -> Source:
        if source.tool not in ("search_decisions", "decision_stats"):
            return source
        if str(source.arguments.get("since") or "") >= self._since:
            return source
        command = _SINCE.sub("", source.command)
        command = with_options(command, f"--since {self._since}")
        return source.model_copy(update={"command": command})

    def _earlier(self) -> tuple[Source, ...]:
        if self.session_id is None:
            return ()
        with suppress(StorageError):
            turns = self._sessions.turns(self.session_id)
            return tuple(source for turn in turns for source in turn.sources)
        return ()

    def _keep(self, answer: ChatAnswer) -> None:
        if self.session_id is None or answer.failure is not None:
            return
        turn = ChatTurn(question=answer.question, answer=answer.text, sources=answer.sources)
        # A template needs no history; without a place for it the answer is as good.
        with suppress(StorageError):
            self._sessions.add(self.session_id, turn)


def _after_failure(failed: ChatAnswer, answer: ChatAnswer, recorded: Sequence[str]) -> ChatAnswer:
    told = failed.text
    if failed.failure == ModelFailure.NOT_RECORDED and recorded:
        told += " Recorded were: " + " ".join(f"“{question}”" for question in recorded)
    note = f"{told}\n\nAnswered without a model instead:"
    return answer.model_copy(
        update={"text": f"{note}\n\n{answer.text}", "llm": failed.llm,
                "sources": _once((*failed.sources, *answer.sources)),
                "claims": _moved(answer, len(note) + 2)}
    )  # fmt: skip


def _moved(answer: ChatAnswer, by: int) -> tuple[Claim, ...]:
    return tuple(
        claim.model_copy(update={"start": claim.start + by, "end": claim.end + by})
        for claim in answer.claims
    )


def _once(sources: Sequence[Source]) -> tuple[Source, ...]:
    return tuple({source.cite: source for source in sources}.values())


class MemorySessions:
    """``ports.ChatSessions`` that ends with the process."""

    def __init__(self) -> None:
        self._turns: dict[str, list[ChatTurn]] = {}

    def turns(self, session_id: str) -> tuple[ChatTurn, ...]:
        """Return what is kept of a conversation, oldest first."""
        return tuple(self._turns.get(session_id, ()))

    def add(self, session_id: str, turn: ChatTurn) -> None:
        """Keep a turn."""
        self._turns.setdefault(session_id, []).append(turn)
