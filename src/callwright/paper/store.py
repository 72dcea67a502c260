"""The paper account's file: SQLite, one table a record, one transaction a change.

The engine's memory is rebuilt from it, so a process killed at any moment leaves the books as they
were before or after its last change, never between. Anyone may read the file while it is in use
(``open_books``); only one process may write it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar, get_args, get_type_hints

from callwright.errors import StorageError
from callwright.paper.records import (
    Coin,
    HeldPosition,
    Mark,
    Order,
    Progress,
    Settlement,
    Taken,
    Trade,
)

_APPLICATION_ID = 0x43575058
"""Marks the file as ours: "CWPX"."""
_SCHEMA_VERSION = 2

_TABLES: dict[type, tuple[str, tuple[str, ...]]] = {
    Progress: ("progress", ("source",)),
    Coin: ("coins", ("currency",)),
    HeldPosition: ("positions", ("instrument_name",)),
    Mark: ("marks", ("instrument_name",)),
    Taken: ("taken", ("instrument_name", "direction")),
    Order: ("orders", ("order_id",)),
    Trade: ("trades", ("trade_id",)),
    Settlement: ("settlements", ("settlement_id",)),
}
_INDEXES = (
    "CREATE INDEX orders_by_label ON orders (label)",
    "CREATE INDEX orders_open ON orders (order_state) WHERE order_state = 'open'",
    "CREATE INDEX trades_by_time ON trades (currency, timestamp)",
    "CREATE INDEX settlements_by_time ON settlements (currency, timestamp)",
)

R = TypeVar("R")


class Books:
    """The account's books, to read: what the exchange itself holds, not what the desk believes."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._db = connection
        self._name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def progress(self) -> Progress | None:
        """Return the exchange's clock and market, or None before its first start."""
        rows = self.rows(Progress)
        return rows[0] if rows else None

    def balances(self) -> tuple[Coin, ...]:
        """Return the cash of each currency."""
        return self.rows(Coin)

    def positions(self) -> tuple[HeldPosition, ...]:
        """Return open positions, in the order in which they were opened."""
        return self.rows(HeldPosition)

    def orders(self) -> tuple[Order, ...]:
        """Return every order ever accepted, oldest first."""
        return self.rows(Order)

    def trades(self) -> tuple[Trade, ...]:
        """Return every trade, oldest first."""
        return self.rows(Trade)

    def settlements(self) -> tuple[Settlement, ...]:
        """Return every delivery, oldest first."""
        return self.rows(Settlement)

    def rows(self, kind: type[R], where: str = "1", values: Sequence[Any] = ()) -> tuple[R, ...]:
        """Return the records of one table that satisfy an SQL condition, oldest first.

        Raises:
            StorageError: The file cannot be read.
        """
        layout = _LAYOUTS[kind]
        sql = f"SELECT {layout.columns} FROM {layout.table} WHERE {where} ORDER BY rowid"
        try:
            found = []
            for row in self._db.execute(sql, values):
                cells = list(row)
                for column, read in layout.readers:
                    cells[column] = read(cells[column])
                found.append(kind(*cells))
            return tuple(found)
        except (sqlite3.Error, ArithmeticError) as exc:
            raise self._failed("read", exc) from exc

    def _failed(self, doing: str, exc: Exception) -> StorageError:
        return StorageError(
            f"cannot {doing} the paper account {self._name}: {exc}",
            remedy="check the disk; if the file is damaged, move it away to start a new account",
        )


class PaperStore(Books):
    """The books, to write. Every change stands inside ``transaction``.

    Args:
        path: The account's file, created with mode 0600 if missing; None keeps it in memory.
        durable: Whether a change survives a power failure (an fsync each), or only the process.

    Raises:
        StorageError: The file is damaged, is not a paper account, or cannot be opened.
    """

    def __init__(self, path: Path | None = None, *, durable: bool = True) -> None:
        name = str(path) if path else "in memory"
        super().__init__(_connect(path, name), name)
        try:
            self._prepare(durable)
        except sqlite3.Error as exc:
            self._db.close()
            raise self._failed("open", exc) from exc
        except BaseException:
            self._db.close()
            raise
        self._version = self._pragma("data_version")
        self._pending: dict[type, dict[Any, object]] = {}

    def _prepare(self, durable: bool) -> None:
        _check_identity(self._db, self._name, may_be_empty=True)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        if not self._pragma("user_version"):
            self._db.execute("BEGIN IMMEDIATE")
            for layout in _LAYOUTS.values():
                self._db.execute(layout.create)
            for index in _INDEXES:
                self._db.execute(index)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._db.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            self._db.execute("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside durable together, or none of it.

        Raises:
            StorageError: It cannot be written, or another process has written to the account.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if self._pragma("data_version") != self._version:
                raise StorageError(
                    f"another process wrote to the paper account {self._name}",
                    remedy="run one desk per account; stop the other one and start again",
                )
            yield
            for kind, records in self._pending.items():
                self._write(kind, records)
            self._db.execute("COMMIT")
            self._pending.clear()
        except sqlite3.Error as exc:
            self._roll_back()
            raise self._failed("write", exc) from exc
        except BaseException:
            self._roll_back()
            raise

    def put(self, record: object) -> None:
        """Insert a record, or replace the one with its key.

        A record that changes several times within a transaction is written once, at its end.
        """
        kind = type(record)
        self._pending.setdefault(kind, {})[_LAYOUTS[kind].key(record)] = record

    def remove(self, kind: type, key: str) -> None:
        """Delete the records of one table whose (first) key column is ``key``."""
        self._write(kind, self._pending.pop(kind, {}))
        table, keys = _TABLES[kind]
        self._db.execute(f"DELETE FROM {table} WHERE {keys[0]} = ?", (key,))

    def rows(self, kind: type[R], where: str = "1", values: Sequence[Any] = ()) -> tuple[R, ...]:
        """Return records as ``Books.rows`` does, what this transaction has put included."""
        self._write(kind, self._pending.pop(kind, {}))
        return super().rows(kind, where, values)

    def _write(self, kind: type, records: Mapping[Any, object]) -> None:
        if records:
            layout = _LAYOUTS[kind]
            self._db.executemany(
                layout.upsert,
                [
                    [str(v) if isinstance(v, Decimal) else v for v in layout.values(record)]
                    for record in records.values()
                ],
            )

    def _roll_back(self) -> None:
        self._pending.clear()
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])


