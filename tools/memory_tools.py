"""Six tools to ask a desk: what they are called, what they take, what they answer.

One table for the explainer, its answers without a model, the command line and pages. A tool gets a
``DeskReader``, so it can read and nothing else. A question that fails raises; it is never answered
with nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from callwright.ports import DeskReader
from callwright.tools import memory_commands as commands
from callwright.tools import memory_views as views
from callwright.tools.memory_questions import (
    Arguments,
    DecisionArguments,
    NoArguments,
    SearchArguments,
    StatsArguments,
    WhatIfArguments,
    read_model,
)
from callwright.tools.strict_schema import strict_schema


@dataclass(frozen=True)
class MemoryTool:
    """A tool.

    Attributes:
        name, description: As a model is told them.
        cite_as: What its results are cited as, ``stats`` for ``[stats-1]``; ``#`` when a result is
            cited by the number of its decision.
        parameters: Strict JSON schema of its arguments.
    """

    name: str
    description: str
    cite_as: str
    parameters: Mapping[str, Any]
    _model: type[Arguments]
    _ask: Callable[[DeskReader, Any], Awaitable[Any]]
    _view: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    _command: Callable[[Any], str]

    def read(self, arguments_json: str) -> Arguments:
        """Return the arguments that a model wrote as JSON.

        Raises:
            QueryInvalid: They cannot be used; the message says what to change.
        """
        arguments = read_model(self._model, arguments_json)
        self.command(arguments)
        return arguments

    async def run(self, desk: DeskReader, arguments: Arguments) -> Mapping[str, Any]:
        """Return the whole answer as JSON values.

        Raises:
            QueryInvalid, QueryTooSlow, StorageError: There is no answer.
        """
        answer = await self._ask(desk, arguments)
        result: Mapping[str, Any] = (
            answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
        )
        return result

    def view(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what of an answer a model is shown, texts of others cut and printable."""
        return self._view(result)

    def command(self, arguments: Arguments) -> str:
        """Return the command line that gives the same answer."""
        return self._command(arguments)


async def _search(desk: DeskReader, arguments: SearchArguments) -> BaseModel:
    return desk.search_decisions(arguments.question())


async def _decision(desk: DeskReader, arguments: DecisionArguments) -> BaseModel:
    return desk.get_decision(arguments.question())


async def _stats(desk: DeskReader, arguments: StatsArguments) -> BaseModel:
    return desk.decision_stats(arguments.question())


async def _status(desk: DeskReader, arguments: NoArguments) -> Mapping[str, Any]:
    return desk.get_status()


async def _what_if(desk: DeskReader, arguments: WhatIfArguments) -> BaseModel:
    return desk.what_if(arguments.question())


async def _model(desk: DeskReader, arguments: WhatIfArguments) -> BaseModel:
    return await desk.what_would_the_model_do(arguments.question())


_TOOLS = (
    MemoryTool(
        name="search_decisions",
        description="Find decisions by filters and words; a denied roll is action DO_NOTHING, "
        "proposed_action ROLL_COVERED_CALL. Never count hits: use decision_stats.",
        cite_as="search",
        parameters=strict_schema(SearchArguments),
        _model=SearchArguments,
        _ask=_search,
        _view=views.search_view,
        _command=commands.search_command,
    ),
    MemoryTool(
        name="get_decision",
        description="One decision: what it saw, why, verdicts, orders, what became of it.",
        cite_as="#",
        parameters=strict_schema(DecisionArguments),
        _model=DecisionArguments,
        _ask=_decision,
        _view=views.decision_view,
        _command=commands.decision_command,
    ),
    MemoryTool(
        name="decision_stats",
        description="Count decisions and add up costs, filters as in search_decisions.",
        cite_as="stats",
        parameters=strict_schema(StatsArguments, like=SearchArguments),
        _model=StatsArguments,
        _ask=_stats,
        _view=views.stats_view,
        _command=commands.stats_command,
    ),
    MemoryTool(
        name="get_status",
        description="The desk now: mode, brain, model, limits, positions, last cycle, budgets.",
        cite_as="status",
        parameters=strict_schema(NoArguments),
        _model=NoArguments,
        _ask=_status,
        _view=views.status_view,
        _command=commands.status_command,
    ),
    MemoryTool(
        name="what_if",
        description="What the rules would do on the last snapshot with changes.",
        cite_as="what-if",
        parameters=strict_schema(WhatIfArguments),
        _model=WhatIfArguments,
        _ask=_what_if,
        _view=views.what_if_view,
        _command=commands.what_if_command,
    ),
    MemoryTool(
        name="what_would_the_model_do",
        description="The same, asking the manager model; costs money, sends nothing.",
        cite_as="model",
        parameters=strict_schema(WhatIfArguments, like=WhatIfArguments),
        _model=WhatIfArguments,
        _ask=_model,
        _view=views.what_if_view,
        _command=commands.model_command,
    ),
)

MEMORY_TOOLS: Mapping[str, MemoryTool] = {tool.name: tool for tool in _TOOLS}
"""The tools by name, in the order in which a model is told of them."""
