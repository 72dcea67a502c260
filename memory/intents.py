"""The intents ledger: what the desk promised to send, durable before anything is sent.

A label is written once. Nothing here sends, and nothing here decides that an order is absent.
"""

from __future__ import annotations

from callwright.domain.orders import Intent
from callwright.errors import StorageError
from callwright.memory.database import DeskDatabase
from callwright.memory.rows import cells, columns, places, read_row

_COLUMNS = columns(Intent)
_INSERT = f"INSERT INTO intents ({_COLUMNS}) VALUES ({places(Intent)}) ON CONFLICT DO NOTHING"
_UPDATE = f"UPDATE intents SET ({_COLUMNS}) = ({places(Intent)}) WHERE label = ?"


class SqliteIntentStore:
    """``ports.IntentStore`` on the desk database."""

    def __init__(self, database: DeskDatabase) -> None:
        self._db = database
        self._unresolved: tuple[Intent, ...] = ()
        self._unresolved_version: tuple[int, ...] = ()

    def add(self, intent: Intent) -> None:
        """Write a new intent and return once it is on disk.

        Raises:
            StorageError: Its label is there already, or the database cannot be written.
        """
        if self._db.write("intents", _INSERT, cells(intent)) != 1:
            raise StorageError(
                f"intent {intent.label} is in the ledger already and is never sent twice",
                remedy="look the order up by its label; do not send it again",
            )

    def update(self, intent: Intent) -> None:
        """Replace the stored state of an intent by its label.

        Raises:
            StorageError: There is no intent with this label, or the database cannot be written.
        """
        if self._db.write("intents", _UPDATE, (*cells(intent), intent.label)) != 1:
            raise StorageError(f"there is no intent {intent.label} to update")

    def get(self, label: str) -> Intent | None:
        """Return the intent with this label, or None."""
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM intents WHERE label = ?", (label,))
        return read_row(Intent, rows[0]) if rows else None

    def unresolved(self) -> tuple[Intent, ...]:
        """Return intents whose outcome is not known, oldest first."""
        version = self._db.version("intents")
        if version != self._unresolved_version:
            rows = self._db.rows(
                f"SELECT {_COLUMNS} FROM intents WHERE status IN ('pending', 'unknown')"
                " ORDER BY rowid"
            )
            self._unresolved = tuple(read_row(Intent, row) for row in rows)
            self._unresolved_version = version
        return self._unresolved
