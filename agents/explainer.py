"""The explainer agent: answers questions about the desk, and every number in them is checked.

It is given a reader of the desk and a usage book. It holds no venue, no sender, and nothing that
can be written but its own conversations. Whatever goes wrong becomes an answer that says so and
carries a stable ``failure``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from agents import ModelSettings

from callwright.agents.booking import BookedModel
from callwright.agents.explainer_drafts import Drafts, prompts_of
from callwright.agents.explainer_prompt import asked, asked_plainly, history
from callwright.agents.explainer_tools import Inquiry, InquiryCaps, explainer_tools_text
from callwright.agents.explainer_words import no_answer
from callwright.agents.prompt import version_of
from callwright.agents.providers import ManagerSettings, Provider
from callwright.agents.runs import failure_of
from callwright.domain.explain import ChatAnswer, ChatEvent, ChatTurn, Claim, Source
from callwright.errors import CallwrightError, StorageError
from callwright.explain import evidence
from callwright.ports import BudgetStage, ChatSessions, DeskReader, UsageBook
from callwright.tools.fences import outside_text
from callwright.tools.sources import Sources

QUESTION_LENGTH_MAX = 4_000
MESSAGE_LENGTH_MAX = 300


@dataclass(frozen=True)
class ExplainerSettings(ManagerSettings):
    """Who is asked, where, and what one question may take, its correction included.

    Attributes:
        max_history_tokens: What is told of the conversation so far.
    """

    max_turns: int = 8
    max_tool_calls: int = 16
    max_input_tokens: int = 120_000
    max_output_tokens: int = 4_000
    timeout_s: float = 120.0
    max_history_tokens: int = 8_000


class Explainer:
    """Answers questions with a model.

    Args:
        desk: Who is asked; it can read and nothing else.
        book: What requests cost, reserved before each of them, as ``chat``.
        redact: Masks every known secret in a text.
        sessions: Where conversations are kept; without it each question stands alone.
        command_options: Put behind the commands that are shown, such as ``--home var/llm``.
        now: The wall clock, to say what "yesterday" was.
        clock: Seconds that only ever grow, for latencies.

    Raises:
        ConfigError: The endpoint is refused, or a key is missing.
    """

    def __init__(
        self,
        settings: ExplainerSettings,
        desk: DeskReader,
        book: UsageBook,
        redact: Callable[[str], str],
        *,
        sessions: ChatSessions | None = None,
        command_options: str = "",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._book = book
        self._redact = redact
        self._sessions = sessions
        self._command_options = command_options
        self._now = now
        self._clock = clock
        self._provider = Provider(settings, clock)
        self._prompts = prompts_of(stepwise=settings.is_small)

    def prompt_version(self, model: str) -> str:
        """Return 12 hex digits over prompt, tool schemas, model settings and model."""
        options = dataclasses.asdict(self._options(model, ""))
        options["retry"] = None
        tools = explainer_tools_text(stepwise=self._settings.is_small)
        return version_of(*self._prompts, tools, options, model)

    async def ask(self, question: str, session_id: str | None = None) -> AsyncGenerator[ChatEvent]:
        """Yield what happens while a question is answered; the last event is the one ChatAnswer.

        Whoever stops reading stops the work; what was sent until then is booked.

        Args:
            session_id: The conversation that it belongs to; None: none.
        """
        events: asyncio.Queue[ChatEvent | None] = asyncio.Queue()
        # In a task of its own: its deadline must not interrupt whoever reads the events.
        work = asyncio.create_task(self._answer(question, session_id, events.put_nowait))
        work.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                yield event
            yield work.result()
        finally:
            work.cancel()
            await asyncio.wait({work})

    async def _answer(
        self, question: str, session_id: str | None, emit: Callable[[ChatEvent], None]
    ) -> ChatAnswer:
        started = self._clock()
        question = "".join(c for c in question if c.isprintable() or c in "\n\t").strip()
        work = _Work(question[:QUESTION_LENGTH_MAX], session_id)
        try:
            await self._do(work, emit)
        except asyncio.CancelledError:
            # Its numbers were shown: they are kept, so as not to be given a second time.
            with suppress(StorageError):
                self._keep(work, "")
            raise
        except CallwrightError as exc:
            work.failure, work.problem = exc.code, no_answer(exc.code, exc.message, exc.remedy)
        except Exception as exc:  # noqa: BLE001 - a model must not be able to end a conversation
            failed = failure_of(exc)
            work.failure = failed.failure.value
            work.problem = no_answer(work.failure, self._told(failed.message))
        answer = self._result(work, self._clock() - started)
        try:
            self._keep(work, "" if answer.failure else answer.text)
        except StorageError as exc:
            text = f"{answer.text}\n\n(This is not kept for later: {exc.message})"
            return answer.model_copy(update={"text": text})
        return answer

    async def _do(self, work: _Work, emit: Callable[[ChatEvent], None]) -> None:
        settings = self._settings
        if self._sessions is not None and work.session_id is not None:
            work.earlier = self._sessions.turns(work.session_id)
        known = [source for turn in work.earlier for source in turn.sources]
        sources = Sources(
            self._desk,
            earlier=known,
            command_options=self._command_options,
        )
        work.inquiry = Inquiry(
            sources,
            emit,
            self._mask,
            self._clock,
            in_words=settings.is_small,
            earlier=len(known),
        )
        model = settings.model
        if settings.cheaper_model and self._book.stage() >= BudgetStage.CHEAPER_MODEL:
            model = settings.cheaper_model
        work.version = self.prompt_version(model)
        async with (
            asyncio.timeout(settings.timeout_s),
            self._provider.open(model, book=self._book, purpose="chat") as work.booked,
        ):
            work.drafts = Drafts(
                work.booked,
                work.inquiry,
                prompts=self._prompts,
                options=self._options(model, work.version),
                stepwise=settings.is_small,
                max_turns=settings.max_turns,
                caps=InquiryCaps(
                    tool_calls_max=settings.max_tool_calls,
                    tool_calls_per_turn_max=settings.max_tool_calls_per_turn,
                ),
            )
            item = (
                asked_plainly(work.question)
                if settings.is_small
                else asked(work.question, self._desk, self._now())
            )
            earlier = history(work.earlier, tokens_max=settings.max_history_tokens)
            await work.drafts.write([*earlier, item])

    def _options(self, model: str, cache_key: str) -> ModelSettings:
        options = self._provider.model_settings(model, cache_key=cache_key)
        # On this wire a stream tells its usage only when asked to.
        return dataclasses.replace(options, include_usage=self._settings.wire == "chat" or None)

    def _result(self, work: _Work, seconds: float) -> ChatAnswer:
        usage = {} if work.booked is None else work.booked.usage()
        llm = {
            **usage,
            "latency_ms": round(seconds * 1000, 1),
            "prompt_version": work.version,
            "wire": self._settings.wire,
        }
        draft = None if work.drafts is None else work.drafts.last
        if draft is None:
            return ChatAnswer(
                question=work.question,
                text=work.problem,
                mode="llm",
                sources=work.sources,
                llm=llm,
                failure=work.failure,
            )
        # A correction that failed is no failure of the answer: what does not hold is marked.
        return ChatAnswer(
            question=work.question,
            text=evidence.marked(draft.text, draft.claims),
            mode="llm",
            claims=draft.claims,
            sources=work.shown(draft.claims),
            llm=llm,
        )

    def _keep(self, work: _Work, answer: str) -> None:
        if self._sessions is None or work.session_id is None or not (answer or work.sources):
            return
        self._sessions.add(
            work.session_id,
            ChatTurn(
                question=work.question,
                answer=answer,
                calls=() if work.inquiry is None else tuple(work.inquiry.calls),
                sources=work.sources,
            ),
        )

    def _mask(self, text: str) -> str:
        return self._settings.mask(self._redact(text))

    def _told(self, text: str) -> str:
        return outside_text(self._mask(text), length_max=MESSAGE_LENGTH_MAX)


@dataclass
class _Work:
    """One question and how far it came."""

    question: str
    session_id: str | None
    earlier: tuple[ChatTurn, ...] = ()
    inquiry: Inquiry | None = None
    booked: BookedModel | None = None
    drafts: Drafts | None = None
    version: str = ""
    failure: str | None = None
    problem: str = ""

    @property
    def sources(self) -> tuple[Source, ...]:
        """What this question looked at."""
        if self.inquiry is None:
            return ()
        return self.inquiry.sources.all[self.inquiry.earlier :]

    def shown(self, claims: tuple[Claim, ...]) -> tuple[Source, ...]:
        """Return what the answer cites of earlier questions, then what this one looked at."""
        if self.inquiry is None:
            return ()
        cited = {
            cite.strip()
            for claim in claims
            if claim.kind == "citation"
            for cite in claim.text.strip("[] ").replace(";", ",").split(",")
        }
        have = {source.cite for source in self.sources}
        before = {
            source.cite: source
            for source in self.inquiry.sources.all[: self.inquiry.earlier]
            if source.cite in cited - have
        }
        return (*before.values(), *self.sources)
