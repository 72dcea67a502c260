"""The explainer's tools over a reader of the desk, and the caps on using them.

They are ``tools.memory_tools``, which can read and nothing else. What a tool answers goes back to
the model in a fence and is kept as a source that the answer may cite.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents import (
    Agent,
    FunctionTool,
    FunctionToolResult,
    RunContextWrapper,
    ToolsToFinalOutputResult,
)
from agents.tool_context import ToolContext

from callwright.agents.runs import CallCaps
from callwright.domain.explain import ChatCall, ChatEvent, Source, ToolUsed
from callwright.explain.telling import told
from callwright.tools.fences import fenced, fenced_lines, printable
from callwright.tools.memory_tools import MEMORY_TOOLS
from callwright.tools.sources import Sources
from callwright.tools.strict_schema import narrowed_schema

ASK_MODEL = "what_would_the_model_do"
MODEL_RUNS_MAX = 1
"""How often a question may ask the manager's model: each time costs a whole decision."""
STEPWISE_CALLS_MAX = 3
"""Of a small model, for one question."""
STEPWISE_ARGUMENTS = {
    "search_decisions": ("action", "verdict", "underlying", "order"),
    "get_decision": ("id",),
    "decision_stats": ("action", "underlying", "group_by"),
    "get_status": (),
    "what_if": ("without", "spots"),
}
"""What a small model may give to which tool: it fills in whatever it is shown, and a filter that
nobody asked for hides the answer. No times: it cannot tell when "yesterday" was, and makes one up.
"""
ARGUMENTS_LENGTH_MAX = 8_000
LINE_LENGTH_MAX = 1_000
"""Of a sentence about what was found."""
_OF_THE_MOMENT = frozenset({"get_status", "what_if", ASK_MODEL})


def _newest_then(source: Source) -> object:
    """Return the decision that was the newest when a status or a what-if was asked for."""
    return source.result.get("last_decision", source.result.get("decision_id"))


@dataclass
class Inquiry:
    """The run context of one question.

    Attributes:
        sources: What was looked at in the conversation, and who is asked.
        emit: Takes each event as it happens.
        mask: Hides secrets: a server may write the key into the arguments of a call.
        turns, tool_calls: So far, corrections included.
        in_words: Tell the model what was found in sentences: a small one misreads JSON.
        earlier: How many of the sources are those of earlier questions.
        looked: Calls of tools that exist; also those that found nothing.
        found: What it was told in sentences.
        calls: What was called and answered, for the history of the conversation.
    """

    sources: Sources
    emit: Callable[[ChatEvent], None]
    mask: Callable[[str], str]
    clock: Callable[[], float] = time.monotonic
    in_words: bool = False
    earlier: int = 0
    turns: int = 0
    tool_calls: int = 0
    looked: int = 0
    model_runs: int = 0
    found: list[str] = field(default_factory=list)
    calls: list[ChatCall] = field(default_factory=list)

    @property
    def has_looked(self) -> bool:
        """Whether anything was looked up in the conversation, found or not."""
        return self.looked > 0 or bool(self.sources.all)

    @property
    def has_found(self) -> bool:
        """Whether this question has found anything of its own."""
        return len(self.sources.all) > self.earlier

    def stale(self) -> frozenset[str]:
        """Return the cites of earlier questions that told of a state which a decision has ended."""
        told = {
            source.cite: _newest_then(source)
            for source in self.sources.all[: self.earlier]
            if source.tool in _OF_THE_MOMENT
        }
        if not told:
            return frozenset()
        newest = self.sources.newest()
        asked_again = {source.cite for source in self.sources.all[self.earlier :]}
        return frozenset(
            cite for cite, then in told.items() if then != newest and cite not in asked_again
        )

    async def call(self, name: str, arguments: str) -> str:
        """Call a tool; return what the model is told."""
        self.looked += 1
        if name == ASK_MODEL:
            self.model_runs += 1
            if self.model_runs > MODEL_RUNS_MAX:
                return _refused("the model was asked once already; a question may ask it once")
        if len(arguments) > ARGUMENTS_LENGTH_MAX:
            return _refused("the arguments are too long")
        arguments = self.mask(arguments)
        started = self.clock()
        called = await self.sources.call(name, arguments)
        if called.source is None:
            return called.text
        text = called.text
        if self.in_words and (lines := _lines(called.source)):
            self.found += lines
            text = fenced_lines(lines)
        latency_ms = round((self.clock() - started) * 1000, 1)
        kept = json.dumps(dict(called.source.arguments))
        self.calls.append(ChatCall(tool=name, arguments=kept, told=text))
        self.emit(ToolUsed(source=called.source, latency_ms=latency_ms))
        return text


def _lines(source: Source) -> list[str]:
    """Return what was found in sentences; none for a record of another form."""
    try:
        lines: list[str] = printable(told(source), length_max=LINE_LENGTH_MAX)
    except (KeyError, TypeError, ValueError, AttributeError):
        return []
    return lines


def _refused(message: str) -> str:
    return fenced({"error": "QUERY_INVALID", "message": message})


def explainer_tools(*, stepwise: bool = False) -> list[FunctionTool]:
    """Return the memory tools as function tools; a small model is shown the part it can use."""
    return [
        FunctionTool(
            name=tool.name,
            description=tool.description,
            params_json_schema=(
                narrowed_schema(tool.parameters, STEPWISE_ARGUMENTS[tool.name])
                if stepwise
                else dict(tool.parameters)
            ),
            on_invoke_tool=_caller(tool.name),
            # Strict would mean that every argument must be given.
            strict_json_schema=not stepwise,
        )
        for tool in MEMORY_TOOLS.values()
        if not stepwise or tool.name in STEPWISE_ARGUMENTS
    ]


def found_or_given_up(
    context: RunContextWrapper[Inquiry], results: list[FunctionToolResult]
) -> ToolsToFinalOutputResult:
    """End a small model's looking up: with the tools in sight it would go on for ever."""
    inquiry = context.context
    is_over = inquiry.has_found or inquiry.looked >= STEPWISE_CALLS_MAX
    return ToolsToFinalOutputResult(is_final_output=is_over, final_output="")


def _caller(name: str) -> Callable[[ToolContext[Any], str], Any]:
    async def invoke(context: ToolContext[Inquiry], arguments: str) -> str:
        return await context.context.call(name, arguments)

    return invoke


def explainer_tools_text(*, stepwise: bool = False) -> str:
    """Return the tools as they are sent, for the prompt's version."""
    tools = explainer_tools(stepwise=stepwise)
    return json.dumps([[tool.name, tool.description, tool.params_json_schema] for tool in tools])


class InquiryCaps(CallCaps[Inquiry]):
    """The caps of a question; a tool that does not exist is told so, as any wrong call is."""

    async def on_llm_start(
        self, context: RunContextWrapper[Inquiry], agent: Agent[Inquiry], *args: Any
    ) -> None:
        """Count the turn."""
        context.context.turns += 1
