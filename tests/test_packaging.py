"""Every way to start it works, and a wheel carries the whole package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOT_SOURCE = ("." + "venv", ".git", "var", "build", "dist", "*.egg-info", "__pycache__", ".*_cache")


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT, source, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    run(
        sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-index", "--wheel-dir", str(folder), str(source),
        cwd=folder,
    )  # fmt: skip
    return next(folder.glob("callwright-*.whl"))


def test_the_wheel_holds_every_module_and_nothing_else(wheel: Path) -> None:
    expected = {
        str(Path("callwright") / (Path(folder) / name).relative_to(ROOT / "src" / "callwright"))
        for folder, _, names in os.walk(ROOT / "src" / "callwright", followlinks=True)
        for name in names
        if name.endswith((".py", ".md", ".toml", ".jinja", ".jsonl")) or name == "py.typed"
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected
    assert "callwright/agents/__init__.py" not in names


def test_the_wheel_works_elsewhere(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
        "--target", str(target), str(wheel),
        cwd=tmp_path,
    )  # fmt: skip
    where = run(
        sys.executable, "-c", "import callwright.guardrails as g; print(g.__file__)",
        cwd=tmp_path, PYTHONPATH=str(target),
    )  # fmt: skip
    assert str(target) in where
    out = run(
        sys.executable, "-m", "callwright", "run", "--cycles", "2", "--interval", "0",
        "--home", "home", "--json",
        cwd=tmp_path, PYTHONPATH=str(target),
    )  # fmt: skip
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-m", "callwright", "--help"],
        [str(Path(sys.executable).with_name("callwright")), "--help"],
        [sys.executable, "-c", "import agents; agents.Agent"],
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests/domain"],
        [str(Path(sys.executable).with_name("pytest")), "--collect-only", "-q", "tests/domain"],
    ],
    ids=["module", "console-script", "sdk", "python-m-pytest", "pytest"],
)
def test_every_way_to_start_works_from_the_repository(command: list[str]) -> None:
    run(*command, cwd=ROOT)
