from __future__ import annotations

from typing import Any

import pytest

from callwright.errors import StorageError
from callwright.memory import packing
from callwright.memory.packing import PLAIN_RECORDS


def lines(home: Any, kind: str) -> list[str]:
    sql = "SELECT record_line(record) FROM cycles WHERE typeof(record) = ? ORDER BY seq"
    return [row[0] for row in home.db.rows(sql, (kind,))]


def test_records_are_packed_and_read_back_byte_for_byte(home: Any, a_record: Any) -> None:
    records = [a_record(n, failure_message=f"é {n}") for n in range(PLAIN_RECORDS + 20)]
    for record in records:
        home.cycle(record)
    packed, plain = lines(home, "blob"), lines(home, "text")
    assert (len(packed), len(plain)) == (20, PLAIN_RECORDS)
    assert plain + packed == [record.to_line() for record in records]
    stored = home.db.rows("SELECT avg(length(record)) FROM cycles WHERE typeof(record) = 'blob'")
    assert stored[0][0] < len(records[0].to_line()) / 4
    again = home.reopen()
    assert lines(again, "blob") == packed
    assert again.log.last() == records[-1]
    again.close()


def test_a_dictionary_is_renewed(home: Any, a_record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "RENEWED_EACH", 10)
    records = [a_record(n, failure_message=f"n {n}") for n in range(PLAIN_RECORDS + 25)]
    for record in records:
        home.cycle(record)
    assert home.db.rows("SELECT id FROM record_dictionaries") == [(101,), (111,), (121,)]
    again = home.reopen()
    assert lines(again, "blob") == [record.to_line() for record in records[PLAIN_RECORDS:]]
    again.close()


def test_a_dictionary_that_was_rolled_back_is_made_again(home: Any, a_record: Any) -> None:
    for number in range(PLAIN_RECORDS):
        home.cycle(a_record(number))
    last = a_record(PLAIN_RECORDS)
    home.db.connection.execute(
        "CREATE TRIGGER full AFTER INSERT ON record_dictionaries BEGIN"
        " INSERT INTO breakers SELECT * FROM breakers; SELECT raise(ABORT, 'full'); END"
    )
    with pytest.raises(StorageError, match="full"):
        home.cycle(last)
    home.db.connection.execute("DROP TRIGGER full")
    home.log.finish(last)
    assert lines(home, "blob") == [last.to_line()]


def test_a_record_that_cannot_be_indexed_is_not_stored(home: Any, a_record: Any) -> None:
    home.cycle(a_record(0))
    home.db.connection.execute("DROP TABLE decisions_fts")
    with pytest.raises(StorageError):
        home.cycle(a_record(1))
    assert home.log.last() == a_record(0)
    assert len(home.lines()) == 1
