"""An answer on a screen: the draft while it comes, then what was checked, with its sources.

What is shown was partly written by models and venues. Markdown is drawn without links, pictures or
HTML, and without a control character, so that no text can steer the terminal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, Protocol, TextIO

from markdown_it import MarkdownIt
from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from callwright.chatting.conversation import Chat
from callwright.domain.explain import (
    ChatAnswer,
    ChatEvent,
    DraftWithdrawn,
    Source,
    TextPiece,
    ToolUsed,
)

SOURCES_SHOWN = 6
UNVERIFIED = "(unverified)"
_NOT_DRAWN = [
    "link", "image", "autolink", "html_inline", "html_block", "entity", "reference", "linkify",
]  # fmt: skip


class AnswerMarkdown(Markdown):
    """Markdown of which nothing can be followed or loaded; texts of others stay text."""

    def __init__(self, text: str) -> None:
        super().__init__("", hyperlinks=False)
        self.markup = text
        parser = MarkdownIt("commonmark", {"html": False}).enable("table")
        self.parsed = parser.disable(_NOT_DRAWN, ignoreInvalid=True).parse(text)


class AnswerScreen(Protocol):
    """Shows what happens while a question is answered."""

    def answer(self, chat: Chat, question: str) -> ChatAnswer:
        """Ask, show, and return the answer."""
        ...


def screen_of(
    out: TextIO, *, shown: Collection[str], as_json: bool = False, is_conversation: bool = False
) -> AnswerScreen:
    """Return the screen for an output: JSON, plain Markdown for a pipe, or a live terminal."""
    if as_json:
        return JsonScreen(out)
    console = Console(file=out)
    if not console.is_terminal:
        return PlainScreen(out, shown)
    return LiveScreen(console, shown, is_conversation=is_conversation)


class JsonScreen:
    """One ChatAnswer as JSON."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def answer(self, chat: Chat, question: str) -> ChatAnswer:
        """Ask and print the answer as JSON."""
        found = asyncio.run(_last(chat, question))
        print(found.model_dump_json(), file=self._out)
        return found


class PlainScreen:
    """Plain Markdown, for pipes and files."""

    def __init__(self, out: TextIO, shown: Collection[str]) -> None:
        self._out = out
        self._shown = shown

    def answer(self, chat: Chat, question: str) -> ChatAnswer:
        """Ask and print the answer."""
        found = asyncio.run(_last(chat, question))
        lines = [*(f"({note})" for note in chat.notes), safe(found.text), ""]
        if found.sources:
            lines.append("Sources:")
            lines += [f"- [{source.cite}] `{safe(source.command)}`" for source in found.sources]
            lines.append("")
        lines.append(safe(mode_line(chat, found)))
        if "tools" in self._shown:
            lines += [f"- {line}" for line in tool_lines(found.sources)]
        if "cost" in self._shown:
            lines.append(cost_line(found.llm))
        print("\n".join(lines), file=self._out)
        return found


