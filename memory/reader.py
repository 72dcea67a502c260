"""A connection that can ask the decision memory and do nothing else, for a bounded time.

Three locks on one door: the file is open read-only, an authorizer allows reading these tables and
these functions only, and every question has a deadline. What is refused or too slow raises; it is
never an empty answer.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from callwright.errors import QueryInvalid, QueryTooSlow, StorageError
from callwright.memory.database import DeskDatabase, read_desk_database

DEADLINE_S = 5.0

_READABLE = (
    "cycles", "record_dictionaries", "decision_runs", "decisions", "decision_codes",
    "decision_updates", "day_stats", "month_stats", "call_stats", "decision_days", "pruned",
)  # fmt: skip
_FTS = "decisions_fts"
_FUNCTIONS = frozenset(
    (
        "record_line", "match", "count", "sum", "min", "max", "coalesce", "substr", "date",
        "nullif", "instr", "round",
    )
)  # fmt: skip
_OPERATIONS_BETWEEN_LOOKS = 2_000


class DecisionReader:
    """Asks the decision memory of one home; close it when done."""

    def __init__(self, database: DeskDatabase, *, deadline_s: float = DEADLINE_S) -> None:
        self._db = database
        self._deadline_s = deadline_s
        self._until = float("inf")
        self._may_transact = False
        connection = database.connection
        database.rows("PRAGMA query_only = ON")
        # The first use of a virtual table declares it, which no reader may do.
        database.rows(f"SELECT rowid FROM {_FTS} WHERE {_FTS} MATCH '\"callwright\"' LIMIT 1")
        connection.set_progress_handler(self._is_late, _OPERATIONS_BETWEEN_LOOKS)
        connection.set_authorizer(self._authorize)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a question.

        Raises:
            QueryInvalid: It is none that a reader may ask.
            QueryTooSlow: It ran into the deadline.
            StorageError: The file cannot be read.
        """
        self._until = time.monotonic() + self._deadline_s
        try:
            return self._db.connection.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as exc:
            name = getattr(exc, "sqlite_errorname", None) or ""
            if name == "SQLITE_INTERRUPT":
                raise QueryTooSlow(
                    f"the question took longer than {self._deadline_s:g} s",
                    remedy="narrow it: a time range, an action, a symbol or a code",
                ) from exc
            if name == "SQLITE_ERROR":
                raise QueryInvalid(f"the memory cannot be asked this: {exc}") from exc
            raise StorageError(f"{self._db.path}: {exc}") from exc
        except sqlite3.DatabaseError as exc:
            if any(word in str(exc) for word in ("prohibited", "not authorized", "denied")):
                raise QueryInvalid(f"a reader may not do this: {exc}") from exc
            raise StorageError(f"{self._db.path}: {exc}") from exc
        except (UnicodeEncodeError, OverflowError) as exc:
            raise QueryInvalid(
                f"the memory cannot be asked this: {type(exc).__name__} in a value"
            ) from exc
        finally:
            self._until = float("inf")

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """Answer all questions inside from one state of the file; does not nest."""
        self._transact("BEGIN DEFERRED TRANSACTION")
        try:
            yield
        finally:
            self._transact("COMMIT TRANSACTION")

    def close(self) -> None:
        """Let go of the file."""
        self._db.connection.set_authorizer(None)
        self._db.close()

    def __enter__(self) -> DecisionReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _transact(self, statement: str) -> None:
        self._may_transact = True
        try:
            self.rows(statement)
        finally:
            self._may_transact = False

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_TRANSACTION and self._may_transact:
            return sqlite3.SQLITE_OK
        return _authorize(action, first, second)

    def _is_late(self) -> bool:
        return time.monotonic() > self._until


def open_reader(path: Path, *, deadline_s: float = DEADLINE_S) -> DecisionReader:
    """Open the memory of a desk, running or not, to ask it.

    Raises:
        StorageError: There is none, or it cannot be read.
    """
    database = read_desk_database(path)
    try:
        return DecisionReader(database, deadline_s=deadline_s)
    except BaseException:
        database.close()
        raise


def _authorize(action: int, first: str | None, second: str | None) -> int:
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and first is not None:
        is_ours = first in _READABLE or first == _FTS or first.startswith(f"{_FTS}_")
        return sqlite3.SQLITE_OK if is_ours else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first == "data_version" and second is None:
        # The full-text index looks whether another process has changed it.
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
