from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builders import NOW, an_intent
from callwright.domain.base import Frozen
from callwright.domain.desk import Breaker, TradingState
from callwright.domain.orders import Fill, Intent, SettlementEvent
from callwright.errors import StorageError
from callwright.memory.database import SCHEMA_VERSION, open_desk_database, read_desk_database
from callwright.memory.desk_state import SqliteDeskStateStore
from callwright.memory.intents import SqliteIntentStore


def pragma(db: Any, name: Any) -> Any:
    return db.rows(f"PRAGMA {name}")[0][0]


def test_a_durable_file_is_private_wal_and_full(tmp_path: Path) -> None:
    with open_desk_database(tmp_path / "deep" / "desk.db") as db:
        SqliteIntentStore(db).add(an_intent())
        assert pragma(db, "journal_mode") == "wal"
        assert pragma(db, "synchronous") == 2
        for file in (tmp_path / "deep").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_a_backtest_file_skips_fsync(tmp_path: Path) -> None:
    with open_desk_database(tmp_path / "desk.db", durable=False) as db:
        assert pragma(db, "synchronous") == 0


def test_an_empty_file_is_migrated_and_reopening_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    path.touch()
    with open_desk_database(path) as db:
        schema = db.rows("SELECT sql FROM sqlite_master ORDER BY name")
        assert pragma(db, "user_version") == SCHEMA_VERSION
    with open_desk_database(path) as db:
        assert db.rows("SELECT sql FROM sqlite_master ORDER BY name") == schema
        assert db.rows("SELECT count(*) FROM trading_state") == [(1,)]
        assert db.problems() == ()


def test_reopening_does_not_import_sqlite_utils(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    open_desk_database(path).close()
    code = (
        "import sys; from pathlib import Path;"
        "from callwright.memory.database import open_desk_database as o;"
        f"o(Path({str(path)!r})).close();"
        "sys.exit('sqlite_utils' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("table", "model"),
    [("intents", Intent), ("fills", Fill), ("settlements", SettlementEvent), ("breakers", Breaker)],
)
def test_tables_have_a_column_for_each_field(
    tmp_path: Path, table: str, model: type[Frozen]
) -> None:
    with open_desk_database(tmp_path / "desk.db", durable=False) as db:
        names = [row[1] for row in db.rows(f"PRAGMA table_info({table})")]
    assert [name for name in names if name != "reported"] == list(model.model_fields)


def write_garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, though it is long enough to be one" * 100)


def corrupt_a_page(path: Path) -> None:
    open_desk_database(path).close()
    data = bytearray(path.read_bytes())
    # Page 3 on, past the schema: b-tree pages of the tables.
    data[8192:20480] = b"\xff" * 12288
    path.write_bytes(bytes(data))


def make_newer(path: Path) -> None:
    with open_desk_database(path) as db:
        db.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def make_foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(write_garbage, "not a database", id="garbage"),
        pytest.param(corrupt_a_page, "corrupt|malformed", id="corrupt-pages"),
        pytest.param(make_newer, "newer", id="newer-schema"),
        pytest.param(make_foreign, "not a desk's", id="someone-else's-file"),
        pytest.param(lambda path: path.mkdir(), "directory", id="a-directory"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_by_name(
    tmp_path: Path, spoil: Any, says: Any
) -> None:
    path = tmp_path / "desk.db"
    spoil(path)
    with pytest.raises(StorageError, match=says) as caught:
        open_desk_database(path)
    assert str(path) in caught.value.message
    assert caught.value.remedy


def test_a_full_disk_refuses_the_intent_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with open_desk_database(path) as db:
        store = SqliteIntentStore(db)
        store.add(an_intent(label="cw-first-0"))
        pages = pragma(db, "page_count")
        db.connection.execute(f"PRAGMA max_page_count = {pages}")
        big = an_intent(label="cw-more-0", message="x" * 100_000)
        with pytest.raises(StorageError, match="full") as caught:
            store.add(big)
        assert "free space" in caught.value.remedy
    with open_desk_database(path) as db:
        assert SqliteIntentStore(db).get("cw-first-0") == an_intent(label="cw-first-0")


def test_a_locked_file_is_told_after_the_timeout(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with open_desk_database(path) as db, open_desk_database(path) as other:
        other.connection.execute("PRAGMA busy_timeout = 10")
        db.connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked") as caught:
            SqliteIntentStore(other).add(an_intent())
        assert "another process" in caught.value.remedy


def test_a_reader_sees_the_running_desk_and_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with open_desk_database(path) as db:
        SqliteIntentStore(db).add(an_intent())
        with read_desk_database(path) as reader:
            assert SqliteIntentStore(reader).unresolved() == (an_intent(),)
            with pytest.raises(StorageError, match="readonly"):
                SqliteIntentStore(reader).add(an_intent(label="cw-other-0"))


def test_reading_a_home_without_a_database_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no desk database"):
        read_desk_database(tmp_path / "desk.db")
    assert not (tmp_path / "desk.db").exists()


def test_what_was_not_committed_is_gone_after_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    db = open_desk_database(path)
    store = SqliteIntentStore(db)
    store.add(an_intent(label="cw-kept-0"))
    db.connection.execute("BEGIN IMMEDIATE")
    store.add(an_intent(label="cw-lost-0"))
    # A copy of the files is what a killed process leaves behind.
    after = tmp_path / "after"
    after.mkdir()
    for file in tmp_path.glob("desk.db*"):
        shutil.copy(file, after / file.name)
    db.close()
    with open_desk_database(after / "desk.db") as again:
        assert [i.label for i in SqliteIntentStore(again).unresolved()] == ["cw-kept-0"]


def test_a_file_that_lost_its_wal_is_an_older_desk_never_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    db = open_desk_database(path)
    SqliteDeskStateStore(db).set_trading_state(TradingState.HALTED, by="t", reason="x", at=NOW)
    db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    SqliteIntentStore(db).add(an_intent())
    after = tmp_path / "after.db"
    shutil.copy(path, after)
    db.close()
    with open_desk_database(after) as again:
        assert SqliteDeskStateStore(again).trading_state() is TradingState.HALTED
        assert SqliteIntentStore(again).unresolved() == ()


def test_the_schema_is_in_the_main_file_before_the_first_cycle(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    with open_desk_database(path):
        shutil.copy(path, tmp_path / "copy.db")
    with open_desk_database(tmp_path / "copy.db") as db:
        assert pragma(db, "user_version") == SCHEMA_VERSION


def test_a_ledger_belongs_to_one_account(tmp_path: Path) -> None:
    with open_desk_database(tmp_path / "desk.db") as db:
        db.bind_account("paper")
        db.bind_account("paper")
        with pytest.raises(StorageError, match="'paper', not of 'deribit-testnet'"):
            db.bind_account("deribit-testnet")
