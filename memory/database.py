"""The desk's one SQLite file: how it is opened, checked, migrated, and how its errors leave.

WAL with ``synchronous=FULL``: a transaction that returned survives a power cut, at the price of
one fsync. Every ``sqlite3.Error`` leaves as a ``StorageError`` that names the file and the remedy.
The hot path is the standard library's ``sqlite3``; sqlite-utils is imported only to migrate.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from callwright.errors import StorageError
from callwright.memory.packing import RecordPacker

SCHEMA_VERSION = 6
APPLICATION_ID = 0x63777274
"""``cwrt``: tells the desk's file from any other SQLite file."""

BUSY_TIMEOUT_S = 5.0
_TOLD_FROM = 10_000
"""Records from which on the time that a migration takes is worth a line."""
_QUICK_CHECK_MAX_BYTES = 64 * 1024 * 1024
_MEMORY_TABLES = ("cycles", "snapshots", "decision", "day_stats", "month_stats", "call_stats")
"""How the names begin of what is remembered and of nothing that is decided from."""

_REMEDIES = (
    ("SQLITE_FULL", "free space on that disk, then start again; nothing committed was lost"),
    ("SQLITE_BUSY", "another process is writing to it; stop it or wait, then try again"),
    ("SQLITE_LOCKED", "another process is writing to it; stop it or wait, then try again"),
    ("SQLITE_READONLY", "make the file and its folder writable for this user"),
    ("SQLITE_CANTOPEN", "check that the path exists and that this user may read and write it"),
    ("SQLITE_PERM", "make the file and its folder writable for this user"),
    ("SQLITE_NOTADB", "move the file away, or restore it with its -wal file from a backup"),
    ("SQLITE_CORRUPT", "move the file away, or restore it with its -wal file from a backup"),
    ("SQLITE_IOERR", "check the disk and its free space, then start again"),
)


