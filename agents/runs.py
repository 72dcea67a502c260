"""What every run of an agent of ours has in common: caps on its calls, and how it fails."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from agents import Agent, ModelResponse, RunContextWrapper, RunHooks
from agents.exceptions import AgentsException, MaxTurnsExceeded, ModelRefusalError

from callwright.agents.failures import ModelFailed
from callwright.domain.failure import ModelFailure
from callwright.errors import BudgetExhausted
from callwright.tools.fences import outside_text


class CountsCalls(Protocol):
    """A run context: the tool calls so far, of all its turns."""

    tool_calls: int


Counting = TypeVar("Counting", bound=CountsCalls)


class CallCaps(RunHooks[Counting]):
    """Looks at each reply before any of its tools runs; raises ``ModelFailed`` to end the run."""

    def __init__(self, *, tool_calls_max: int, tool_calls_per_turn_max: int) -> None:
        self._tool_calls_max = tool_calls_max
        self._tool_calls_per_turn_max = tool_calls_per_turn_max

    async def on_llm_end(
        self,
        context: RunContextWrapper[Counting],
        agent: Agent[Counting],
        response: ModelResponse,
    ) -> None:
        """Refuse a flood of calls, a refusal, and no answer."""
        in_turn = len(calls_of(response))
        context.context.tool_calls += in_turn
        so_far = context.context.tool_calls
        if in_turn > self._tool_calls_per_turn_max or so_far > self._tool_calls_max:
            raise ModelFailed(
                ModelFailure.TOO_MANY_CALLS, f"{in_turn} tool calls in one turn, {so_far} so far"
            )
        if not in_turn:
            _require_text(response)


def calls_of(response: ModelResponse) -> list[Any]:
    """Return the tool calls of a reply, in their order."""
    return [item for item in response.output if item.type == "function_call"]


def _require_text(response: ModelResponse) -> None:
    text = ""
    for item in response.output:
        for part in getattr(item, "content", None) or ():
            if part.type == "refusal":
                reason = outside_text(part.refusal)
                raise ModelFailed(ModelFailure.REFUSED, f"the model refused: {reason}")
            text += getattr(part, "text", None) or ""
    if not text.strip():
        raise ModelFailed(ModelFailure.EMPTY, "the model answered with nothing")


def failure_of(error: Exception) -> ModelFailed:
    """Return what a failed run means; the texts of the SDK's own errors are not passed on."""
    match error:
        case ModelFailed():
            return error
        case BudgetExhausted():
            return ModelFailed(ModelFailure.BUDGET_EXHAUSTED, error.message)
        case TimeoutError():
            return ModelFailed(ModelFailure.TIMEOUT, "the deadline passed")
        case MaxTurnsExceeded():
            return ModelFailed(ModelFailure.TOO_MANY_CALLS, "it took too many turns")
        case ModelRefusalError():
            return ModelFailed(ModelFailure.REFUSED, "the model refused")
        case AgentsException():
            return ModelFailed(
                ModelFailure.BAD_REPLY, f"the reply made no sense: {type(error).__name__}"
            )
    return ModelFailed(ModelFailure.BAD_REPLY, f"unexpected {type(error).__name__}")
