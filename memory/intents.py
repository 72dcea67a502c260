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


_KEPT = 256
"""How many of the intents written last are kept in memory; fills are told soon after."""


class SqliteIntentStore:
    """``ports.IntentStore`` on the desk database.

    What it wrote it also keeps in memory, for the account's one process is alone in writing here;
    a write past this store makes it read again.
    """

    def __init__(self, database: DeskDatabase) -> None:
        self._db = database
        self._unresolved: dict[str, Intent] = {}
        self._recent: dict[str, Intent] = {}
        self._writes = -1

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
        self._keep(intent)

    def update(self, intent: Intent) -> None:
        """Replace the stored state of an intent by its label.

        Raises:
            StorageError: There is no intent with this label, or the database cannot be written.
        """
        if self._db.write("intents", _UPDATE, (*cells(intent), intent.label)) != 1:
            raise StorageError(f"there is no intent {intent.label} to update")
        if intent.status.is_unresolved and intent.label not in self._unresolved:
            # Its place among the others is the database's to say.
            return
        self._keep(intent)

    def get(self, label: str) -> Intent | None:
        """Return the intent with this label, or None."""
        self._refresh()
        if label in self._recent:
            return self._recent[label]
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM intents WHERE label = ?", (label,))
        return read_row(Intent, rows[0]) if rows else None

    def unresolved(self) -> tuple[Intent, ...]:
        """Return intents whose outcome is not known, oldest first."""
        self._refresh()
        return tuple(self._unresolved.values())

    def _refresh(self) -> None:
        writes = self._db.writes("intents")
        if writes == self._writes:
            return
        rows = self._db.rows(
            f"SELECT {_COLUMNS} FROM intents WHERE status IN ('pending', 'unknown') ORDER BY rowid"
        )
        self._unresolved = {intent.label: intent for intent in (read_row(Intent, r) for r in rows)}
        self._recent = {}
        self._writes = writes

    def _keep(self, intent: Intent) -> None:
        """Let memory follow one write of ours; if it was behind already, it stays so."""
        self._writes += 1
        if intent.status.is_unresolved:
            self._unresolved[intent.label] = intent
        else:
            self._unresolved.pop(intent.label, None)
        self._recent[intent.label] = intent
        if len(self._recent) > _KEPT:
            del self._recent[next(iter(self._recent))]
