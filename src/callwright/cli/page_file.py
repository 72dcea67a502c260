"""A report as a page in a file, for whoever gives ``--html``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from callwright import __version__
from callwright.errors import StorageError


def check_page(path: Path | None) -> None:
    """Raise where a page could not be written; asked before a model is, since answers cost money.

    Raises:
        StorageError: The folder is not there, or it or the file cannot be written.
    """
    if path is None:
        return
    try:
        if path.exists():
            # Opened to append to it: what is in it stays.
            path.open("ab").close()
        else:
            tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def write_page(path: Path, page: Callable[[str], str]) -> None:
    """Write a page.

    Args:
        page: The page's text; its argument says in words when and by what it was made.

    Raises:
        StorageError: The file cannot be written.
    """
    text = page(f"made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by callwright {__version__}")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def _unwritable(path: Path, exc: OSError) -> StorageError:
    return StorageError(
        f"cannot write {path}: {exc.strerror or exc}",
        remedy="give --html a file in a folder that is there and that you may write to",
    )
