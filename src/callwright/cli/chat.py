"""``callwright chat``: ask the desk; one question, or a conversation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callwright.cli.options import ConfigFile, Home, Json, asking_settings_of
from callwright.errors import ConfigError

if TYPE_CHECKING:
    from callwright.chatting import ChatOptions

_SHOWN = ("tools", "cost")


def chat(
    question: Annotated[
        str | None, typer.Argument(help="What to ask; without it a conversation begins.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Look at the newest decisions only.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Look at decisions from this UTC time on: 2026-01-05."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log", metavar="FILE", help="Ask a flight recorder's JSONL file, not the home."
        ),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", help="Name of a conversation to keep, and to go on with."),
    ] = None,
    no_llm: Annotated[
        bool, typer.Option("--no-llm", help="Answer by fixed templates, without a model.")
    ] = False,
    recorded: Annotated[
        bool,
        typer.Option(
            "--recorded", help="Play recorded replies of a model: no key, nobody is asked."
        ),
    ] = False,
    show: Annotated[
        str, typer.Option("--show", help="tools, cost: what to show beside the answer.")
    ] = "",
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Ask the desk why. Answers cite decisions; every number is checked against the records.

    With a key or a local model, a model answers; else fixed templates do. It can read and nothing
    else: no chat message changes a limit or sends an order.
    """
    shown = frozenset(part.strip() for part in show.split(",") if part.strip())
    if not shown <= set(_SHOWN):
        raise ConfigError(f"--show knows {', '.join(_SHOWN)}, not {show!r}", remedy="see --help")
    if json_output and question is None:
        raise ConfigError("--json needs a question", remedy='callwright chat "..." --json')
    # Recorded was what a status says without either; a desk's own records say what it did.
    settings = asking_settings_of(
        config=config,
        home=home,
        is_recorded=recorded,
        llm_enabled=False if recorded else None,
        dry_run=True if recorded else None,
    )
    from callwright.chatting import open_chat

    with open_chat(settings, _options(limit, since, log, session, no_llm, home, question)) as chat:
        if question is None:
            from callwright.cli.chat_loop import converse

            converse(chat, settings.callwright_home, shown=shown)
            return
        from callwright.cli.chat_screen import screen_of

        try:
            answer = screen_of(sys.stdout, shown=shown, as_json=json_output).answer(chat, question)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
    if answer.failure is not None:
        raise typer.Exit(2 if answer.failure == "QUERY_INVALID" else 1)


def _options(
    limit: int | None,
    since: str | None,
    log: Path | None,
    session: str | None,
    no_llm: bool,
    home: Path | None,
    question: str | None,
) -> ChatOptions:
    import shlex

    from callwright.chatting import ChatOptions, new_session

    return ChatOptions(
        limit=limit,
        since=since,
        log=log,
        is_model_allowed=not no_llm,
        session_id=session or (new_session() if question is None else None),
        is_kept=session is not None,
        # A log's decisions are in no home yet: the reader names one.
        command_options="--home DIR"
        if log is not None
        else ""
        if home is None
        else f"--home {shlex.quote(str(home))}",
    )
