"""One question on its way to a checked answer: a streamed draft, the check, and one correction."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

from agents import Agent, ModelSettings, RunConfig, Runner, RunResultStreaming
from agents.run_config import ToolExecutionConfig

from callwright.agents.booking import BookedModel
from callwright.agents.explainer_prompt import (
    answer_instructions,
    answer_now,
    correction,
    explainer_instructions,
    look_up_first,
    look_up_instructions,
    look_up_now,
)
from callwright.agents.explainer_text import (
    ANSWER_LENGTH_MAX,
    SafeStream,
    cited_throughout,
    safe_text,
)
from callwright.agents.explainer_tools import (
    STEPWISE_CALLS_MAX,
    Inquiry,
    InquiryCaps,
    explainer_tools,
    found_or_given_up,
)
from callwright.agents.failures import ModelFailed
from callwright.domain.explain import Claim, DraftWithdrawn, TextPiece
from callwright.domain.failure import ModelFailure
from callwright.explain import evidence

STEPWISE_TOKENS_MAX = 300
"""Of one reply: a small model that begins to repeat itself goes on until it is stopped."""


class Prompts(NamedTuple):
    """What is told while looking something up, and while answering: the same, or not."""

    look_up: str
    answer: str


def prompts_of(*, stepwise: bool) -> Prompts:
    """Return the fixed parts of the prompt."""
    if stepwise:
        return Prompts(look_up_instructions(), answer_instructions())
    whole = explainer_instructions()
    return Prompts(whole, whole)


@dataclass(frozen=True)
class Draft:
    """An answer as the model wrote it, made safe and checked."""

    text: str
    claims: tuple[Claim, ...]

    @property
    def unsupported(self) -> tuple[Claim, ...]:
        """Claims that no cited source holds."""
        return tuple(claim for claim in self.claims if claim.problem)


class Drafts:
    """Writes the answer to one question.

    Args:
        inquiry: What was looked at; it goes on over both drafts.
        options: How the model is asked.
        stepwise: For a small model: it looks something up, then it answers, and no tool is shown.
        max_turns, caps: Of both drafts together.

    Attributes:
        last: The newest draft that was checked; a correction that fails leaves the first.
    """

    def __init__(
        self,
        model: BookedModel,
        inquiry: Inquiry,
        *,
        prompts: Prompts,
        options: ModelSettings,
        stepwise: bool,
        max_turns: int,
        caps: InquiryCaps,
    ) -> None:
        self._model = model
        self._inquiry = inquiry
        self._prompts = prompts
        self._options = options
        self._stepwise = stepwise
        self._max_turns = max_turns
        self._caps = caps
        self.last: Draft | None = None

    async def write(self, items: list[Any]) -> None:
        """Write a draft, and a second one when something in it is on no record.

        Raises:
            ModelFailed, BudgetExhausted, StorageError: Nothing better came; ``last`` stands.
        """
        draft, so_far = await self._write(items)
        inquiry = self._inquiry
        if not inquiry.has_looked:
            inquiry.emit(DraftWithdrawn(unsupported=draft.unsupported))
            draft, _ = await self._write([*so_far, look_up_first()])
            if not inquiry.has_looked:
                raise ModelFailed(
                    ModelFailure.NO_LOOKUP, "the model answered without looking anything up"
                )
            self.last = draft
            return
        self.last = draft
        if draft.unsupported:
            inquiry.emit(DraftWithdrawn(unsupported=draft.unsupported))
            self.last, _ = await self._write([*so_far, correction(draft.unsupported, draft.text)])

    async def _write(self, items: list[Any]) -> tuple[Draft, list[Any]]:
        inquiry = self._inquiry
        if self._stepwise and not inquiry.has_found and inquiry.looked < STEPWISE_CALLS_MAX:
            result = await self._run(
                [*items, look_up_now()],
                self._prompts.look_up,
                has_tools=True,
                ends=found_or_given_up,
            )
            if not inquiry.has_looked:
                return self._draft(result), result.to_input_list()
            items = [*result.to_input_list(), answer_now(has_found=inquiry.has_found)]
        result = await self._run(items, self._prompts.answer, has_tools=not self._stepwise)
        return self._draft(result), result.to_input_list()

    async def _run(
        self, items: list[Any], prompt: str, *, has_tools: bool, ends: Any = "run_llm_again"
    ) -> RunResultStreaming:
        inquiry = self._inquiry
        turns_left = self._max_turns - inquiry.turns
        if turns_left < 1:
            raise ModelFailed(ModelFailure.TOO_MANY_CALLS, "it took too many turns")
        options = self._options
        if inquiry.has_looked or not has_tools:
            # Nothing is known before something was looked up; then it may be enough.
            options = dataclasses.replace(options, tool_choice=None)
        if not has_tools:
            options = dataclasses.replace(options, parallel_tool_calls=None)
        if self._stepwise:
            tokens = min(options.max_tokens or STEPWISE_TOKENS_MAX, STEPWISE_TOKENS_MAX)
            options = dataclasses.replace(options, max_tokens=tokens)
        agent = Agent[Inquiry](
            name="explainer",
            instructions=prompt,
            tools=[*explainer_tools(stepwise=self._stepwise)] if has_tools else [],
            model=self._model,
            model_settings=options,
            tool_use_behavior=ends,
        )
        result = Runner.run_streamed(
            agent,
            items,
            context=inquiry,
            max_turns=turns_left,
            hooks=self._caps,
            run_config=RunConfig(
                tracing_disabled=True,
                trace_include_sensitive_data=False,
                tool_execution=ToolExecutionConfig(max_function_tool_concurrency=1),
                # It can read the names again and ask for one that exists; calls are counted.
                tool_not_found_behavior="return_error_to_model",
            ),
        )
        await self._relay(result)
        return result

    def _draft(self, result: RunResultStreaming) -> Draft:
        inquiry = self._inquiry
        text = safe_text(str(result.final_output or ""), inquiry.mask).strip()[:ANSWER_LENGTH_MAX]
        sources = inquiry.sources
        found = sources.all[inquiry.earlier :]
        if self._stepwise and len(found) == 1:
            text = cited_throughout(text, found[0].cite, inquiry.found)
        stale = inquiry.stale()
        return Draft(text, evidence.check(text, sources.all, sources.record_of, stale=stale))

    async def _relay(self, result: RunResultStreaming) -> None:
        """Pass the text on as it comes, until the run is over."""
        shown = SafeStream(self._inquiry.mask)
        try:
            async for event in result.stream_events():
                if event.type != "raw_response_event":
                    continue
                if event.data.type == "response.output_text.delta":
                    self._say(shown.add(event.data.delta))
                elif event.data.type in ("response.output_text.done", "response.completed"):
                    self._say(shown.end())
        except BaseException:
            # Not before it has let go of the model is everything booked.
            result.cancel()
            if result.run_loop_task is not None:
                await asyncio.wait({result.run_loop_task})
            raise

    def _say(self, text: str) -> None:
        if text:
            self._inquiry.emit(TextPiece(text=text))
