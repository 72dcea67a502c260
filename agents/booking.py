"""A model whose every request is reserved before it is sent, and settled whatever became of it.

It wraps the SDK's model, so each attempt of a retry is seen and booked. It also keeps the tokens of
a whole decision within their caps, and the local trace that goes into the record: no prompts.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from agents import Model, ModelResponse, ModelSettings
from agents.retry import ModelRetryAdvice, ModelRetryAdviceRequest
from agents.tool import FunctionTool, Tool

from callwright.agents.failures import ModelFailed
from callwright.agents.prompt import estimated_tokens, tokens_max
from callwright.agents.replies import FACTS, ReplyFacts
from callwright.crashpoints import reach
from callwright.domain.failure import ModelFailure
from callwright.ports import RequestUsage, UsageBook
from callwright.tools.fences import outside_text

OUTPUT_TOKENS_MIN = 16
"""OpenAI refuses a smaller cap on the output (API reference, read 2026-11-21)."""


@dataclass
class _Request:
    """One request: what its reply says, and what became of it."""

    facts: ReplyFacts = field(default_factory=ReplyFacts)
    outcome: str = "LLM_UNFINISHED"
    names: list[str] = field(default_factory=list)
    spoken: int = 0


class BookedModel(Model):
    """One decision's, or one conversation's, way to a model.

    Args:
        inner: The SDK's model.
        purpose: ``decision`` or ``chat``, for the usage book.
        clock: Seconds that only ever grow.
        max_input_tokens, max_output_tokens: Of all requests together.
        mask: Hides the key in a text of the server's.
        told: What the record says besides: where recorded replies are from.

    Attributes:
        requests: What was booked, in order.
        trace: A step for each request: turn, tools that were called, milliseconds, outcome.
    """

    def __init__(
        self,
        inner: Model,
        *,
        name: str,
        book: UsageBook,
        purpose: str,
        clock: Callable[[], float],
        max_input_tokens: int,
        max_output_tokens: int,
        mask: Callable[[str], str],
        told: Mapping[str, Any] | None = None,
    ) -> None:
        self._inner = inner
        self._name = name
        self._book = book
        self._purpose = purpose
        self._clock = clock
        self._input_left = max_input_tokens
        self._output_left = max_output_tokens
        self._mask = mask
        self._told = told or {}
        self._turn = 1
        self.requests: list[RequestUsage] = []
        self.trace: list[dict[str, Any]] = []

    async def get_response(
        self,
        system_instructions: str | None,
        input: Any,
        model_settings: ModelSettings,
        tools: list[Tool],
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """Ask once.

        Raises:
            ModelFailed: The tokens of the decision are used up, or no good reply came.
            BudgetExhausted: It was not sent.
            StorageError: The usage cannot be booked.
        """
        with self._booked(_characters(system_instructions, input, tools)) as request:
            token = FACTS.set(request.facts)
            try:
                response = await self._inner.get_response(
                    system_instructions,
                    input,
                    dataclasses.replace(model_settings, max_tokens=self._output_left),
                    tools,
                    *args,
                    **kwargs,
                )
            finally:
                FACTS.reset(token)
            reach("after_model_reply")
            self._finish(request, response.output)
            return response

    async def stream_response(
        self,
        system_instructions: str | None,
        input: Any,
        model_settings: ModelSettings,
        tools: list[Tool],
        *args: Any,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """Ask once and yield the reply's events as they come.

        What it took is known at the end only. A reply that breaks off, is cancelled or is not read
        to its end is booked as unknown, which counts as spent at what was reserved.

        Raises:
            ModelFailed, BudgetExhausted, StorageError: As ``get_response``, at the first event or
                at any later one.
        """
        with self._booked(_characters(system_instructions, input, tools)) as request:
            request.facts.is_streamed = True
            events = self._inner.stream_response(
                system_instructions,
                input,
                dataclasses.replace(model_settings, max_tokens=self._output_left),
                tools,
                *args,
                **kwargs,
            )
            async with aclosing(cast("AsyncGenerator[Any]", events)):
                # The transport takes them when the request goes out, which the first event waits
                # for; later ones may be read in another context.
                token = FACTS.set(request.facts)
                try:
                    event = await anext(events, None)
                finally:
                    FACTS.reset(token)
                while event is not None:
                    if event.type == "response.completed":
                        self._finish(request, event.response.output)
                    yield event
                    event = await anext(events, None)
            if request.outcome != "ok":
                raise ModelFailed(ModelFailure.BAD_REPLY, "the reply has no end")

    @contextmanager
    def _booked(self, characters: int) -> Iterator[_Request]:
        """Reserve a request that is made within the block, and settle it however the block ends."""
        about = estimated_tokens(characters)
        if about > self._input_left or self._output_left < OUTPUT_TOKENS_MIN:
            raise ModelFailed(
                ModelFailure.TOO_MANY_TOKENS, "the tokens that it may take are used up"
            )
        reservation = self._book.reserve(
            purpose=self._purpose,
            model=self._name,
            input_tokens_max=tokens_max(characters),
            output_tokens_max=self._output_left,
        )
        reach("before_model_call")
        request, was_run = _Request(), True
        started = self._clock()
        try:
            yield request
        except ModelFailed as exc:
            request.outcome = exc.failure.value
            # Nothing was sent, or it was turned away at the door: no model has run.
            was_run = exc.was_sent and exc.failure not in _TURNED_AWAY
            raise
        except asyncio.CancelledError:
            if request.outcome != "ok":
                request.outcome = ModelFailure.TIMEOUT.value
            raise
        except Exception:
            request.outcome = ModelFailure.BAD_REPLY.value
            raise
        finally:
            latency_ms = round((self._clock() - started) * 1000, 1)
            is_ok = request.outcome == "ok"
            self.trace.append(
                {
                    "turn": self._turn - 1 if is_ok else self._turn,
                    "tools": request.names,
                    "latency_ms": latency_ms,
                    "outcome": request.outcome,
                }
            )
            booked = self._settle(
                reservation, request.facts, latency_ms, request.outcome, was_run=was_run
            )
            # A provider that does not say, or says what cannot be, counts at our own estimate.
            self._input_left -= _first(booked.input_tokens, about) or 0
            self._output_left -= _first(booked.output_tokens, request.spoken) or 0

    def _finish(self, request: _Request, output: list[Any]) -> None:
        request.outcome = "ok"
        request.names = [self._mask(name) for name in tools_called(output)]
        request.spoken = estimated_tokens(_spoken(output))
        self._turn += 1

    def _settle(
        self,
        reservation: str,
        facts: ReplyFacts,
        latency_ms: float,
        outcome: str,
        *,
        was_run: bool,
    ) -> RequestUsage:
        none = None if was_run else 0
        booked = self._book.settle(
            reservation,
            RequestUsage(
                model=self._name,
                served_model=None if facts.served_model is None else self._mask(facts.served_model),
                input_tokens=_first(facts.input_tokens, none),
                cached_tokens=_first(facts.cached_tokens, none),
                output_tokens=_first(facts.output_tokens, none),
                reasoning_tokens=_first(facts.reasoning_tokens, none),
                latency_ms=latency_ms,
                cost_usd=None,
                outcome=outcome,
                cache_write_tokens=_first(facts.cache_write_tokens, none),
            ),
        )
        self.requests.append(booked)
        return booked

    def get_retry_advice(self, request: ModelRetryAdviceRequest) -> ModelRetryAdvice | None:
        """Give no advice: ``providers.retry_settings`` holds the one policy."""
        return None

    def _served(self) -> dict[str, Any]:
        """Return what the last reply says who gave it; and all names, where another is among them.

        An earlier reply's name does not stand in for one that the last reply lacks.
        """
        whole = [request.served_model for request in self.requests if request.outcome == "ok"]
        named = [request.served_model for request in self.requests if request.served_model]
        last = next(iter((whole or named)[-1:]), None)
        names = {name for name in whole if name}
        return {
            "served_model": last,
            **({"served_models": sorted(names)} if names - {last} else {}),
        }

    def usage(self) -> dict[str, Any]:
        """Return what the decision took, for the record; null when any part is not known."""
        costs = [request.cost_usd for request in self.requests]
        known = [cost for cost in costs if cost is not None]
        return {
            "model": self._name,
            **self._served(),
            "requests": len(self.requests),
            "input_tokens": _total([r.input_tokens for r in self.requests]),
            "cached_tokens": _total([r.cached_tokens for r in self.requests]),
            "output_tokens": _total([r.output_tokens for r in self.requests]),
            "reasoning_tokens": _total([r.reasoning_tokens for r in self.requests]),
            "cost_usd": float(sum(known)) if known and len(known) == len(costs) else None,
            "trace": self.trace,
            **self._told,
        }


_TURNED_AWAY = frozenset({ModelFailure.NOT_AUTHORISED, ModelFailure.RATE_LIMITED})
"""A key, a name or a rate that is refused is refused before a model runs: zero tokens, known."""


def tools_called(output: list[Any]) -> list[str]:
    """Return the names of the tools that the items of a reply call, in their order."""
    return [
        outside_text(str(getattr(item, "name", "")), length_max=40)
        for item in output
        if getattr(item, "type", None) == "function_call"
    ]


def _characters(system_instructions: str | None, input: Any, tools: list[Tool]) -> int:
    text = input if isinstance(input, str) else json.dumps(input, default=str)
    schemas = (
        (tool.name, tool.description, tool.params_json_schema)
        for tool in tools
        if isinstance(tool, FunctionTool)
    )
    return len(system_instructions or "") + len(text) + sum(len(json.dumps(s)) for s in schemas)


def _spoken(output: list[Any]) -> int:
    texts: list[Any] = []
    for item in output:
        texts += [getattr(item, "name", None), getattr(item, "arguments", None)]
        for part in getattr(item, "content", None) or ():
            texts += [getattr(part, "text", None), getattr(part, "refusal", None)]
    return sum(len(text) for text in texts if isinstance(text, str))


def _first(value: int | None, otherwise: int | None) -> int | None:
    return otherwise if value is None else value


def _total(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
