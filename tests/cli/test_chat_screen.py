"""What a terminal is sent: a dim draft, the checked answer, and nothing that could steer it."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

from rich.console import Console

from callwright.chatting.conversation import Chat, MemorySessions
from callwright.cli.chat_screen import AnswerMarkdown, LiveScreen, cost_line
from callwright.domain.explain import (
    ChatAnswer,
    ChatEvent,
    Claim,
    DraftWithdrawn,
    Source,
    TextPiece,
    ToolUsed,
)
from explainers import CannedDesk

SOURCE = Source(
    cite="stats-1",
    tool="decision_stats",
    arguments={},
    result={},
    command="callwright decisions stats \x1b[31m",
)
CLAIM = Claim(kind="number", text="77", start=8, end=10, problem="no such number")


class Scripted:
    """Yields given events, as an explainer does."""

    def __init__(self, *events: ChatEvent) -> None:
        self._events = events

    async def ask(self, question: str, session_id: str | None = None) -> AsyncIterator[ChatEvent]:
        for event in self._events:
            yield event


def shown(*events: ChatEvent, width: int = 80, **options: Any) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, height=24, color_system=None)
    chat = Chat(
        CannedDesk(),
        explainer=Scripted(*events),
        sessions=MemorySessions(),
        session_id=None,
        redact=lambda text: text,
        model="scripted",
    )
    LiveScreen(console, options.pop("shown", ()), **options).answer(chat, "why?")
    return out.getvalue()


def an_answer(text: str, **changes: Any) -> ChatAnswer:
    return ChatAnswer(question="why?", text=text, mode="llm", sources=(SOURCE,), **changes)


def test_the_draft_gives_way_to_the_checked_answer() -> None:
    text = shown(
        ToolUsed(source=SOURCE, latency_ms=1.5),
        TextPiece(text="There are 77 of them"),
        DraftWithdrawn(unsupported=(CLAIM,)),
        TextPiece(text="There are 5 [stats-1]"),
        an_answer("There are **5** [stats-1]."),
    )
    assert "There are 5 [stats-1]." in text
    assert text.rstrip().endswith("checked against the records.")


def test_what_is_unverified_stands_out_and_says_why() -> None:
    text = shown(an_answer("There are 77 (unverified) [stats-1].", claims=(CLAIM,)))
    assert "Not on record as stated, marked (unverified):" in text
    assert "77: no such number" in text


def test_sources_show_commands_and_a_conversation_their_names_only() -> None:
    assert "[stats-1] callwright decisions stats" in shown(an_answer("x"))
    text = shown(an_answer("x"), is_conversation=True)
    assert "[stats-1]  /sources shows them" in text
    assert "callwright decisions stats" not in text


def test_tools_and_cost_on_request() -> None:
    llm = {"input_tokens": 1000, "output_tokens": 50, "cost_usd": 0.0021}
    text = shown(
        ToolUsed(source=SOURCE, latency_ms=1.5), an_answer("x", llm=llm), shown={"tools", "cost"}
    )
    assert "[stats-1] decision_stats 2 ms" in text
    assert "1,000 input tokens, 50 output tokens, 0.002100 USD." in text


def test_an_unknown_cost_is_never_zero() -> None:
    assert cost_line({"input_tokens": None, "output_tokens": 5, "cost_usd": None}) == (
        "an unknown number of input tokens, 5 output tokens, an unknown cost."
    )


def test_no_text_steers_the_terminal() -> None:
    evil = (
        "a \x1b]8;;http://evil.example\x07link\x1b]8;;\x07 [click](http://evil.example) "
        "![p](http://evil.example/p.png) <http://evil.example> <b>x</b> &#27;[2J [red]no[/red] "
        "\x9b2J \u202ereversed"
    )
    text = shown(TextPiece(text=evil), an_answer(evil))
    answer = text[text.rindex("a ]8;;") :]
    assert "]8;" in answer, "the characters are shown, the escape before them is gone"
    assert "\x1b]" not in text
    assert "\x9b" not in text
    assert "\u202e" not in text
    assert "[click](http://evil.example)" in " ".join(answer.split())
    assert "[red]no[/red]" in " ".join(answer.split())


def test_markdown_is_drawn_without_anything_to_follow() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80)
    console.print(AnswerMarkdown("see https://evil.example and [x](https://evil.example) **bold**"))
    assert "\x1b]8" not in out.getvalue()
    assert "\x1b[1mbold" in out.getvalue()


def test_a_long_draft_shows_its_end_on_a_small_screen() -> None:
    lines = "\n".join(f"line {number}" for number in range(200))
    text = shown(TextPiece(text=lines), an_answer("done"), width=40)
    assert "line 199" in text
    assert "line 3\n" not in text
