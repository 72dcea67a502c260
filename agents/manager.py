"""The manager agent: an LLM in the brain's place.

It reads frozen data through tools and answers with one proposal. It holds no venue, no store and no
sender. Whatever goes wrong becomes an answer that does nothing and carries a stable ``failure``.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable
from typing import Any, Literal

from agents import Agent, RunConfig, Runner
from agents.run_config import ToolExecutionConfig

from callwright.agents.answers import read_answer
from callwright.agents.asking import CYCLES_PER_QUESTION, how_to_ask, is_care_due
from callwright.agents.booking import BookedModel
from callwright.agents.failures import ModelFailed
from callwright.agents.prompt import instructions, situation, version_of
from callwright.agents.providers import ManagerSettings, Provider
from callwright.agents.runs import failure_of
from callwright.agents.toolbox import Caps, Decision, finish, manager_tools, tools_text
from callwright.domain.decision import REASONING_LENGTH_MAX, DoNothing, Proposal
from callwright.domain.limits import Limits, PolicySettings
from callwright.domain.menu import Menu
from callwright.domain.record import DecisionSource
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import StorageError
from callwright.ports import BrainAnswer, UsageBook
from callwright.tools.candidates import Check
from callwright.tools.fences import outside_text
from callwright.tools.menu import Choices, choices_of

MESSAGE_LENGTH_MAX = 300


class LlmBrain:
    """Implements ``ports.Brain`` with a model.

    Args:
        check: The codes that a proposal would be denied with now; shown to the model beforehand.
            None: nothing of the kind is shown.
        menu: What is worth considering; asked where the protocol shows a menu.
        book: What requests cost, reserved before each of them.
        redact: Masks every known secret in a text.
        purpose: What its requests are booked as; ``chat`` when somebody only asks what it would do.
        prompt: A template in place of the manager's own, to try one; it decides nothing real.
        clock: Seconds that only ever grow, for latencies.

    Raises:
        ConfigError: The endpoint is refused, a key is missing, or the prompt has other placeholders
            than the manager's own.
    """

    source: DecisionSource = "llm"

    def __init__(
        self,
        settings: ManagerSettings,
        *,
        limits: Limits,
        policy: PolicySettings,
        check: Check | None,
        menu: Callable[[Snapshot, Scan], Menu],
        book: UsageBook,
        redact: Callable[[str], str],
        purpose: Literal["decision", "chat"] = "decision",
        prompt: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._purpose = purpose
        self._settings = settings
        self._limits = limits
        self._policy = policy
        self._check = check
        self._menu = menu
        self._book = book
        self._redact = redact
        self._clock = clock
        self._provider = Provider(settings, clock)
        self._instructions = instructions(
            limits,
            policy,
            protocol=settings.protocol,
            has_prechecks=check is not None,
            template=prompt,
        )
        # The first cycle may always ask.
        self._cycles_since_asked = CYCLES_PER_QUESTION - 1

    def prompt_version(self, model: str) -> str:
        """Return 12 hex digits over prompt, tool schemas, model settings and model."""
        options = dataclasses.asdict(self._provider.model_settings(model, cache_key=""))
        options["retry"] = None
        return version_of(self._instructions, tools_text(self._settings.protocol), options, model)

    async def decide(self, snapshot: Snapshot, scan: Scan) -> BrainAnswer:
        """Return the model's proposal, or ``DoNothing`` with the failure that came in its way.

        Raises:
            StorageError: The usage of the model cannot be booked.
        """
        self._cycles_since_asked += 1
        asking = how_to_ask(
            self._book.stage(),
            model=self._settings.model,
            cheaper_model=self._settings.cheaper_model,
            cycles_since_asked=self._cycles_since_asked,
            is_care_due=is_care_due(scan, self._policy),
        )
        if asking.model is None:
            return BrainAnswer(
                proposal=DoNothing(),
                source="llm",
                failure=asking.failure,
                failure_message=asking.message,
                stop_new_risk=asking.stop_new_risk,
            )
        self._cycles_since_asked = 0
        self._book.begin_decision()
        started = self._clock()
        version = self.prompt_version(asking.model)
        booked: BookedModel | None = None
        proposal: Proposal = DoNothing()
        failed: ModelFailed | None = None
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s),
                self._provider.open(asking.model, book=self._book, purpose=self._purpose) as booked,
            ):
                decision = Decision(
                    snapshot, scan, self._limits, self._check, self._choices(snapshot, scan)
                )
                proposal = await self._ask(booked, asking.model, version, decision)
        except StorageError:
            raise
        except Exception as exc:  # noqa: BLE001 - a model must not be able to end a cycle
            failed = failure_of(exc)
        usage: dict[str, Any] = {} if booked is None else booked.usage()
        return BrainAnswer(
            proposal=proposal if failed is None else DoNothing(),
            source="llm",
            failure=None if failed is None else failed.failure,
            failure_message=""
            if failed is None
            else self._told(failed.message, length_max=MESSAGE_LENGTH_MAX),
            llm={
                **usage,
                "latency_ms": round((self._clock() - started) * 1000, 1),
                "prompt_version": version,
                "protocol": self._settings.protocol,
                "wire": self._settings.wire,
            },
        )

    def _choices(self, snapshot: Snapshot, scan: Scan) -> Choices | None:
        if self._settings.protocol != "menu":
            return None
        return choices_of(self._menu(snapshot, scan), snapshot, scan)

    async def _ask(
        self, booked: BookedModel, model: str, version: str, decision: Decision
    ) -> Proposal:
        settings, choices = self._settings, decision.choices
        agent = Agent[Decision](
            name="manager",
            instructions=self._instructions,
            tools=[
                *manager_tools(
                    settings.protocol,
                    has_prechecks=self._check is not None,
                    options=() if choices is None else [*choices.proposals],
                )
            ],
            model=booked,
            model_settings=self._provider.model_settings(model, cache_key=version),
            tool_use_behavior=finish,
            reset_tool_choice=False,
        )
        result = await Runner.run(
            agent,
            situation(decision.snapshot, choices),
            context=decision,
            max_turns=settings.max_turns,
            hooks=Caps(
                tool_calls_max=settings.max_tool_calls,
                tool_calls_per_turn_max=settings.max_tool_calls_per_turn,
            ),
            run_config=RunConfig(
                tracing_disabled=True,
                trace_include_sensitive_data=False,
                tool_execution=ToolExecutionConfig(max_function_tool_concurrency=1),
                # A tool that is not shown yet; one that does not exist ends the run before.
                tool_not_found_behavior="return_error_to_model",
            ),
        )
        if decision.failure is not None:
            raise decision.failure
        proposal = decision.proposal
        if proposal is None:
            proposal = read_answer(
                str(result.final_output or ""), decision.understand, field=decision.field
            )
        # It goes into records and onto terminals.
        reasoning = self._told(proposal.reasoning, length_max=REASONING_LENGTH_MAX)
        return proposal.model_copy(update={"reasoning": reasoning})

    def _told(self, text: str, *, length_max: int) -> str:
        # Masked before it is cut: half a secret would pass unseen.
        return outside_text(self._settings.mask(self._redact(text)), length_max=length_max)
