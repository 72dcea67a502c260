from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from builders import NOW
from callwright.domain.record import OrderUpdate
from callwright.errors import StorageError
from callwright.memory.flight_recorder import FlightRecorder, read_lines

DAY_FILE = "agent_decisions_20260105.jsonl"


def test_a_cycle_is_unfinished_until_it_has_its_record(home: Any, a_record: Any) -> None:
    record = a_record()
    assert not home.log.knows(record.cycle_id)
    home.log.begin(record.cycle_id, NOW)
    assert home.log.knows(record.cycle_id)
    again = home.reopen()
    assert [(c.cycle_id, c.as_of) for c in again.log.unfinished()] == [(record.cycle_id, NOW)]
    again.log.finish(record)
    assert again.log.unfinished() == ()
    assert again.log.knows(record.cycle_id)
    assert again.log.last() == record
    assert again.lines() == [record.to_line()]
    again.close()


def test_an_empty_log_has_no_last_record(home: Any) -> None:
    assert home.log.last() is None
    assert home.log.restore_lines() == 0


def test_a_cycle_runs_once(home: Any, a_record: Any) -> None:
    record = a_record()
    home.log.begin(record.cycle_id, NOW)
    with pytest.raises(StorageError, match="begun before"):
        home.log.begin(record.cycle_id, NOW)
    home.log.finish(record)
    with pytest.raises(StorageError, match="begun before"):
        home.log.begin(record.cycle_id, NOW)
    with pytest.raises(StorageError, match="has a record already"):
        home.log.finish(record)
    assert len(home.lines()) == 1


