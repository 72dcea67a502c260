"""The desk writes while eight processes search and one exports: nobody waits, nothing is lost."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

from callwright.history import verify_memory
from desks import desk_settings
from long_histories import long_history, write

_READERS = 8
_SEARCHING = """
    import json, sys
    from pathlib import Path
    from callwright.domain.history import DecisionSearch, StatsQuestion
    from callwright.memory.decision_stats import decision_stats
    from callwright.memory.reader import open_reader
    from callwright.memory.search import search_decisions

    home, asked, newest = Path(sys.argv[1]), 0, 0
    with open_reader(home / "desk.db") as reader:
        print("ready", flush=True)
        while not (home / "stop").exists():
            page = search_decisions(reader, DecisionSearch(text="premium delta", limit=5))
            last = search_decisions(reader, DecisionSearch(limit=1)).hits[0].id
            total = decision_stats(reader, StatsQuestion(group_by=())).total
            assert newest <= last <= total, (newest, last, total)
            newest, asked = last, asked + 1
    print(json.dumps({"asked": asked, "newest": newest}))
"""
_EXPORTING = """
    import json, sys
    from pathlib import Path
    from callwright.domain.history import DecisionFilter
    from callwright.memory.exporting import exported_lines
    from callwright.memory.reader import open_reader

    home, lines = Path(sys.argv[1]), 0
    with open_reader(home / "desk.db") as reader:
        export = exported_lines(reader, DecisionFilter(), "jsonl")
        next(export)
        print("ready", flush=True)
        while not (home / "stop").exists():
            lines += sum(1 for _ in export)
            export = exported_lines(reader, DecisionFilter(), "jsonl")
    print(json.dumps({"lines": lines}))
"""


def test_nobody_is_locked_out_and_nothing_is_lost(home: Any, tmp_path: Path) -> None:
    records = list(long_history(800, step=timedelta(minutes=5)))
    write(home.db, iter(records[:600]))
    code = [_SEARCHING] * _READERS + [_EXPORTING]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(text), str(home.path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for text in code
    ]
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        for record in records[600:]:
            home.cycle(record)
    finally:
        (tmp_path / "stop").touch()
        told = [child.communicate(timeout=120) for child in children]
    assert [err for _, err in told if err] == []
    found = [json.loads(out) for out, _ in told]
    assert all(each["asked"] > 0 for each in found[:_READERS])
    assert found[-1]["lines"] >= 599
    assert home.db.rows("SELECT count(*) FROM cycles") == [(800,)]
    home.recorder.close()
    # The first six hundred were stored without lines; of the others none is missing.
    lines = {record.cycle_id for record in records[600:]}
    missing = {d.where for d in verify_memory(desk_settings(home.path)).differences}
    assert missing.isdisjoint(lines)
