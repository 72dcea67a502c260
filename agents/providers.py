"""Which model is asked, on which wire and in which protocol: OpenAI, or any server like it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
from agents import Model, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel
from agents.retry import ModelRetrySettings, RetryDecision, RetryPolicyContext
from openai import AsyncOpenAI
from pydantic import SecretStr

from callwright.agents.booking import BookedModel
from callwright.agents.endpoint import Endpoint, endpoint_of
from callwright.agents.failures import ModelFailed
from callwright.agents.masking import masked
from callwright.agents.recorded import BASE_URL, Tape
from callwright.agents.transport import CheckedTransport
from callwright.ports import UsageBook

Wire = Literal["responses", "chat"]
Protocol = Literal["two-call", "stepwise", "menu"]

NO_KEY = "no-key"
"""Sent where a server wants none; the endpoint sees to it that it leaves no private network."""

_REASONS = re.compile(r"(o\d|gpt-5)")


@dataclass(frozen=True)
class ManagerSettings:
    """Who is asked, where, how, and what a decision may take.

    Attributes:
        wire: The Responses API, or chat completions for servers without it.
        protocol: ``two-call`` reads everything in one turn and proposes in the next. For small
            models: ``stepwise`` shows one tool after another, ``menu`` shows everything at once and
            has one option chosen.
        base_url: An OpenAI-compatible server; None is OpenAI's own.
        max_turns, max_tool_calls, max_tool_calls_per_turn: Of a decision.
        max_input_tokens, max_output_tokens: Of all requests of a decision together.
        timeout_s: Deadline of the whole decision, over all its requests and retries.
        retries_max: Of one request that failed for a moment.
        retry_wait_s: Before the first retry, where the provider names no time; then doubled.
        tape: Recorded replies that are played instead of asking anybody, or what records them.
    """

    model: str
    cheaper_model: str | None = None
    wire: Wire = "responses"
    protocol: Protocol = "two-call"
    base_url: str | None = None
    allow_private_network: bool = False
    api_key: SecretStr | None = None
    max_turns: int = 6
    max_tool_calls: int = 12
    max_tool_calls_per_turn: int = 6
    max_input_tokens: int = 30_000
    max_output_tokens: int = 2_000
    timeout_s: float = 60.0
    retries_max: int = 2
    retry_wait_s: float = 0.5
    tape: Tape | None = None

    @property
    def is_small(self) -> bool:
        """Whether the model is one that needs to be led."""
        return self.protocol != "two-call"

    def endpoint(self) -> Endpoint:
        """Return the checked endpoint.

        Raises:
            ConfigError: It is refused, or a key is missing.
        """
        if self.is_played:
            return Endpoint(
                base_url=BASE_URL,
                host="recorded.invalid",
                is_tls=False,
                allow_private=False,
                private_only=True,
            )
        return endpoint_of(
            self.base_url,
            allow_private=self.allow_private_network,
            has_key=bool(self.key),
        )

    @property
    def is_played(self) -> bool:
        """Whether replies come from a recording, and nothing is sent."""
        return self.tape is not None and self.tape.is_played

    @property
    def key(self) -> str:
        return "" if self.api_key is None else self.api_key.get_secret_value()

    def mask(self, text: str) -> str:
        """Return the text without the key, or pieces of it."""
        return masked(text, self.key)


class Provider:
    """Opens models of one endpoint.

    Raises:
        ConfigError: The endpoint is refused, or a key is missing.
    """

    def __init__(self, settings: ManagerSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self.endpoint = settings.endpoint()
        # Reading the trusted certificates takes long; once is enough.
        self._ssl_context = httpx2.create_ssl_context() if self.endpoint.is_tls else None

    @asynccontextmanager
    async def open(
        self, model: str, *, book: UsageBook, purpose: str
    ) -> AsyncIterator[BookedModel]:
        """Open a model for one decision; its connections close with the block.

        A connection is not kept between decisions: by then the provider has closed it, and the
        address is to be checked anew.
        """
        settings = self._settings
        # Replies that are played need none.
        key = "" if settings.is_played else settings.key
        tape = settings.tape
        transport = CheckedTransport(self.endpoint, self._ssl_context, tape)
        async with (
            httpx2.AsyncClient(
                transport=transport, trust_env=False, follow_redirects=False
            ) as http,
            AsyncOpenAI(
                api_key=key or NO_KEY,
                base_url=self.endpoint.base_url,
                # Nothing of the environment: an organisation is a header that nobody asked for.
                organization="",
                project="",
                max_retries=0,
                timeout=settings.timeout_s,
                http_client=http,
            ) as client,
        ):
            yield BookedModel(
                self._model(model, client),
                name=model,
                book=book,
                purpose=purpose,
                clock=self._clock,
                told={} if tape is None else {"recorded": dict(tape.facts)},
                max_input_tokens=settings.max_input_tokens,
                max_output_tokens=settings.max_output_tokens,
                mask=settings.mask,
            )

    def _model(self, model: str, client: AsyncOpenAI) -> Model:
        if self._settings.wire == "chat":
            return OpenAIChatCompletionsModel(model, client)
        return OpenAIResponsesModel(model, client)

    def model_settings(
        self, model: str, *, cache_key: str, with_tools: bool = True
    ) -> ModelSettings:
        """Return how ``model`` is asked; what a server may not know is sent to OpenAI only."""
        settings = self._settings
        is_reasoning = _REASONS.match(model) is not None
        options: dict[str, Any] = {}
        if not is_reasoning:
            options["temperature"] = 0.0
        if with_tools:
            options["tool_choice"] = "required"
            options["parallel_tool_calls"] = not settings.is_small
        if self.endpoint.is_openai:
            options["extra_args"] = {"prompt_cache_key": f"callwright-{cache_key}"}
            if is_reasoning and settings.wire == "responses":
                # Nothing is stored, so the next turn has to bring its reasoning along.
                options["response_include"] = ["reasoning.encrypted_content"]
        return ModelSettings(
            store=False, max_tokens=settings.max_output_tokens, retry=self._retry(), **options
        )

    def _retry(self) -> ModelRetrySettings:
        settings = self._settings
        return ModelRetrySettings(
            max_retries=settings.retries_max,
            backoff={
                "initial_delay": settings.retry_wait_s,
                "multiplier": 2.0,
                "max_delay": 8.0,
                "jitter": True,
            },
            policy=_retry_what_passes(wait_s_max=settings.timeout_s / 2),
        )


def _retry_what_passes(*, wait_s_max: float) -> Callable[[RetryPolicyContext], RetryDecision]:
    """Return the policy: retry what may succeed in a moment (no connection, 429, 5xx).

    A provider that asks for a longer wait than ``wait_s_max`` is not waited for: the deadline would
    pass, and hide why.
    """

    def policy(context: RetryPolicyContext) -> RetryDecision:
        error = context.error
        if not isinstance(error, ModelFailed) or not error.is_transient:
            return RetryDecision(retry=False)
        if error.retry_after_s is not None and error.retry_after_s > wait_s_max:
            return RetryDecision(retry=False)
        return RetryDecision(retry=True, delay=error.retry_after_s)

    return policy
