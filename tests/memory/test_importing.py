"""Import, verify, repair, export: memory and flight recorder are one history."""

from __future__ import annotations

import csv
import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callwright.config import Settings
from callwright.domain.history import DecisionFilter
from callwright.domain.record import CycleRecord
from callwright.errors import ConfigError, StorageError
from callwright.history import (
    export_file,
    exported_lines,
    import_lines,
    open_memory,
    repair_memory,
    verify_memory,
)
from callwright.memory.database import open_desk_database
from callwright.memory.decision_index import clear_index
from callwright.memory.importing import ImportReport
from desks import desk_settings
from histories import a_history

TABLES = (
    "cycles", "decisions", "decision_codes", "decision_updates", "day_stats", "month_stats",
    "call_stats", "decision_days", "decisions_fts_docsize",
)  # fmt: skip


@pytest.fixture
def recorded(home: Any, a_record: Any) -> Settings:
    """Return the settings of a home whose memory and files hold the small history."""
    for record in a_history(a_record):
        home.cycle(record)
    home.recorder.close()
    return desk_settings(home.path)


def files(settings: Settings) -> list[Path]:
    return sorted(settings.log_dir.glob("*.jsonl"))


def take(settings: Settings, paths: list[Path]) -> ImportReport:
    return import_lines(settings, paths, on_bytes=lambda _: None)


def tables(home: Path) -> dict[str, list[Any]]:
    with open_desk_database(home / "desk.db", durable=False) as db:
        found = {name: db.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in TABLES}
        runs = "seq, cycle_id, as_of, log_timestamp, action, decision_source, failure, status"
        found["cycles"] = db.rows(f"SELECT {runs}, record_line(record) FROM cycles ORDER BY seq")
    return found


def test_import_rebuilds_the_whole_memory_and_twice_is_once(
    recorded: Settings, tmp_path: Path
) -> None:
    other = desk_settings(tmp_path / "other", log_dir=recorded.log_dir)
    report = take(other, files(recorded))
    assert (report.lines, report.added, report.known, report.skipped) == (7, 7, 0, 0)
    assert tables(other.callwright_home) == tables(recorded.callwright_home)
    again = take(other, files(recorded))
    assert (again.added, again.known, again.contradicting) == (0, 7, [])
    assert tables(other.callwright_home) == tables(recorded.callwright_home)
    assert verify_memory(other).count == 0


def test_torn_foreign_and_contradicting_lines_are_counted(
    recorded: Settings, tmp_path: Path
) -> None:
    line = files(recorded)[0].read_text().splitlines()[0]
    changed = line.replace("rich premium", "poor premium")
    file = tmp_path / "odd.jsonl"
    file.write_bytes(
        b"\n".join([changed.encode(), b"{}", b"\xff\xfe", b"", line.encode(), line.encode()[:99]])
    )
    report = take(recorded, [file])
    assert (report.lines, report.added, report.known, report.skipped) == (5, 0, 1, 3)
    assert report.contradicting == [json.loads(line)["cycle_id"]]
    assert verify_memory(recorded).count == 0


def test_a_late_import_of_old_lines_is_found_and_told(recorded: Settings, tmp_path: Path) -> None:
    other = desk_settings(tmp_path / "other", log_dir=recorded.log_dir)
    take(other, files(recorded)[1:])
    assert take(other, files(recorded)[:1]).out_of_order == 6
    assert verify_memory(other).count == 0


def test_an_import_into_a_running_desk_is_refused(recorded: Settings) -> None:
    from callwright.lock import sole_writer

    with (
        sole_writer(recorded.callwright_home, recorded.account_name),
        pytest.raises(StorageError, match="another callwright runs"),
    ):
        take(recorded, files(recorded))


def test_a_missing_file_imports_nothing(recorded: Settings, tmp_path: Path) -> None:
    other = desk_settings(tmp_path / "other")
    with pytest.raises(StorageError, match="no such file"):
        take(other, [*files(recorded), tmp_path / "none.jsonl"])
    assert not (other.callwright_home / "desk.db").exists()