def test_lines_go_to_the_file_of_their_utc_day(home: Any, a_record: Any) -> None:
    for minutes in (0, 929, 930):  # 08:30 + 929 min = 23:59; + 930 = the next midnight.
        home.cycle(a_record(minutes))
    files = sorted(p.name for p in (home.path / "logs").iterdir())
    assert files == [DAY_FILE, "agent_decisions_20260106.jsonl"]
    records, skipped = read_lines(home.path / "logs" / DAY_FILE)
    assert ([r.cycle_id for r in records], skipped) == (
        [a_record(0).cycle_id, a_record(929).cycle_id],
        0,
    )
    assert stat.S_IMODE((home.path / "logs" / DAY_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("cut", [1, 2, 40, 700, 1500, 3000, 10**6])
def test_a_torn_tail_is_restored_line_for_line(home: Any, a_record: Any, cut: int) -> None:
    for number in range(5):
        home.cycle(a_record(number))
    lines = home.lines()
    home.close()
    file = home.path / "logs" / DAY_FILE
    os.truncate(file, max(0, file.stat().st_size - cut))
    again = home.reopen()
    assert again.log.restore_lines() >= 1
    assert again.lines() == lines
    assert again.log.restore_lines() == 0
    assert again.lines() == lines
    again.close()


def test_lines_of_several_days_and_a_deleted_file_are_restored(home: Any, a_record: Any) -> None:
    for number in range(4):
        home.cycle(a_record(number * 1440))
    lines = home.lines()
    home.recorder.close()
    for name in ("agent_decisions_20260107.jsonl", "agent_decisions_20260108.jsonl"):
        (home.path / "logs" / name).unlink()
    again = home.reopen()
    assert again.log.restore_lines() == 2
    assert again.lines() == lines
    again.close()


def test_an_archived_older_file_is_left_alone(home: Any, a_record: Any) -> None:
    for number in range(2):
        home.cycle(a_record(number * 1440))
    (home.path / "logs" / DAY_FILE).unlink()
    assert home.log.restore_lines() == 0


def test_an_emptied_log_folder_is_filled_again(home: Any, a_record: Any) -> None:
    for number in range(3):
        home.cycle(a_record(number * 1440))
    lines = home.lines()
    home.recorder.close()
    for file in (home.path / "logs").iterdir():
        file.unlink()
    assert home.log.restore_lines() == 3
    assert home.lines() == lines


def test_a_record_committed_before_its_line_was_written_gets_its_line(
    home: Any, a_record: Any
) -> None:
    home.cycle(a_record(0))
    last = a_record(1)
    home.log.begin(last.cycle_id, NOW)
    home.recorder.append = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)  # killed here
    with pytest.raises(KeyboardInterrupt):
        home.log.finish(last)
    again = home.reopen()
    assert len(again.lines()) == 1
    assert again.log.restore_lines() == 1
    assert again.lines()[-1] == last.to_line()
    again.close()


def test_a_cycle_id_that_only_an_order_update_names_is_not_its_line(
    home: Any, a_record: Any
) -> None:
    first, second = a_record(0), a_record(1)
    update = OrderUpdate(kind="fill", cycle_id=second.cycle_id, symbol="X", facts={})
    home.cycle(first.model_copy(update={"order_updates": (update,)}))
    assert not home.recorder.holds(second.log_timestamp, second.to_line())


def test_a_full_disk_keeps_the_record_and_the_next_write_fills_the_gap(
    home: Any, a_record: Any
) -> None:
    home.cycle(a_record(0))
    home.recorder.close()
    file = home.path / "logs" / DAY_FILE
    kept = file.read_bytes()
    file.unlink()
    file.symlink_to("/dev/full")
    with pytest.raises(StorageError, match="No space left") as caught:
        home.cycle(a_record(1))
    assert DAY_FILE in caught.value.message
    assert caught.value.remedy
    assert home.log.last() == a_record(1)
    file.unlink()
    file.write_bytes(kept)
    home.cycle(a_record(2))
    assert home.lines() == [a_record(n).to_line() for n in range(3)]


def test_a_log_folder_that_is_a_file_is_named(home: Any, a_record: Any) -> None:
    (home.path / "logs").write_text("no folder")
    with pytest.raises(StorageError, match="flight recorder"):
        home.cycle(a_record())


def test_a_line_written_in_part_is_cut_off_and_restored(tmp_path: Path) -> None:
    # The kernel itself refuses the rest of the write, as on a disk that fills up in mid-line.
    code = f"""
        import resource, sys
        from pathlib import Path
        from callwright.memory.flight_recorder import FlightRecorder
        from callwright.errors import StorageError
        recorder = FlightRecorder(Path({str(tmp_path)!r}))
        recorder.append("2026-01-05T00", "x" * 100)
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, {resource.RLIM_INFINITY}))
        try:
            recorder.append("2026-01-05T00", "y" * 100)
        except StorageError:
            sys.exit(7)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == 7
    file = tmp_path / DAY_FILE
    assert file.stat().st_size == 150
    recorder = FlightRecorder(tmp_path)
    recorder.append("2026-01-05T00", "z")
    recorder.close()
    assert file.read_text() == "x" * 100 + "\nz\n"


def test_reading_skips_and_counts_what_is_no_record(home: Any, a_record: Any) -> None:
    home.cycle(a_record())
    file = home.path / "logs" / DAY_FILE
    file.write_bytes(b'{"schema":1}\n' + file.read_bytes() + b"\xff\xfe\n" + b'{"schema":1,"log_')
    records, skipped = read_lines(file)
    assert (records, skipped) == ((a_record(),), 3)
    with pytest.raises(StorageError, match="none"):
        read_lines(home.path / "none.jsonl")


def test_starting_with_many_records_looks_at_the_tail_only(home: Any, a_record: Any) -> None:
    line = a_record().to_line()
    home.cycle(a_record())
    with home.db.transaction():
        for number in range(20_000):
            home.db.write(
                "cycles",
                "INSERT INTO cycles (cycle_id, as_of, log_timestamp, action, decision_source,"
                " status, record) VALUES (?, '', ?, '', '', '', ?)",
                (f"old-{number}", f"20{number % 20:02d}-01-01", line),
            )
    home.cycle(a_record(1))
    statements: list[str] = []
    home.db.connection.set_trace_callback(statements.append)
    assert home.log.restore_lines() == 0
    assert len(statements) == 2


def test_records_survive_days_of_clock_going_back(home: Any, a_record: Any) -> None:
    for at in (NOW, NOW - timedelta(days=2), NOW + timedelta(hours=1)):
        home.cycle(a_record(at=at))
    assert home.log.restore_lines() == 0
    assert len(home.lines()) == 3
