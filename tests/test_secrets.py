"""Planted keys appear in nothing that is written: files, databases, screen, errors."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from callwright.bootstrap import open_desk
from callwright.domain.record import CycleRecord
from callwright.loop import run_loop
from desks import ScriptedBrain, desk_settings
from proposals import open_nth

CANARIES = {
    "OPENAI_API_KEY": "canary-openai-5f2c91",
    "DERIBIT_CLIENT_ID": "canary-deribit-id-77ab",
    "DERIBIT_CLIENT_SECRET": "canary-deribit-secret-03de",
}


def assert_no_canary(data: bytes, where: str) -> None:
    for value in CANARIES.values():
        for form in (value.encode(), base64.b64encode(value.encode()).rstrip(b"=")):
            assert form not in data, where


def callwright(*arguments: str, cwd: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "callwright", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"]} | CANARIES,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert_no_canary(done.stdout + done.stderr, f"output of {arguments}")


def test_no_command_writes_a_secret(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{k}={v}\n" for k, v in CANARIES.items()))
    at_home = ("--home", "home", "--log-dir", "home/logs")
    callwright("run", "--cycles", "6", "--interval", "0", "--no-dry-run", *at_home, cwd=tmp_path)
    callwright("run", "--cycles", "2", "--interval", "0", "--json", *at_home, cwd=tmp_path)
    callwright("status", "--home", "home", cwd=tmp_path)
    callwright("doctor", *at_home, cwd=tmp_path)
    (tmp_path / "callwright.toml").write_text("openai_api_keyy = 'x'\n")
    callwright("run", "--cycles", "1", cwd=tmp_path)
    written = [p for p in (tmp_path / "home").rglob("*") if p.is_file()]
    assert len(written) >= 4
    for path in written:
        assert_no_canary(path.read_bytes(), str(path))


def test_an_unexpected_error_is_recorded_without_the_secret_and_halts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    leak = RuntimeError(f"bad key {CANARIES['OPENAI_API_KEY']}")
    settings = desk_settings(tmp_path)
    records: list[CycleRecord] = []
    with open_desk(settings, durable=False, brain=ScriptedBrain([open_nth(0), leak])) as home_desk:
        result = asyncio.run(
            run_loop(home_desk.desk, cycles=5, interval_s=0.0, on_record=records.append)
        )
        state = home_desk.desk.state.read(home_desk.desk.clock.now())
    assert result.ended_because == "halted"
    assert result.cycles == 2
    assert "[secret]" in result.error
    assert state.trading_state.value == "HALTED"
    assert [r.failure for r in records] == [None, "INTERNAL_ERROR"]
    assert_no_canary(result.error.encode(), "result")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert_no_canary(path.read_bytes(), str(path))


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path / "home")
    with open_desk(settings, durable=False) as home_desk:
        asyncio.run(
            run_loop(home_desk.desk, cycles=2, interval_s=0.0, on_record=lambda record: None)
        )
        for path in (tmp_path / "home").rglob("*"):
            if path.suffix in (".db", ".lock", ".jsonl") or "-wal" in path.name:
                assert path.stat().st_mode & 0o077 == 0, path