def test_a_killed_import_goes_on_where_it_stopped(
    tmp_path: Path, a_record: Callable[..., CycleRecord]
) -> None:
    file = tmp_path / "agent_decisions_20260105.jsonl"
    count = 1_400
    file.write_text(
        "".join(a_record(n % 900, cycle_id=f"c-{n}").to_line() + "\n" for n in range(count))
    )
    code = f"""
        import os, signal
        from pathlib import Path
        from callwright.history import import_lines
        from callwright.config import load_settings
        settings = load_settings(config_file=None, env_file=Path("no.env"),
            callwright_home=Path({str(tmp_path / "home")!r}), log_dir=Path({str(tmp_path)!r}))
        done = 0
        def on_bytes(n):
            os.kill(os.getpid(), signal.SIGKILL)
        import_lines(settings, [Path({str(file)!r})], on_bytes=on_bytes)
    """
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, timeout=120, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    settings = desk_settings(tmp_path / "home", log_dir=tmp_path)
    assert verify_memory(settings).compared.rows == 500
    assert {d.kind for d in verify_memory(settings).differences} == {"MISSING_ROW"}
    report = take(settings, [file])
    assert (report.added, report.known) == (count - 500, 500)
    assert verify_memory(settings).count == 0


_FEE_MORE = "UPDATE decisions SET fees_nano = 1 WHERE fills"
_SIZE_GONE = "DELETE FROM decisions_fts_docsize WHERE id = 3"
_WORD_MORE = "INSERT INTO decisions_fts (rowid, reasoning) VALUES (3, 'zebra')"
_WORDS_GONE = (
    "INSERT INTO decisions_fts (decisions_fts, rowid, reasoning, verdict_text, facets)"
    " VALUES ('delete', 3, 'free cover', '', '')"
)


def _edit(settings: Settings, sql: str) -> None:
    with open_desk_database(settings.callwright_home / "desk.db", durable=False) as db:
        db.rows("PRAGMA foreign_keys = OFF")
        db.connection.execute(sql)


def _lines(settings: Settings, change: Callable[[list[str]], list[str]]) -> None:
    file = files(settings)[0]
    file.write_text("".join(f"{line}\n" for line in change(file.read_text().splitlines())))


@pytest.mark.parametrize(
    ("kind", "plant", "is_mended"),
    [
        ("MISSING_ROW", lambda s: _edit(s, "DELETE FROM cycles WHERE seq = 7"), True),
        ("MISSING_LINE", lambda s: _lines(s, lambda lines: lines[:-1]), True),
        ("MISSING_LINE", lambda s: _lines(s, lambda lines: lines[:2] + lines[3:]), True),
        ("MISSING_LINE", lambda s: files(s)[-1].unlink(), True),
        ("LINE_TWICE", lambda s: _lines(s, lambda lines: [*lines, lines[0]]), False),
        (
            "LINE_DIFFERS",
            lambda s: _lines(s, lambda lines: [lines[0].replace("rich", "poor"), *lines[1:]]),
            False,
        ),
        ("BAD_LINE", lambda s: _lines(s, lambda lines: [*lines, '{"schema": 1']), False),
        ("BAD_ROW", lambda s: _edit(s, "UPDATE cycles SET record = '{}' WHERE seq = 2"), False),
        ("BAD_ROW", lambda s: _edit(s, "UPDATE cycles SET record = x'0001' WHERE seq = 2"), False),
        ("INDEX_DIFFERS", lambda s: _edit(s, "DELETE FROM decisions WHERE seq = 3"), True),
        ("INDEX_DIFFERS", lambda s: _edit(s, "UPDATE decisions SET action = 'X'"), True),
        ("INDEX_DIFFERS", lambda s: _edit(s, "DELETE FROM decision_codes"), True),
        ("INDEX_DIFFERS", lambda s: _edit(s, "DELETE FROM decision_updates"), True),
        ("TOTALS_DIFFER", lambda s: _edit(s, "UPDATE day_stats SET count = count + 1"), True),
        ("TOTALS_DIFFER", lambda s: _edit(s, "DELETE FROM decision_days"), True),
        ("TOTALS_DIFFER", lambda s: _edit(s, "UPDATE call_stats SET fees_nano = 0"), True),
        ("TOTALS_DIFFER", lambda s: _edit(s, "DELETE FROM month_stats"), True),
        ("INDEX_DIFFERS", lambda s: _edit(s, _FEE_MORE), True),
        ("WORDS_DIFFER", lambda s: _edit(s, _SIZE_GONE), True),
        ("WORDS_DIFFER", lambda s: _edit(s, _WORD_MORE), True),
        ("WORDS_DIFFER", lambda s: _edit(s, _WORDS_GONE), True),
    ],
)
def test_verify_finds_what_was_planted(
    recorded: Settings, kind: str, plant: Callable[[Settings], None], is_mended: bool
) -> None:
    assert verify_memory(recorded).count == 0
    plant(recorded)
    found = verify_memory(recorded)
    assert kind in {each.kind for each in found.differences}
    assert found.to_jsonable()["agree"] is False
    if is_mended:
        assert repair_memory(recorded).differences == ()


