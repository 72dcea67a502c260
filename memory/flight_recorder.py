"""The flight recorder's files: ``agent_decisions_YYYYMMDD.jsonl``, a record a line, append only.

A line counts once its newline is there. What stands after the last newline was torn by a crash and
is cut off when the file is next opened; the database still has that record whole.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from pydantic import ValidationError

from callwright.crashpoints import is_next, reach
from callwright.domain.record import CycleRecord
from callwright.errors import StorageError

_PATTERN = "agent_decisions_*.jsonl"
_BLOCK_BYTES = 1 << 16


class FlightRecorder:
    """Appends lines and returns once they are on disk.

    Args:
        log_dir: ``LOG_DIR``; created when the first line is written.
        durable: False skips the fsyncs; only for back-tests.
    """

    def __init__(self, log_dir: Path, *, durable: bool = True) -> None:
        self.log_dir = log_dir
        self._durable = durable
        self._day = ""
        self._fd = -1

    def path(self, log_timestamp: str) -> Path:
        """Return the file of a record's UTC day.

        Raises:
            StorageError: The time stamp has no day.
        """
        return self.log_dir / f"agent_decisions_{_day(log_timestamp)}.jsonl"

    def append(self, log_timestamp: str, line: str) -> None:
        """Write one line to its day's file.

        Raises:
            StorageError: It cannot be written whole; a part of it is cut off at the next opening.
        """
        data = line.encode() + b"\n"
        try:
            fd = self._open(log_timestamp)
            if is_next("mid_record_line"):
                os.write(fd, data[: len(data) // 2])
            reach("mid_record_line")
            written = os.write(fd, data)
            if written != len(data):
                raise OSError(28, f"only {written} of {len(data)} bytes were written")
            if self._durable:
                os.fsync(fd)
        except OSError as exc:
            self.close()
            raise self._error(log_timestamp, exc) from exc

    def holds(self, log_timestamp: str, line: str) -> bool:
        """Return whether the day's file has a whole line with this line's ``cycle_id``.

        Found from the end, so a newest line costs nothing however long the file is.
        """
        if not self.path(log_timestamp).exists():
            return False
        # Everything before "state" is time stamp and cycle_id; quotes inside a value are escaped,
        # so the same bytes cannot occur elsewhere.
        key = line.partition(',"state":')[0].encode()
        try:
            fd = self._open(log_timestamp)
            size = os.fstat(fd).st_size
            if not size:
                return False
            with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as whole:
                return whole.rfind(key) >= 0
        except (OSError, ValueError) as exc:
            self.close()
            raise self._error(log_timestamp, exc) from exc

    def is_empty(self) -> bool:
        """Return whether there is no file of any day."""
        return next(self.log_dir.glob(_PATTERN), None) is None

    def close(self) -> None:
        """Let go of the open file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._day = -1, ""

    def _open(self, log_timestamp: str) -> int:
        day = _day(log_timestamp)
        if day == self._day:
            return self._fd
        self.close()
        path = self.path(log_timestamp)
        self.log_dir.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if is_new:
                self._sync_directory()
            _cut_torn_line(fd)
        except BaseException:
            os.close(fd)
            raise
        self._fd, self._day = fd, day
        return fd

    def _sync_directory(self) -> None:
        # A new file's name is durable only once its directory is.
        if self._durable:
            fd = os.open(self.log_dir, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _error(self, log_timestamp: str, exc: Exception) -> StorageError:
        reason = getattr(exc, "strerror", None) or exc
        return StorageError(
            f"flight recorder {self.path(log_timestamp)}: {reason}",
            remedy="free the disk or make LOG_DIR a writable folder; missing lines are restored "
            "at the next start",
        )


def read_lines(path: Path) -> tuple[tuple[CycleRecord, ...], int]:
    """Return the records of one file, and how many lines were torn or no records.

    Raises:
        StorageError: The file cannot be read.
    """
    records, skipped = [], 0
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as exc:
        raise StorageError(f"{path}: {exc.strerror}", remedy="check the path") from exc
    for line in lines:
        if line:
            try:
                records.append(CycleRecord.from_line(line))
            except ValidationError:
                skipped += 1
    return tuple(records), skipped


def _day(log_timestamp: str) -> str:
    day = log_timestamp[:10].replace("-", "")
    if not (len(day) == 8 and day.isascii() and day.isdigit()):
        raise StorageError(f"{log_timestamp!r} is no time stamp of a record")
    return day


def _cut_torn_line(fd: int) -> None:
    end = size = os.fstat(fd).st_size
    while end:
        start = max(0, end - _BLOCK_BYTES)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(fd, end)
