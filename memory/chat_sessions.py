"""Conversations with the desk, in a file of their own: asking must not touch the desk's ledger.

A question is one row, written when it is over. So a process that dies in between leaves nothing of
it: no question without an answer, no tool call without its result.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import ValidationError

from callwright.domain.explain import ChatTurn
from callwright.errors import StorageError

CHAT_FILE = "chat.db"
TURNS_KEPT_MAX = 50
"""Of a conversation; older ones are forgotten, with what they looked at."""

_SCHEMA = 1
_BUSY_TIMEOUT_S = 5.0
_CREATE = """
CREATE TABLE IF NOT EXISTS turns (
  id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  turn TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS turns_of_session ON turns (session_id, id);
"""


class SqliteChatSessions:
    """``ports.ChatSessions`` in one SQLite file; several processes may use it.

    A connection is opened for each call: questions are seconds apart, and nothing stays open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def turns(self, session_id: str) -> tuple[ChatTurn, ...]:
        """Return the newest ``TURNS_KEPT_MAX`` turns, oldest first."""
        if not self._path.exists():
            return ()
        with self._open() as connection:
            rows = connection.execute(
                "SELECT turn FROM turns WHERE session_id = ? ORDER BY id DESC LIMIT ?",
                (session_id, TURNS_KEPT_MAX),
            ).fetchall()
        try:
            return tuple(ChatTurn.model_validate_json(turn) for (turn,) in reversed(rows))
        except ValidationError as exc:
            raise self._error(f"a kept question has {exc.error_count()} wrong fields") from exc

    def add(self, session_id: str, turn: ChatTurn) -> None:
        """Keep a turn and forget those that are too old."""
        with self._open() as connection, connection:
            connection.execute(
                "INSERT INTO turns (session_id, turn) VALUES (?, ?)",
                (session_id, turn.model_dump_json()),
            )
            connection.execute(
                "DELETE FROM turns WHERE session_id = ? AND id NOT IN"
                " (SELECT id FROM turns WHERE session_id = ? ORDER BY id DESC LIMIT ?)",
                (session_id, session_id, TURNS_KEPT_MAX),
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # What was asked and answered is for this user only.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT_S)) as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version > _SCHEMA:
                    raise self._error("it is of a newer callwright")
                if version < _SCHEMA:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.executescript(f"{_CREATE}PRAGMA user_version = {_SCHEMA};")
                yield connection
        except (sqlite3.Error, OSError) as exc:
            raise self._error(type(exc).__name__) from exc

    def _error(self, why: str) -> StorageError:
        return StorageError(
            f"{self._path} cannot be used: {why}",
            remedy="move that file away; it holds conversations only, and a new one is made",
        )