def test_older_day_files_may_be_archived(recorded: Settings) -> None:
    files(recorded)[0].unlink()
    found = verify_memory(recorded)
    assert (found.count, found.compared.archived) == (0, 6)


def test_export_jsonl_is_the_flight_recorder(recorded: Settings, tmp_path: Path) -> None:
    out = tmp_path / "all.jsonl"
    with open_memory(recorded) as memory:
        assert export_file(memory, DecisionFilter(), "jsonl", out) == 7
    assert out.read_text() == "".join(path.read_text() for path in files(recorded))
    assert out.stat().st_mode & 0o777 == 0o600


def test_export_csv_has_the_columns_of_what_was_asked_for(recorded: Settings) -> None:
    with open_memory(recorded) as memory:
        rows = list(csv.DictReader(exported_lines(memory, DecisionFilter(verdict="denied"), "csv")))
    assert [(row["id"], row["codes"], row["strike_usd"]) for row in rows] == [
        ("4", "ROLL_DWELL,NET_DELTA_ABOVE_MAXIMUM", "98000.0")
    ]


def test_export_parquet(recorded: Settings, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    out = tmp_path / "it's all.parquet"
    with open_memory(recorded) as memory:
        assert export_file(memory, DecisionFilter(), "parquet", out) == 7
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT id, reasoning, cost_nano_usd FROM read_parquet(?) WHERE id = 4", [str(out)]
        ).fetchall()
    assert found == [(4, "delta too high", 2_100_000)]
    assert sorted(path.name for path in tmp_path.glob(".*")) == []


def test_parquet_without_duckdb_says_what_to_install(
    recorded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with open_memory(recorded) as memory, pytest.raises(ConfigError) as caught:
        export_file(memory, DecisionFilter(), "parquet", tmp_path / "x.parquet")
    assert "callwright[parquet]" in caught.value.remedy


def test_readers_and_an_export_never_hold_up_the_writer(home: Any, a_record: Any) -> None:
    for number in range(50):
        home.cycle(a_record(number))
    settings = desk_settings(home.path)
    with open_memory(settings) as one, open_memory(settings) as two:
        export = exported_lines(one, DecisionFilter(), "jsonl")
        next(export)
        for number in range(50, 80):
            home.cycle(a_record(number))
            assert two.rows("SELECT count(*) FROM decisions") == [(number + 1,)]
        assert len(list(export)) >= 49


def test_a_home_of_the_version_before_is_migrated_and_indexed(
    home: Any, a_record: Any, tmp_path: Path
) -> None:
    records = a_history(a_record)
    for record in records:
        home.cycle(record)
    before = tables(home.path)
    db = home.db.connection
    # As the first release left it: records without anything by which they are found.
    for table in ("decisions_fts", "decisions", "decision_codes", "decision_updates", "day_stats",
                  "month_stats", "call_stats", "decision_days", "record_dictionaries", "pruned",
                  "index_backlog", "decision_runs"):  # fmt: skip
        db.execute(f"DROP TABLE {table}")
    db.execute(
        "DELETE FROM _sqlite_migrations WHERE name LIKE 'm003%' OR name LIKE 'm004%'"
        " OR name LIKE 'm006%'"
    )
    db.execute("PRAGMA user_version = 2")
    home.close()
    assert tables(home.path) == before


def test_a_migration_that_was_killed_goes_on(
    home: Any, a_record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from callwright.memory import migrations

    for record in a_history(a_record):
        home.cycle(record)
    before = tables(home.path)
    connection = home.db.connection
    clear_index(connection)
    connection.execute("INSERT INTO index_backlog VALUES (1, 0)")
    connection.execute("PRAGMA user_version = 3")
    home.close()
    monkeypatch.setattr(migrations, "_INDEXED_EACH", 3)
    killed = sqlite3.connect(home.path / "desk.db", isolation_level=None)

    def kill(done: int, total: int) -> None:
        assert (done, total) == (3, 7)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrations.apply_migrations(killed, on_indexed=kill)
    killed.close()
    with pytest.raises(StorageError, match="older Callwright"):
        open_memory(desk_settings(home.path))
    assert tables(home.path) == before
