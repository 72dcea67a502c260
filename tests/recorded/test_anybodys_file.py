"""A recording may be missing, damaged or anybody's: who reads one, and what it may not do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callwright.errors import ConfigError
from callwright.memory.database import read_desk_database
from callwright.memory.desk_state import SqliteDeskStateStore
from callwright.playing import with_recording
from callwright.recordings import read_origin
from commands import callwright_here
from desks import desk_settings, run_desk
from recorded_demos import CYCLES, DATE, changed

Ask = Callable[..., tuple[int, str, str]]
Damage = Callable[[Path, Path], Path]

pytestmark = pytest.mark.block_network

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m"
"""What would rename and clear a terminal."""


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "200")
        return callwright_here(monkeypatch, capsys, *arguments)

    return call


def with_settings(recording: Path, target: Path, **settings: Any) -> Path:
    """Return a copy of a recording whose first line says other things of settings."""
    theirs = read_origin(str(recording)).settings
    return changed(recording, target, 0, settings={**theirs, **settings})


def missing(recording: Path, folder: Path) -> Path:
    return folder / "nowhere.jsonl"


def damaged(recording: Path, folder: Path) -> Path:
    target = folder / "damaged.jsonl"
    target.write_text(recording.read_text(encoding="utf-8")[20:], encoding="utf-8")
    return target


def a_folder(recording: Path, folder: Path) -> Path:
    return folder


def foreign(recording: Path, folder: Path) -> Path:
    return with_settings(
        recording, folder / "foreign.jsonl", market="recorded:/etc", llm_wire="morse"
    )


UNUSABLE = pytest.mark.parametrize(
    "make", [missing, damaged, a_folder, foreign], ids=lambda make: make.__name__
)


@UNUSABLE
def test_a_person_can_always_stop_the_desk(
    ask: Ask, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Damage
) -> None:
    settings = desk_settings(tmp_path / "home")
    run_desk(settings, 1)
    home = str(settings.callwright_home)
    monkeypatch.setenv("LLM_RECORDING", str(make(recording, tmp_path)))
    for command, state in (("halt", "HALTED"), ("reduce", "REDUCING"), ("resume", "ACTIVE")):
        code, _, err = ask(command, "--home", home)
        assert (code, err) == (0, "")
        with read_desk_database(settings.callwright_home / "desk.db") as database:
            assert SqliteDeskStateStore(database).trading_state() == state
        code, out, err = ask("status", "--home", home, "--json")
        assert (code, err, json.loads(out)["trading_state"]) == (0, "", state)


@pytest.mark.parametrize(
    "command",
    [
        ("costs",),
        ("decisions", "show", "1"),
        ("decisions", "verify"),
        ("what-if", "--set", "min_ivrv=1.3"),
        ("replay",),
    ],
    ids=" ".join,
)
def test_what_asks_no_model_reads_no_recording(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    settings = desk_settings(tmp_path / "home")
    run_desk(settings, 2)
    monkeypatch.setenv("LLM_RECORDING", "nowhere.jsonl")
    code, _, err = ask(*command, "--home", str(settings.callwright_home))
    assert (code, err) == (0, "")


@UNUSABLE
def test_doctor_names_it_and_checks_the_rest(
    ask: Ask, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Damage
) -> None:
    monkeypatch.setenv("LLM_RECORDING", str(make(recording, tmp_path)))
    code, out, err = ask("doctor", "--json", "--home", str(tmp_path / "home"))
    checks = {check["id"]: check for check in map(json.loads, out.splitlines())}
    assert (code, err) == (1, "")
    assert [name for name, check in checks.items() if check["level"] == "fail"] == ["MODEL"]
    assert str(make(recording, tmp_path)) in checks["MODEL"]["found"]
    assert checks["MODEL"]["remedy"]
    assert checks["MARKET"]["level"] == "ok"


@UNUSABLE
def test_a_run_that_would_play_it_is_refused_with_a_remedy(
    ask: Ask, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Damage
) -> None:
    file = make(recording, tmp_path)
    monkeypatch.setenv("LLM_RECORDING", str(file))
    code, out, err = ask("run", "--brain", "recorded", "--home", str(tmp_path / "home"))
    assert (code, out) == (2, "")
    assert f"the recording {file}" in err or f"no recording {file}" in err
    assert "what to do" in err


@pytest.mark.parametrize(
    "market", ["recorded:/etc", "recorded:.", "synthetic:../x", f"synthetic:1{ESCAPES}", "", None]
)
def test_a_recording_names_a_synthetic_market_or_none(
    recording: Path, tmp_path: Path, market: str | None
) -> None:
    file = with_settings(recording, tmp_path / "other.jsonl", market=market)
    unset = desk_settings(tmp_path, llm_recording=str(file))
    unset = unset.model_copy()
    unset.model_fields_set.discard("market")
    with pytest.raises(ConfigError, match="only a synthetic one") as refused:
        with_recording(unset)
    assert str(file) in refused.value.message
    assert "--market" in refused.value.remedy
    # Whoever names a market has that one.
    named = with_recording(desk_settings(tmp_path, llm_recording=str(file)))
    assert named.market == "synthetic:7"


@pytest.mark.parametrize(
    ("settings", "about"),
    [
        pytest.param({"llm_wire": "morse"}, "LLM_WIRE", id="wire"),
        pytest.param({"llm_protocol": None}, "LLM_PROTOCOL", id="protocol"),
        pytest.param({"llm_model_name": None}, "LLM_MODEL_NAME", id="model"),
        pytest.param({"step": "soon"}, "STEP", id="step"),
    ],
)
def test_settings_that_are_wrong_in_the_file_are_the_file_s_fault(
    recording: Path, tmp_path: Path, settings: dict[str, Any], about: str
) -> None:
    file = with_settings(recording, tmp_path / "other.jsonl", **settings)
    unset = desk_settings(tmp_path, llm_recording=str(file))
    unset.model_fields_set.discard("step")
    with pytest.raises(ConfigError, match=about) as refused:
        with_recording(unset)
    assert refused.value.message.startswith(f"the recording {file}, line 1,")
    assert "LLM_RECORDING" in refused.value.remedy


@pytest.mark.parametrize("options", [("--json",), ()], ids=["json", "screen"])
def test_what_a_recording_says_cannot_steer_a_terminal(
    ask: Ask,
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    file = changed(
        recording, tmp_path / "evil.jsonl", 0, says=f"Trust me.{ESCAPES}", model=f"m{ESCAPES}"
    )
    monkeypatch.setenv("LLM_RECORDING", str(file))
    # One cycle more than was recorded: why the rules decided is told, too.
    code, out, err = ask(
        "run", "--brain", "recorded", "--interval", "0", "--cycles", str(CYCLES + 1),
        "--home", str(tmp_path / "home"), *options,
    )  # fmt: skip
    told = err if options else out
    assert code == 0
    assert "Trust me." in told
    assert "the rules decided" in told
    assert not any(char in told for char in "\x1b\x07\x9b")


@pytest.mark.parametrize(
    "command",
    [
        ("evals", "run", "--brain", "llm", "--situations", "open/calm"),
        ("replay", "--brain", "llm"),
        ("gate", "check"),
        ("gate", "approve", "--yes"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_another_model_than_the_recorded_one_is_refused(
    ask: Ask, recording: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("LLM_RECORDING", str(recording))
    code, out, err = ask(*command, "--model", "gpt-4.1")
    assert (code, out) == (2, "")
    assert "--model gpt-4.1 would not be asked" in err
    assert "leave --model out, or unset LLM_RECORDING" in err


def test_a_replay_of_recorded_replies_says_whose_they_are(
    ask: Ask, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, file = tmp_path / "home", tmp_path / "report.html"
    monkeypatch.setenv("LLM_RECORDING", str(recording))
    desk = ("--home", str(home))
    ran = ("run", "--brain", "recorded", "--interval", "0", "--no-dry-run", *desk)
    assert ask(*ran, "--cycles", str(CYCLES + 1))[0] == 0
    replay = ("replay", "--brain", "llm", "--html", str(file), *desk)
    code, out, _ = ask(*replay)
    label = f"recorded from scripted-1 on {DATE}"
    # The last one was not recorded.
    assert code == 1
    assert label in out
    assert label in file.read_text("utf-8")
    told = json.loads(ask(*replay, "--json")[1])
    assert told["recording"] == label
    assert (told["decisions"], told["identical"]) == (CYCLES, CYCLES)
    assert told["unanswered"] == {"LLM_NOT_RECORDED": 1}
    # The rules need no recording, and say nothing of one.
    assert json.loads(ask("replay", "--json", *desk)[1])["recording"] is None