class DeskDatabase:
    """An open desk database; one connection, one thread.

    Attributes:
        path: The file.
        connection: For maintenance and tests; stores use the methods below.
        packer: Compresses old records; ``record_line(record)`` in SQL gives the line of any.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.connection = connection
        self.packer = RecordPacker(connection)
        connection.create_function("record_line", 1, self.packer.line)
        self._writes: dict[str, int] = {}

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query.

        Raises:
            StorageError: The file cannot be read.
        """
        try:
            return self.connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as exc:
            raise self._error(exc) from exc

    def write(self, table: str, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change ``table`` with one statement and return how many rows it changed.

        Outside ``transaction`` the change is on disk when this returns.

        Raises:
            StorageError: The file cannot be written.
        """
        self._writes[table] = self._writes.get(table, 0) + 1
        return self._execute(sql, parameters).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all writes inside durable together, or none of them; does not nest."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException as exc:
            # A full disk may have rolled back already; the first error is the one to tell.
            with suppress(sqlite3.Error):
                self.connection.rollback()
            self.packer.forget()
            if isinstance(exc, sqlite3.Error):
                raise self._error(exc) from exc
            raise

    def writes(self, table: str) -> int:
        """Return how often we have written to a table; enough where nobody else writes it."""
        return self._writes.get(table, 0)

    def outside(self) -> int:
        """Return a number that changes when another process has written to the file."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def bind_account(self, account_id: str) -> None:
        """Give this ledger to an account for good; a ledger never mixes two.

        Raises:
            StorageError: It belongs to another account.
        """
        self.write(
            "desk_account",
            "INSERT INTO desk_account (id, account_id) VALUES (1, ?) ON CONFLICT DO NOTHING",
            (account_id,),
        )
        owner = self.rows("SELECT account_id FROM desk_account")[0][0]
        if owner != account_id:
            raise StorageError(
                f"{self.path} is the ledger of account {owner!r}, not of {account_id!r}",
                remedy="set CALLWRIGHT_HOME to another folder for this account",
            )

    def problems(self) -> tuple[str, ...]:
        """Return what a full integrity check finds; reads the whole file."""
        found = [str(row[0]) for row in self.rows("PRAGMA integrity_check(20)")]
        return tuple(line for line in found if line != "ok")

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with suppress(sqlite3.Error):
            self.connection.close()

    def __enter__(self) -> DeskDatabase:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self.connection.execute(sql, parameters)
        except sqlite3.Error as exc:
            raise self._error(exc) from exc

    def _error(self, exc: sqlite3.Error) -> StorageError:
        name = getattr(exc, "sqlite_errorname", None) or ""
        remedy = next((text for prefix, text in _REMEDIES if name.startswith(prefix)), "")
        return StorageError(f"{self.path}: {exc}", remedy=remedy)


def open_desk_database(path: Path, *, durable: bool = True) -> DeskDatabase:
    """Open the desk's database for writing; create or migrate it when needed.

    Args:
        path: ``desk.db`` in CALLWRIGHT_HOME; created with mode 0600, and so are its WAL files.
        durable: False skips every fsync; only for back-tests, whose home can be made again.

    Raises:
        StorageError: It is corrupt, locked, full, read-only, not ours, or of a newer Callwright.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as exc:
        raise StorageError(
            f"{path}: {exc.strerror}",
            remedy="check that the path is a file which this user may write",
        ) from exc
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    database = DeskDatabase(path, connection)
    try:
        database.rows("PRAGMA foreign_keys = ON")
        _require_known_schema(database)
        database.rows("PRAGMA journal_mode = WAL")
        database.rows(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        if _schema_version(database) < SCHEMA_VERSION:
            _migrate(database)
        _quick_check(database)
    except BaseException:
        database.close()
        raise
    return database


def read_desk_database(path: Path) -> DeskDatabase:
    """Open the database of a desk, running or not, to read; nothing can be written through it.

    Raises:
        StorageError: There is none, or it is corrupt, not ours, or of another schema.
    """
    if not path.is_file():
        raise StorageError(
            f"{path}: there is no desk database", remedy="run the desk once, or set CALLWRIGHT_HOME"
        )
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S
    )
    database = DeskDatabase(path, connection)
    try:
        _require_known_schema(database)
        if _schema_version(database) < SCHEMA_VERSION:
            raise StorageError(
                f"{path}: made by an older Callwright",
                remedy="start the desk once with this version; it migrates the file",
            )
    except BaseException:
        database.close()
        raise
    return database


def _schema_version(database: DeskDatabase) -> int:
    return int(database.rows("PRAGMA user_version")[0][0])


def _require_known_schema(database: DeskDatabase) -> None:
    version = _schema_version(database)
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"{database.path}: schema {version} is newer than this Callwright's {SCHEMA_VERSION}",
            remedy="upgrade callwright, or use another CALLWRIGHT_HOME",
        )
    application = database.rows("PRAGMA application_id")[0][0]
    is_empty = not database.rows("SELECT 1 FROM sqlite_master LIMIT 1")
    if not (application == APPLICATION_ID or (is_empty and version == 0)):
        raise StorageError(
            f"{database.path}: a SQLite file, but not a desk's",
            remedy="move it away, or use another CALLWRIGHT_HOME",
        )


def _migrate(database: DeskDatabase) -> None:
    # Costs 0.7 s to import, so only a new or old file pays for it.
    from callwright.memory.migrations import apply_migrations

    try:
        apply_migrations(database.connection, on_indexed=_say_progress)
        # Into the main file at once: without its -wal file a desk must not look brand-new.
        database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as exc:
        raise database._error(exc) from exc


def _say_progress(done: int, total: int) -> None:
    if total > _TOLD_FROM:
        percent = done / total
        print(
            f"callwright: indexing the records for this version: {done:,} ({percent:.0%})",
            file=sys.stderr,
        )


def _quick_check(database: DeskDatabase) -> None:
    # Records, their index and snapshots are by far the most bytes and nothing is decided from them,
    # so in a large file they are left to ``problems`` (doctor); the ledgers are always checked.
    small = database.path.stat().st_size <= _QUICK_CHECK_MAX_BYTES
    names = [row[0] for row in database.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in names:
        if small or not name.startswith(_MEMORY_TABLES):
            for (line,) in database.rows(f"PRAGMA quick_check('{name}')"):
                if line != "ok":
                    raise StorageError(
                        f"{database.path}: corrupt: {line}",
                        remedy=dict(_REMEDIES)["SQLITE_CORRUPT"],
                    )
