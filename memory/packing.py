"""Old records, compressed: zlib with a dictionary of earlier records, kept in the same file.

The newest records stay plain text. ``record_line(record)``, a function of our connections, gives
the line of either, byte for byte as it was written.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any

PLAIN_RECORDS = 400
"""How many of the newest records stay text."""

_DICTIONARY_BYTES = 16_000
_ID_BYTES = 4
# Level 6 with twice the dictionary saves a tenth more and takes three times as long, every cycle.
_LEVEL = 3
_COLUMNS = "seq, cycle_id, as_of, log_timestamp, action, decision_source, failure, status, run_id"


class RecordPacker:
    """Packs and unpacks lines with the dictionaries of one database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._dictionaries: dict[int, bytes] = {}
        self._newest: tuple[int, Any] | None = None

    def line(self, stored: str | bytes | None) -> str | None:
        """Return the line that a ``record`` cell holds, packed or not.

        Raises:
            zlib.error, LookupError: The cell or its dictionary is damaged.
        """
        if not isinstance(stored, bytes):
            return stored
        key = int.from_bytes(stored[:_ID_BYTES], "big")
        opened = zlib.decompressobj(zdict=self._dictionary(key))
        return (opened.decompress(stored[_ID_BYTES:]) + opened.flush()).decode()

    def pack(self, line: str) -> bytes:
        """Return a line compressed with the newest dictionary."""
        if self._newest is None:
            found = self._connection.execute(
                "SELECT id FROM record_dictionaries ORDER BY id DESC LIMIT 1"
            ).fetchone()
            key = int(found[0]) if found else self._make_dictionary()
            packer = zlib.compressobj(_LEVEL, zdict=self._dictionary(key))
            self._newest = (key, packer)
        key, packer = self._newest
        # A copy is cheaper than reading the dictionary into a new one.
        one = packer.copy()
        packed: bytes = one.compress(line.encode()) + one.flush()
        return key.to_bytes(_ID_BYTES, "big") + packed

    def pack_old(self, newest_seq: int, *, limit: int) -> int:
        """Compress up to ``limit`` plain records older than the newest; return how many."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS}, record FROM cycles WHERE typeof(record) = 'text' AND seq <= ?"
            " ORDER BY seq LIMIT ?",
            (newest_seq - PLAIN_RECORDS, limit),
        ).fetchall()
        for *cells, line in rows:
            # An UPDATE would leave each page as empty as the shorter row makes it; after a DELETE
            # SQLite joins pages that are mostly empty.
            self._connection.execute("DELETE FROM cycles WHERE seq = ?", (cells[0],))
            self._connection.execute(
                f"INSERT INTO cycles ({_COLUMNS}, record)"
                f" VALUES ({', '.join('?' * len(cells))}, ?)",
                (*cells, self.pack(line)),
            )
        return len(rows)

    def forget(self) -> None:
        """Read the dictionaries again; a transaction that made one was rolled back."""
        self._newest = None
        self._dictionaries.clear()

    def _make_dictionary(self) -> int:
        lines = self._connection.execute(
            "SELECT record FROM cycles WHERE typeof(record) = 'text' ORDER BY seq DESC LIMIT ?",
            (PLAIN_RECORDS,),
        ).fetchall()
        # What zlib finds soonest stands at the end: the newest record, whole.
        size_each = _DICTIONARY_BYTES // 4
        pieces = [line[0].encode()[:size_each] for line in lines[:: max(1, len(lines) // 4)]]
        text = b"".join(reversed(pieces))[-_DICTIONARY_BYTES:].decode(errors="ignore")
        done = self._connection.execute(
            "INSERT INTO record_dictionaries (text) VALUES (?)", (text,)
        )
        return int(done.lastrowid or 0)

    def _dictionary(self, key: int) -> bytes:
        if key not in self._dictionaries:
            row = self._connection.execute(
                "SELECT text FROM record_dictionaries WHERE id = ?", (key,)
            ).fetchone()
            if row is None:
                raise LookupError(f"dictionary {key} of packed records is gone")
            self._dictionaries[key] = row[0].encode()
        return self._dictionaries[key]
