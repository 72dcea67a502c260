"""One writer for each account: a lock file that the kernel releases when its holder dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callwright.errors import StorageError


@contextmanager
def sole_writer(home: Path, account_name: str) -> Iterator[None]:
    """Hold the account's lock for the duration of the block.

    Raises:
        StorageError: Another process holds it, or the file cannot be made.
    """
    path = home / f"{account_name}.lock"
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        # O_NOFOLLOW: a planted symlink must not make us lock, or create, somebody else's file.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StorageError(
            f"cannot open the lock {path}: {exc.strerror}",
            remedy="make CALLWRIGHT_HOME a writable folder",
        ) from exc
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise StorageError(
                f"another callwright runs account {account_name!r} in {home}",
                remedy="stop it first, or give this one its own --home (and its own paper server "
                "or testnet account)",
            ) from exc
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


@contextmanager
def sole_desk(account: str) -> Iterator[None]:
    """Hold an account of another process, such as a testnet's, for the duration of the block.

    Two homes of this user could otherwise trade one account, each within limits, both beyond them.
    Desks on two machines are not seen.

    Args:
        account: What makes it one account: host, key and name; only its hash is written.

    Raises:
        StorageError: Another process trades it, or the lock cannot be made.
    """
    name = hashlib.sha256(account.encode()).hexdigest()[:32]
    with sole_writer(Path(tempfile.gettempdir()) / f"callwright-{os.getuid()}", name):
        yield


def is_held(home: Path, account_name: str) -> bool:
    """Return whether a live process runs this account."""
    try:
        handle = os.open(home / f"{account_name}.lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False
