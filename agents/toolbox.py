"""The manager's four function tools over one frozen snapshot, and the caps on using them.

A tool reads the run context or writes the proposal into it: no network, no store, no sender. What
comes of the proposal is decided after the run, by the cycle.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents import (
    Agent,
    FunctionTool,
    FunctionToolResult,
    ModelResponse,
    RunContextWrapper,
    ToolsToFinalOutputResult,
)
from agents.tool_context import ToolContext

from callwright.agents.answers import require_decided, same_proposal
from callwright.agents.failures import ModelFailed
from callwright.agents.providers import Protocol
from callwright.agents.runs import CallCaps, calls_of
from callwright.domain.decision import Proposal
from callwright.domain.failure import ModelFailure
from callwright.domain.limits import Limits
from callwright.domain.scan import Scan
from callwright.domain.snapshot import Snapshot
from callwright.errors import DecisionInvalid
from callwright.tools.candidates import Check, list_candidates
from callwright.tools.fences import outside_text
from callwright.tools.menu import FIELDS, Choices, choice_schema, read_choice
from callwright.tools.portfolio import get_portfolio
from callwright.tools.proposal import (
    answer_accepted,
    answer_refused,
    proposal_schema,
    read_arguments,
    read_proposal,
)
from callwright.tools.vol import get_vol_state

PROPOSE = "propose_action"
SMALL_REASONING_LENGTH_MAX = 300
"""Characters: a small model that begins to repeat itself goes on until its tokens are used up."""

CORRECTIONS_MAX = 1
"""Second tries after a proposal that does not fit the contract, in the whole decision."""

_NO_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {},
    "required": [],
    "additionalProperties": False,
}


@dataclass
class Decision:
    """The run context of one decision.

    Attributes:
        choices: What is chosen among, where a menu is shown; None: a proposal is written.
        read: The reading tools that were called.
        proposal: What was proposed and accepted.
        refused: Proposals that did not fit the contract.
        failure: Why the run ended without one.
        tool_calls: Calls so far.
        turn_answers: What this turn's proposals were told, by their meaning: a proposal that
            stands twice in one turn counts once.
    """

    snapshot: Snapshot
    scan: Scan
    limits: Limits
    check: Check | None
    choices: Choices | None = None
    read: set[str] = field(default_factory=set)
    proposal: Proposal | None = None
    refused: int = 0
    failure: ModelFailed | None = None
    tool_calls: int = 0
    turn_answers: dict[str, str] = field(default_factory=dict)

    def take(self, text: str) -> str:
        """Take a proposal, or refuse it; return what the model is told."""
        meaning = _meaning(text)
        if meaning in self.turn_answers:
            return self.turn_answers[meaning]
        try:
            said = read_arguments(text)
            require_decided(said)
            self.proposal = self.understand(said)
            answer = answer_accepted()
        except ModelFailed as exc:
            self.failure = exc
            answer = answer_accepted()
        except DecisionInvalid as exc:
            self.refused += 1
            answer = answer_refused(exc)
            if self.refused > CORRECTIONS_MAX:
                self.failure = ModelFailed(ModelFailure.INVALID, exc.message)
        self.turn_answers[meaning] = answer
        return answer

    @property
    def field(self) -> str:
        """The field of an answer that says what is proposed."""
        return "action" if self.choices is None else FIELDS[0]

    def understand(self, data: Any) -> Proposal:
        """Return the proposal that an answer states.

        Raises:
            DecisionInvalid: It states none that fits the contract and what was shown.
        """
        if self.choices is None:
            return read_proposal(data, self.scan)
        return read_choice(data, self.choices)


READ_TOOLS: dict[str, tuple[str, Callable[[Decision], str]]] = {
    "get_portfolio": (
        "Balances, free cover, margin, net delta and open short calls of each coin.",
        lambda d: get_portfolio(d.snapshot, d.scan, d.limits),
    ),
    "get_vol_state": (
        "Implied and realized volatility of each coin, their ratio, skew and term structure.",
        lambda d: get_vol_state(d.scan),
    ),
    "list_candidates": (
        "The calls that may be sold now, and how each open short call could be closed or rolled, "
        "each checked beforehand.",
        lambda d: list_candidates(d.snapshot, d.scan, d.check),
    ),
}


def manager_tools(
    protocol: Protocol, *, has_prechecks: bool = True, options: Sequence[str] = ()
) -> list[FunctionTool]:
    """Return the four tools, or with a menu, which shows everything, only the one that answers.

    Args:
        protocol: ``stepwise`` shows each reading tool until it was called, and ``propose_action``
            only after all three: small models propose first and invent what they did not read.
        has_prechecks: Say that what is listed has been checked.
        options: Of the menu.
    """
    if protocol == "menu":
        schema = choice_schema(options, reasoning_length_max=SMALL_REASONING_LENGTH_MAX)
        return [_answering("Choose the one option of this cycle.", schema)]
    stepwise = protocol == "stepwise"
    tools = []
    for name, (description, view) in READ_TOOLS.items():
        tools.append(
            FunctionTool(
                name=name,
                description=description
                if has_prechecks
                else description.replace(", each checked beforehand", ""),
                params_json_schema=dict(_NO_PARAMETERS),
                on_invoke_tool=_reader(name, view),
                strict_json_schema=True,
                is_enabled=_until_read(name) if stepwise else True,
            )
        )
    schema = proposal_schema(
        reasoning_length_max=SMALL_REASONING_LENGTH_MAX if stepwise else None,
        can_refuse=not stepwise,
    )
    answering = _answering("Answer with the one action of this cycle.", schema)
    answering.is_enabled = _after_reading if stepwise else True
    return [*tools, answering]


def _answering(description: str, schema: dict[str, Any]) -> FunctionTool:
    return FunctionTool(
        name=PROPOSE,
        description=description,
        params_json_schema=schema,
        on_invoke_tool=_propose,
        strict_json_schema=True,
    )


def _reader(name: str, view: Callable[[Decision], str]) -> Callable[[ToolContext[Any], str], Any]:
    async def invoke(context: ToolContext[Decision], arguments: str) -> str:
        context.context.read.add(name)
        return view(context.context)

    return invoke


async def _propose(context: ToolContext[Decision], arguments: str) -> str:
    return context.context.take(arguments)


def _until_read(name: str) -> Callable[[RunContextWrapper[Any], Any], bool]:
    return lambda context, agent: name not in context.context.read


def _after_reading(context: RunContextWrapper[Any], agent: Any) -> bool:
    decision: Decision = context.context
    return decision.read >= set(READ_TOOLS)


def finish(
    context: RunContextWrapper[Decision], results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    """End the run once a proposal is accepted, or cannot be any more."""
    decision = context.context
    is_over = decision.proposal is not None or decision.failure is not None
    return ToolsToFinalOutputResult(is_final_output=is_over, final_output="")


class Caps(CallCaps[Decision]):
    """The caps of a decision; a tool that does not exist, or a second proposal, ends it too."""

    async def on_llm_start(
        self, context: RunContextWrapper[Decision], agent: Agent[Decision], *args: Any
    ) -> None:
        """Begin a turn."""
        context.context.turn_answers.clear()

    async def on_llm_end(
        self,
        context: RunContextWrapper[Decision],
        agent: Agent[Decision],
        response: ModelResponse,
    ) -> None:
        """Refuse also a tool that does not exist, and two proposals."""
        await super().on_llm_end(context, agent, response)
        calls = calls_of(response)
        for call in calls:
            if call.name not in READ_TOOLS and call.name != PROPOSE:
                name = outside_text(call.name, length_max=40)
                raise ModelFailed(ModelFailure.UNKNOWN_TOOL, f"there is no tool {name}")
        proposed = {_meaning(call.arguments) for call in calls if call.name == PROPOSE}
        if len(proposed) > 1:
            raise ModelFailed(ModelFailure.AMBIGUOUS, "two different proposals in one turn")


def _meaning(arguments: str) -> str:
    try:
        return same_proposal(read_arguments(arguments))
    except DecisionInvalid:
        return arguments


def tools_text(protocol: Protocol) -> str:
    """Return the tools as they are sent, but for a menu's options: for the prompt's version."""
    return json.dumps(
        [[tool.name, tool.description, tool.params_json_schema] for tool in manager_tools(protocol)]
    )
