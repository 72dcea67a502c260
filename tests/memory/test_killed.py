"""SIGKILL at any moment: every record once, its line once, at most one cycle left unfinished."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from callwright.domain.record import CycleRecord
from callwright.history import repair_memory, verify_memory
from desks import desk_settings

_CHILD = """
    import sys
    from datetime import timedelta
    from pathlib import Path
    from callwright.domain.base import iso_utc
    from callwright.domain.record import CycleRecord
    from callwright.memory.database import open_desk_database
    from callwright.memory.decision_log import SqliteDecisionLog
    from callwright.memory.flight_recorder import FlightRecorder

    home, template = Path(sys.argv[1]), CycleRecord.from_line(sys.argv[2])
    db = open_desk_database(home / "desk.db")
    log = SqliteDecisionLog(db, FlightRecorder(home / "logs"))
    log.restore_lines()
    def finish(cycle_id, failure=None):
        log.finish(template.model_copy(update={"cycle_id": cycle_id, "failure": failure}))
    for begun in log.unfinished():
        finish(begun.cycle_id, "INTERRUPTED")
    number = db.rows("SELECT count(*) FROM cycles")[0][0]
    print("ready", flush=True)
    from builders import NOW
    while True:
        log.begin(f"cycle-{number}", NOW)
        finish(f"cycle-{number}")
        number += 1
"""


def test_killing_the_writer_loses_and_doubles_nothing(home: Any, a_record: Any) -> None:
    home.close()
    argv = [sys.executable, "-c", textwrap.dedent(_CHILD), str(home.path), a_record().to_line()]
    tests = str(Path(__file__).parents[1])
    for turn in range(4):
        with subprocess.Popen(argv, stdout=subprocess.PIPE, env={"PYTHONPATH": tests}) as child:
            assert child.stdout.readline() == b"ready\n"  # type: ignore[union-attr]
            time.sleep(0.3 + 0.0137 * turn)
            child.send_signal(signal.SIGKILL)
    settings = desk_settings(home.path)
    assert {d.kind for d in verify_memory(settings).differences} <= {"MISSING_LINE", "BAD_LINE"}
    assert repair_memory(settings).count == 0
    again = home.reopen()
    assert len(again.log.unfinished()) <= 1
    assert again.log.restore_lines() == 0
    stored = [
        row[0] for row in again.db.rows("SELECT record_line(record) FROM cycles ORDER BY seq")
    ]
    assert again.lines() == stored
    ids = [CycleRecord.from_line(line).cycle_id for line in stored]
    assert len(set(ids)) == len(ids) > 4
    assert again.db.problems() == ()
    again.close()
