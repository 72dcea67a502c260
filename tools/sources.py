"""The tool calls of one conversation: run, numbered, kept as what an answer may cite."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from callwright.domain.explain import Source
from callwright.domain.history import DecisionSearch
from callwright.errors import CallwrightError, DataInvalid, QueryInvalid
from callwright.ports import DeskReader
from callwright.tools.fences import fenced, outside_text, printable
from callwright.tools.memory_tools import MEMORY_TOOLS

TEXT_LENGTH_MAX = 800


@dataclass(frozen=True)
class Called:
    """A tool call's outcome.

    Attributes:
        text: What the model is given: fenced JSON, with ``cite``, or with ``error``.
        source: What may be cited; None when there is no answer.
        failure: Code of the error; None when there is an answer.
    """

    text: str
    source: Source | None
    failure: str | None = None


class Sources:
    """What was looked at in a conversation, in order.

    Args:
        desk: Who answers.
        earlier: Sources of a conversation that goes on; numbers continue behind theirs.
        command_options: Put behind every command, such as ``--home var/llm``.
    """

    def __init__(
        self, desk: DeskReader, *, earlier: Iterable[Source] = (), command_options: str = ""
    ) -> None:
        self._desk = desk
        self._options = command_options
        self._all = list(earlier)
        self._records: dict[int, Mapping[str, Any] | None] = {}

    @property
    def all(self) -> tuple[Source, ...]:
        """Everything that may be cited, in the order of the calls."""
        return tuple(self._all)

    async def call(self, name: str, arguments_json: str) -> Called:
        """Call a tool as a model asked; an error of ours becomes a text that says what to change.

        Numbers are given to answers only, in the order in which they come.
        """
        try:
            source = await self.ask(name, arguments_json)
        except CallwrightError as exc:
            told = {
                "error": exc.code,
                "message": outside_text(exc.message, length_max=TEXT_LENGTH_MAX),
                "what_to_do": outside_text(exc.remedy, length_max=TEXT_LENGTH_MAX),
            }
            return Called(fenced(told), None, exc.code)
        tool = MEMORY_TOOLS[name]
        try:
            # A record may come from anybody's file: whatever a view passes on is made printable.
            view = printable(tool.view(source.result), length_max=TEXT_LENGTH_MAX)
        except (KeyError, TypeError, ValueError, AttributeError):
            told = {"error": DataInvalid.code, "message": "a record of another form; not shown"}
            return Called(fenced(told), None, DataInvalid.code)
        return Called(fenced({"cite": f"[{source.cite}]", **view}), source)

    async def ask(self, name: str, arguments_json: str = "{}") -> Source:
        """Return a tool's answer as a source, numbered and kept.

        Raises:
            QueryInvalid, QueryTooSlow, StorageError: There is no answer.
        """
        tool = MEMORY_TOOLS.get(name)
        if tool is None:
            raise QueryInvalid(
                f"there is no tool {outside_text(name, length_max=64)!r}",
                remedy=f"one of {', '.join(MEMORY_TOOLS)}",
            )
        arguments = tool.read(arguments_json)
        result = await tool.run(self._desk, arguments)
        if tool.cite_as == "#":
            cite = f"#{result['id']}"
            self._records[result["id"]] = result
        else:
            cite = f"{tool.cite_as}-{self._next(tool.cite_as)}"
        source = Source(
            cite=cite,
            tool=name,
            arguments=json.loads(arguments.model_dump_json(exclude_none=True)),
            result=result,
            command=with_options(tool.command(arguments), self._options),
        )
        self._all.append(source)
        return source

    def newest(self) -> int | None:
        """Return the number of the newest decision; None before the first, or when unknown."""
        try:
            hits = self._desk.search_decisions(DecisionSearch(limit=1, collapse=False)).hits
        except CallwrightError:
            return None
        return hits[0].id if hits else None

    def record_of(self, decision_id: int) -> Mapping[str, Any] | None:
        """Return a decision as JSON values, None when there is no decision of that number.

        Raises:
            QueryTooSlow, StorageError: It cannot be read.
        """
        if decision_id not in self._records:
            try:
                detail = self._desk.get_decision(decision_id)
                self._records[decision_id] = detail.model_dump(mode="json")
            except QueryInvalid:
                self._records[decision_id] = None
        return self._records[decision_id]

    def _next(self, cite_as: str) -> int:
        kept = [
            int(source.cite.rpartition("-")[2])
            for source in self._all
            if source.cite.rpartition("-")[0] == cite_as
        ]
        return max(kept, default=0) + 1


def with_options(command: str, options: str) -> str:
    """Return a command with further options, before the text that ``--`` sets apart."""
    head, apart, text = command.partition(" -- ")
    return f"{head} {options}{apart}{text}" if options else command
