"""From settings to a conversation with the desk: a model where one is there, else templates.

The only constructor of conversations. Reading needs no lock, so the desk may be running. A model's
requests are booked in the desk's database.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from callwright.chatting.conversation import Asks, Chat, MemorySessions
from callwright.chatting.desks import BoundedDesk, LogDesk
from callwright.config import Settings
from callwright.costs import models_are_local
from callwright.desk_reader import open_desk_reader
from callwright.domain.base import iso_utc, several
from callwright.domain.desk import DESK_FILE
from callwright.domain.history import DecisionSearch
from callwright.errors import ConfigError, QueryInvalid
from callwright.history import import_lines
from callwright.memory.chat_sessions import CHAT_FILE, SqliteChatSessions
from callwright.memory.database import open_desk_database, read_desk_database
from callwright.playing import origin_of
from callwright.ports import DeskReader
from callwright.tools.memory_questions import time_of


@dataclass(frozen=True)
class ChatOptions:
    """What a conversation may look at, and how.

    Attributes:
        limit: Only the newest decisions, so many.
        since: Only decisions from this UTC time on, as text.
        log: A flight recorder's file to ask instead of the home.
        is_model_allowed: False: the templates answer, even where a model is there.
        session_id: The conversation; None: each question stands alone.
        is_kept: Keep the conversation in the home, to go on with it later.
        command_options: Put behind the commands that are shown, such as ``--home var/llm``.
    """

    limit: int | None = None
    since: str | None = None
    log: Path | None = None
    is_model_allowed: bool = True
    session_id: str | None = None
    is_kept: bool = False
    command_options: str = ""


def new_session() -> str:
    """Return the name of a conversation that nobody had before."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}"


@contextmanager
def open_chat(settings: Settings, options: ChatOptions) -> Iterator[Chat]:
    """Open a conversation with the desk of the settings' home, or with a log file.

    Raises:
        StorageError: There is no desk yet, it cannot be read, or the file cannot.
        QueryInvalid: ``since`` is no time, or nothing is left to ask.
    """
    with ExitStack() as stack:
        notes: list[str] = []
        if options.log is not None:
            desk: DeskReader = _log_desk(settings, options.log, stack, notes)
        else:
            desk = stack.enter_context(open_desk_reader(settings))
        since = _bound(desk, options)
        if since is not None:
            desk = BoundedDesk(desk, since)
            notes.append(f"Only decisions from {since:%Y-%m-%d %H:%M} UTC on are looked at.")
        sessions_file = settings.callwright_home / CHAT_FILE
        explainer: Asks | None = None
        model = None
        recorded: tuple[str, ...] = ()
        if options.is_model_allowed and _has_model(settings):
            try:
                explainer = _explainer(settings, desk, options, stack, sessions_file)
                model = settings.llm_chat_model_name or settings.llm_model_name
                if (origin := origin_of(settings)) is not None:
                    model = f"{model}, recorded on {origin.date}"
                    recorded = origin.questions
            except ConfigError as exc:
                notes.append(f"No model is asked: {exc.message}; {exc.remedy or 'see doctor'}.")
        is_kept = explainer is not None or options.is_kept
        yield Chat(
            desk,
            explainer=explainer,
            sessions=SqliteChatSessions(sessions_file) if is_kept else MemorySessions(),
            session_id=options.session_id,
            redact=settings.redact,
            command_options=options.command_options,
            model=model,
            since="" if since is None else iso_utc(since),
            notes=tuple(notes),
            recorded=recorded,
        )


def _has_model(settings: Settings) -> bool:
    return settings.openai_api_key is not None or models_are_local(settings)


def _explainer(
    settings: Settings, desk: DeskReader, options: ChatOptions, stack: ExitStack, file: Path
) -> Asks:
    # Only here: who asks without a model never loads the SDK.
    from callwright.model_brain import open_explainer

    path = settings.callwright_home / DESK_FILE
    if path.exists():
        # Migrating a home is the desk's own business, never a question's.
        read_desk_database(path).close()
    database = stack.enter_context(open_desk_database(path))
    return open_explainer(
        settings, database, desk, sessions_file=file, command_options=options.command_options
    )


def _log_desk(settings: Settings, log: Path, stack: ExitStack, notes: list[str]) -> DeskReader:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="callwright-log-")))
    aside = settings.model_copy(update={"callwright_home": home, "log_dir": home / "logs"})
    if log.exists() and not log.is_file():
        raise QueryInvalid(
            f"{log} is no file of the flight recorder",
            remedy="give one of logs/agent_decisions_*.jsonl",
        )
    report = import_lines(aside, [log], on_bytes=lambda _: None)
    notes.append(
        f"{log}: {several(report.added, 'decision')} of {several(report.lines, 'line')}; "
        f"{report.skipped:,} skipped as no records."
    )
    notes.append(
        f"To look yourself: callwright decisions import {shlex.quote(str(log))} --home DIR, then "
        "the commands below with --home DIR."
    )
    if report.contradicting:
        notes.append(f"{len(report.contradicting):,} lines contradict an earlier one of the file.")
    if not report.added:
        raise QueryInvalid(
            f"{log} holds no decision: {report.skipped:,} lines were skipped",
            remedy="give a file of the flight recorder, logs/agent_decisions_*.jsonl",
        )
    return LogDesk(stack.enter_context(open_desk_reader(aside)))


def _bound(desk: DeskReader, options: ChatOptions) -> datetime | None:
    """Return the time from which on decisions may be looked at."""
    since = None if options.since is None else time_of("since", options.since, is_end=False)
    if options.limit is None:
        return since
    newest = desk.search_decisions(DecisionSearch(limit=1, collapse=False)).hits
    beyond = newest[0].id - options.limit + 2 if newest else 0
    if beyond <= 1:
        return since
    page = desk.search_decisions(DecisionSearch(limit=1, collapse=False, cursor=beyond))
    if not page.hits:
        return since
    first = datetime.fromisoformat(page.hits[0].as_of)
    return first if since is None else max(since, first)