class LiveScreen:
    """A terminal: the draft comes dim, and gives way to the checked answer."""

    def __init__(
        self, console: Console, shown: Collection[str], *, is_conversation: bool = False
    ) -> None:
        self._console = console
        self._shown = shown
        self._is_conversation = is_conversation

    def answer(self, chat: Chat, question: str) -> ChatAnswer:
        """Ask and draw the answer; Ctrl-C stops it and leaves as ``KeyboardInterrupt``."""
        draft = _Draft()
        with Live(
            draft.view(self._console), console=self._console, transient=True, refresh_per_second=8
        ) as live:
            found = asyncio.run(self._follow(chat, question, draft, live))
        self._show(chat, found)
        return found

    async def _follow(self, chat: Chat, question: str, draft: _Draft, live: Live) -> ChatAnswer:
        found: ChatAnswer | None = None
        async for event in chat.ask(question):
            draft.take(event)
            if isinstance(event, ToolUsed) and "tools" in self._shown:
                live.console.print(Text(f"{_tool_line(event)}"), style="dim", soft_wrap=True)
            if isinstance(event, ChatAnswer):
                found = event
            live.update(draft.view(self._console))
        assert found is not None
        return found

    def _show(self, chat: Chat, found: ChatAnswer) -> None:
        console = self._console
        text = safe(found.text).replace(UNVERIFIED, f"**{UNVERIFIED}**")
        if not self._is_conversation:
            for note in chat.notes:
                console.print(Text(safe(note)), style="dim")
        console.print(AnswerMarkdown(text))
        console.print()
        unsupported = found.unsupported
        if unsupported:
            console.print(Text(f"Not on record as stated, marked {UNVERIFIED}:", style="yellow"))
            for claim in unsupported[:10]:
                console.print(Text(safe(f"  {claim.text}: {claim.problem}")), style="yellow")
        if self._is_conversation:
            cites = " ".join(f"[{source.cite}]" for source in found.sources)
            console.print(Text(f"{cites}  /sources shows them" if cites else ""), style="dim")
        elif "tools" not in self._shown:
            for source in found.sources[:SOURCES_SHOWN]:
                line = Text(safe(f"[{source.cite}] {source.command}"))
                console.print(line, style="dim", soft_wrap=True)
            left = len(found.sources) - SOURCES_SHOWN
            if left > 0:
                console.print(Text(f"and {left} more, all in --json"), style="dim")
        if "cost" in self._shown:
            console.print(Text(cost_line(found.llm)), style="dim")
        if not self._is_conversation or found.mode != chat.mode:
            console.print(Text(safe(mode_line(chat, found))), style="dim")


class _Draft:
    """What is known of an answer so far."""

    def __init__(self) -> None:
        self._text = ""
        self._doing = "reading the records"

    def take(self, event: ChatEvent) -> None:
        """Take what happened."""
        if isinstance(event, TextPiece):
            self._text += event.text
        elif isinstance(event, ToolUsed):
            self._doing = f"looked at [{event.source.cite}]"
        elif isinstance(event, DraftWithdrawn):
            self._doing = f"{len(event.unsupported)} items were not on record; correcting"
            self._text = ""

    def view(self, console: Console) -> Text:
        """Return the end of the draft, as much as fits, and what is being done."""
        width, height = console.size
        lines: list[str] = []
        for line in safe(self._text).split("\n"):
            lines += [line[at : at + width] for at in range(0, max(1, len(line)), width)]
        room = max(1, height - 4)
        shown = "\n".join(lines[-room:]).strip("\n")
        status = f"{self._doing} ... (a draft, not checked yet)" if shown else f"{self._doing} ..."
        return Text(f"{shown}\n{status}" if shown else status, style="dim")


async def _last(chat: Chat, question: str) -> ChatAnswer:
    found: ChatAnswer | None = None
    async for event in chat.ask(question):
        if isinstance(event, ChatAnswer):
            found = event
    assert found is not None
    return found


def safe(text: str) -> str:
    """Return a text without control characters, so that it cannot steer a terminal."""
    return "".join(char for char in text if char.isprintable() or char == "\n")


def mode_line(chat: Chat, answer: ChatAnswer) -> str:
    """Return who answered."""
    if answer.mode == "llm":
        return f"Answered by the model {chat.model}; what it says was checked against the records."
    return "Answered without a model, by fixed templates over the records."


def tool_lines(sources: Collection[Source]) -> list[str]:
    """Return the tools that were used, one a line."""
    return [f"[{source.cite}] {source.tool}" for source in sources]


def _tool_line(used: ToolUsed) -> str:
    source = used.source
    return safe(f"[{source.cite}] {source.tool} {used.latency_ms:.0f} ms: {source.command}")


def cost_line(llm: Mapping[str, Any] | None) -> str:
    """Return tokens and cost of an answer; unknown is said, never zero."""
    if not llm:
        return "No model was asked: no cost."
    cost = llm.get("cost_usd")
    told = "an unknown cost" if cost is None else f"{cost:.6f} USD"
    tokens = [llm.get("input_tokens"), llm.get("output_tokens")]
    into, out = ("an unknown number of" if n is None else f"{n:,}" for n in tokens)
    return f"{into} input tokens, {out} output tokens, {told}."
