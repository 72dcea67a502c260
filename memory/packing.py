"""Records, compressed as they are stored: zlib with a dictionary of recent ones in the same file.

A desk says much the same every cycle, so a dictionary that is fresh halves a record again; it is
made anew as records go on. The very first records stay plain text. ``record_line(record)``, a
function of our connections, gives the line of either, byte for byte as it was written.
"""

from __future__ import annotations

import sqlite3
import zlib
from typing import Any

PLAIN_RECORDS = 100
"""How many records there must be before the first dictionary; those stay text."""

RENEWED_EACH = 4_096
"""After how many records a dictionary is made of newer ones."""

# The window of zlib, less what it needs for itself.
_DICTIONARY_BYTES = 32_000
_SAMPLED_FROM = 400
_SAMPLES = 16
_ID_BYTES = 4
_LEVEL = 6


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

    def pack(self, seq: int, line: str) -> str | bytes:
        """Return what to store for the record with this number, which is the newest.

        May add a dictionary; the caller holds the transaction.
        """
        if self._newest is None:
            found = self._connection.execute("SELECT max(id) FROM record_dictionaries").fetchone()
            if found[0] is None and seq <= PLAIN_RECORDS:
                return line
            self._use(self._make_dictionary(seq) if found[0] is None else int(found[0]))
        elif seq - self._newest[0] >= RENEWED_EACH:
            self._use(self._make_dictionary(seq))
        assert self._newest is not None
        key, packer = self._newest
        # A copy is cheaper than reading the dictionary into a new one.
        one = packer.copy()
        packed: bytes = one.compress(line.encode()) + one.flush()
        return key.to_bytes(_ID_BYTES, "big") + packed

    def forget(self) -> None:
        """Read the dictionaries again; a transaction that made one was rolled back."""
        self._newest = None
        self._dictionaries.clear()

    def _use(self, key: int) -> None:
        self._newest = (key, zlib.compressobj(_LEVEL, zdict=self._dictionary(key)))

    def _make_dictionary(self, seq: int) -> int:
        """Store a dictionary of records before this one, named by its number."""
        wanted = range(seq - 1, max(0, seq - 1 - _SAMPLED_FROM), -(_SAMPLED_FROM // _SAMPLES))
        rows = self._connection.execute(
            f"SELECT record FROM cycles WHERE seq IN ({', '.join('?' * len(wanted))}) ORDER BY seq",
            tuple(wanted),
        ).fetchall()
        # What zlib finds soonest stands at the end: the newest records.
        text = "".join(self.line(row[0]) or "" for row in rows)[-_DICTIONARY_BYTES:] or "{}"
        self._connection.execute(
            "INSERT INTO record_dictionaries (id, text) VALUES (?, ?)", (seq, text)
        )
        return seq

    def _dictionary(self, key: int) -> bytes:
        if key not in self._dictionaries:
            row = self._connection.execute(
                "SELECT text FROM record_dictionaries WHERE id = ?", (key,)
            ).fetchone()
            if row is None:
                raise LookupError(f"dictionary {key} of packed records is gone")
            self._dictionaries[key] = row[0].encode()
        return self._dictionaries[key]
