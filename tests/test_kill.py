"""Killed at any moment, the desk goes on: one record a cycle, no order twice, books that agree."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callwright.config import Settings
from callwright.memory.database import DeskDatabase, read_desk_database
from callwright.memory.flight_recorder import FlightRecorder
from callwright.paper.markets import open_source
from callwright.paper.recording import write_snapshot
from callwright.paper.store import PaperStore
from callwright.venues.paper import PaperVenue
from desks import desk_settings, run_desk, violations

CYCLES = 8
SAMPLE = 36
SNAPSHOTS = 16


class CountedPoints:
    """Counts every step that touches a disk or the exchange, and dies at the ``fatal`` one.

    ``os._exit`` leaves at once, as SIGKILL does: nothing is flushed, closed or rolled back.
    """

    def __init__(self, fatal: int | None) -> None:
        self.count = 0
        self._fatal = fatal

    def point(self) -> None:
        self.count += 1
        if self.count == self._fatal:
            os._exit(9)

    def around(self, owner: type, name: str) -> None:
        """Put a point before and after each call of a method."""
        original = getattr(owner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.point()
            result = original(*args, **kwargs)
            self.point()
            return result

        setattr(owner, name, wrapped)

    def around_place(self) -> None:
        original = PaperVenue.place

        async def place(*args: Any, **kwargs: Any) -> Any:
            self.point()
            result = await original(*args, **kwargs)
            self.point()
            return result

        PaperVenue.place = place  # type: ignore[method-assign]

    def inside_lines(self) -> None:
        """Tear a line of the flight recorder in the middle."""
        original = FlightRecorder.append

        def append(recorder: FlightRecorder, log_timestamp: str, line: str) -> None:
            self.count += 1
            if self.count == self._fatal:
                fd = recorder._open(log_timestamp)
                os.write(fd, line.encode()[: len(line) // 2])
                os._exit(9)
            original(recorder, log_timestamp, line)

        FlightRecorder.append = append  # type: ignore[assignment,method-assign]

    def install(self) -> None:
        self.around(DeskDatabase, "_execute")
        self.around(PaperStore, "put")
        self.around(PaperStore, "remove")
        self.around_place()
        self.inside_lines()


def in_a_child(work: Callable[[], int]) -> int:
    """Run ``work`` in a forked child and return its exit code, or what it returned."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        try:
            os.write(write_end, str(work()).encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child must never return into pytest
            os._exit(70)
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return int(answer) if code == 0 else -code


def run_with_points(settings: Settings, fatal: int | None) -> int:
    points = CountedPoints(fatal)
    points.install()
    run_desk(settings, CYCLES)
    return points.count


def recorded_cycles(settings: Settings) -> list[tuple[str, str | None]]:
    with read_desk_database(settings.callwright_home / "desk.db") as database:
        return [tuple(row) for row in database.rows("SELECT cycle_id, failure FROM cycles")]


def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    whole = in_a_child(lambda: run_with_points(desk_settings(tmp_path / "whole"), None))
    assert whole > 300
    outcomes: Counter[str] = Counter()
    points = sorted(random.Random(20260105).sample(range(1, whole), SAMPLE))
    for fatal in points:
        settings = desk_settings(tmp_path / str(fatal))

        def die(settings: Settings = settings, fatal: int = fatal) -> int:
            return run_with_points(settings, fatal)

        assert in_a_child(die) == -9, f"point {fatal} was not reached"
        done = 0
        if (tmp_path / str(fatal) / "desk.db").stat().st_size:
            run_desk(settings, 1)
            done = len(recorded_cycles(settings))
        if done < CYCLES:
            run_desk(settings, CYCLES - done)
        cycles = recorded_cycles(settings)
        assert violations(settings) == (), f"killed at point {fatal}"
        assert len({cycle_id for cycle_id, _ in cycles}) == len(cycles) >= CYCLES
        interrupted = sum(failure == "INTERRUPTED" for _, failure in cycles)
        assert interrupted <= 1
        assert all(failure in (None, "INTERRUPTED") for _, failure in cycles)
        outcomes["interrupted" if interrupted else "between cycles"] += 1
    # The sample must have hit the inside of cycles, or it proved little.
    assert outcomes["interrupted"] > SAMPLE // 2


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recording")
    source = open_source("synthetic:11", step=desk_settings(folder, step="1d").step_length())
    at = source.start()
    for _ in range(SNAPSHOTS):
        write_snapshot(source.view(at), folder)
        at = source.next_after(at)
    return folder


def test_sigkill_and_start_again_until_the_market_ends(tmp_path: Path, recording: Path) -> None:
    settings = desk_settings(tmp_path, market=f"recorded:{recording}")
    command = [
        sys.executable, "-m", "callwright", "run", "--market", f"recorded:{recording}",
        "--interval", "0", "--no-dry-run", "--json", "--home", str(tmp_path),
        "--log-dir", str(settings.log_dir),
    ]  # fmt: skip
    chance = random.Random(7)
    kills = 0
    for _ in range(SNAPSHOTS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as desk:
            assert desk.stdout is not None
            for _ in range(chance.randint(1, 5)):
                if not desk.stdout.readline():
                    break
            else:
                time.sleep(chance.random() * 0.03)
                desk.send_signal(signal.SIGKILL)
                kills += 1
            desk.stdout.read()
        if desk.returncode == 0:
            break
    else:
        pytest.fail("the market did not end")
    assert kills >= 2
    cycles = recorded_cycles(settings)
    assert len(cycles) == len(set(cycles)) == SNAPSHOTS
    assert violations(settings) == ()
