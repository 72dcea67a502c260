"""Is the full-text index what the records say? FTS5's own check, without writing to the file.

The check is a write statement, and the index keeps no texts to compare with. So the postings are
copied into a temporary table whose texts are read from the records, and that is checked: it costs
a copy of the postings on disk for as long, and reading every record once.
"""

from __future__ import annotations

import sqlite3

from callwright.domain.record import CycleRecord
from callwright.errors import StorageError
from callwright.memory.database import DeskDatabase
from callwright.memory.decision_index import UNREADABLE
from callwright.memory.facets import facets_of, search_texts

_SHADOWS = ("data", "idx", "docsize", "config")


def words_agree(database: DeskDatabase) -> bool:
    """Return whether every word of every record, and no other, stands in the full-text index.

    Raises:
        StorageError: The file cannot be read.
    """
    connection = database.connection
    connection.create_function("searched", 2, _Texts(database).text)
    try:
        connection.execute(
            "CREATE TEMP VIEW searched_texts AS SELECT c.seq AS seq,"
            " searched(c.record, 0) AS reasoning, searched(c.record, 1) AS verdict_text,"
            " searched(c.record, 2) AS facets FROM cycles c"
            " WHERE c.seq IN (SELECT d.seq FROM decisions d)"
        )
        connection.execute(
            "CREATE VIRTUAL TABLE temp.checked_fts USING fts5(reasoning, verdict_text, facets,"
            " content='searched_texts', content_rowid='seq', tokenize='porter unicode61')"
        )
        for name in _SHADOWS:
            connection.execute(f"DELETE FROM temp.checked_fts_{name}")
            connection.execute(
                f"INSERT INTO temp.checked_fts_{name} SELECT * FROM main.decisions_fts_{name}"
            )
        connection.execute(
            "INSERT INTO temp.checked_fts (checked_fts, rank) VALUES ('integrity-check', 1)"
        )
    except sqlite3.DatabaseError as exc:
        if getattr(exc, "sqlite_errorname", "").startswith("SQLITE_CORRUPT"):
            return False
        raise StorageError(f"{database.path}: {exc}") from exc
    finally:
        connection.execute("DROP TABLE IF EXISTS temp.checked_fts")
        connection.execute("DROP VIEW IF EXISTS temp.searched_texts")
    return True


class _Texts:
    """Texts of one record after another, each read once for its three columns."""

    def __init__(self, database: DeskDatabase) -> None:
        self._packer = database.packer
        self._stored: str | bytes | None = None
        self._texts = ("", "", "")

    def text(self, stored: str | bytes, column: int) -> str:
        if stored != self._stored:
            try:
                record = CycleRecord.from_line(self._packer.line(stored) or "")
                self._texts = search_texts(record, facets_of(record))
            except UNREADABLE:
                # Told as a bad row already.
                self._texts = ("", "", "")
            self._stored = stored
        return self._texts[column]
