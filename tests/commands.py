"""The command line: as a process of its own with nothing of this environment, or in this one."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from callwright.cli import main


def callwright(
    *arguments: str, cwd: Path, limit_file_bytes: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``callwright`` in ``cwd`` with these environment variables alone."""
    clean = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LC_ALL")}

    def limit() -> None:
        if limit_file_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_file_bytes, limit_file_bytes))

    return subprocess.run(
        [sys.executable, "-m", "callwright", *arguments],
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limit,
    )


def callwright_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    """Run ``callwright`` in this process; return its exit code, standard output and error."""
    monkeypatch.setattr(sys, "argv", ["callwright", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def complains(done: subprocess.CompletedProcess[str], *, code: int, about: str) -> None:
    """Assert that a command failed with one clear message."""
    assert done.returncode == code, done.stderr + done.stdout
    assert about in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