def open_books(path: Path) -> Books:
    """Return the books in a file for reading only, also while an exchange is writing them.

    Raises:
        StorageError: There is no such file, it is damaged, or it is not a paper account.
    """
    name = str(path)
    if not path.is_file():
        raise StorageError(f"there is no paper account {name}", remedy="start the desk once")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as exc:
        raise StorageError(f"cannot open the paper account {name}: {exc}") from exc
    try:
        _check_identity(connection, name, may_be_empty=False)
    except BaseException:
        connection.close()
        raise
    return Books(connection, name)


def _connect(path: Path | None, name: str) -> sqlite3.Connection:
    try:
        if path is not None:
            # SQLite would create the file readable by everyone; its journals copy the mode.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        # Autocommit: transactions are ours to begin and end.
        return sqlite3.connect(path or ":memory:", timeout=5.0, isolation_level=None)
    except (OSError, sqlite3.Error) as exc:
        raise StorageError(
            f"cannot open the paper account {name}: {exc}",
            remedy="check that the folder exists and can be written",
        ) from exc


def _check_identity(db: sqlite3.Connection, name: str, *, may_be_empty: bool) -> None:
    try:
        found = int(db.execute("PRAGMA application_id").fetchone()[0])
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        tables = int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        damage = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as exc:
        damage = str(exc)
        found = version = tables = 0
    if damage != "ok":
        raise StorageError(
            f"the paper account {name} is damaged: {damage}",
            remedy="restore a copy, or move the file away to start a new account",
        )
    if may_be_empty and not (found or version or tables):
        return
    if (found, version) != (_APPLICATION_ID, _SCHEMA_VERSION):
        raise StorageError(
            f"{name} is not a paper account of this version",
            remedy="name another file, or move this one away to start a new account",
        )


class _Layout(NamedTuple):
    """How one record maps to its table."""

    table: str
    key: Callable[[object], Any]
    values: Callable[[object], tuple[Any, ...]]
    columns: str
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]
    create: str
    upsert: str


def _layout(kind: type) -> _Layout:
    table, keys = _TABLES[kind]
    hints = get_type_hints(kind)
    names = tuple(field.name for field in fields(kind))
    columns = ", ".join(names)
    rest = [name for name in names if name not in keys]
    declared = ", ".join(f"{name} {_sql_type(hints[name])}" for name in names)
    return _Layout(
        table=table,
        key=attrgetter(*keys),
        values=attrgetter(*names),
        columns=columns,
        readers=tuple(
            (column, read)
            for column, name in enumerate(names)
            if (read := _reader(hints[name])) is not None
        ),
        create=f"CREATE TABLE {table} ({declared}, PRIMARY KEY ({', '.join(keys)}))",
        upsert=f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(names))}) "
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in rest),
    )


def _sql_type(hint: Any) -> str:
    if hint is float:
        return "REAL NOT NULL"
    if hint in (int, bool):
        return "INTEGER NOT NULL"
    # Decimals are text: SQLite's own numbers would round them.
    return "TEXT" if type(None) in get_args(hint) else "TEXT NOT NULL"


def _reader(hint: Any) -> Callable[[Any], Any] | None:
    """Return what makes a value of a column the record's; None: it is already."""
    if hint is Decimal:
        return Decimal
    if Decimal in get_args(hint):
        return lambda value: None if value is None else Decimal(value)
    return bool if hint is bool else None


_LAYOUTS = {kind: _layout(kind) for kind in _TABLES}
