"""``run --brain recorded`` and ``chat --recorded``, as a newcomer sees them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from callwright.demo import CYCLES as DEMO_CYCLES
from callwright.demo import QUESTIONS, demo_settings
from commands import callwright_here
from recorded_demos import ANSWER, CYCLES, DATE, QUESTION

ROOT = Path(__file__).parents[2]
Run = Callable[..., tuple[int, str, str]]

pytestmark = pytest.mark.block_network


@pytest.fixture
def run(
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LLM_RECORDING", str(recording))

    def call(*arguments: str) -> tuple[int, str, str]:
        return callwright_here(monkeypatch, capsys, *arguments, "--home", str(tmp_path))

    return call


DESK = ("run", "--brain", "recorded", "--interval", "0", "--no-dry-run")


def test_a_desk_of_recorded_replies_says_so_and_ends_with_the_recording(run: Run) -> None:
    code, out, _ = run(*DESK)
    assert code == 0
    assert f"decided by a model, recorded from scripted-1 on {DATE}" in out
    assert "nobody is asked, nothing is paid" in out
    assert "not the quality of a hosted model" in " ".join(out.split())
    assert f"Ended after {CYCLES} cycles, as asked." in out
    assert f"on {DATE}: played in {CYCLES} of {CYCLES} cycles." in out
    assert "the rules decided" not in out


def test_what_was_not_recorded_is_announced_where_it_happens_and_in_the_summary(run: Run) -> None:
    code, out, _ = run(*DESK, "--cycles", str(CYCLES + 1))
    assert code == 0
    # Its options are another menu's.
    told = "the rules decided; this request was not recorded: another tool or description"
    assert out.count(told) == 1
    assert f"played in {CYCLES} of {CYCLES + 1} cycles" in out
    assert "Not recorded, so the rules decided: 1." in " ".join(out.split())


@pytest.mark.parametrize(
    ("name", "value", "what", "opens"),
    [
        ("MAX_NET_DELTA_ABS", "BTC=0.01,ETH=0.1", "another tool or description", "0 opens"),
        ("TARGET_DELTA", "0.3", "the prompt is another one", "2 opens"),
    ],
)
def test_a_setting_of_ones_own_is_kept_and_what_it_changes_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str, opens: str
) -> None:
    monkeypatch.setenv(name, value)
    code, out, _ = run(*DESK, "--cycles", "2")
    assert code == 0
    assert out.count(f"the rules decided; this request was not recorded: {what}") == 2
    assert opens in out


def test_with_json_a_script_is_told_on_stderr(run: Run) -> None:
    code, out, err = run(*DESK, "--cycles", str(CYCLES + 1), "--json")
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["llm"]["recorded"]["date"] for record in records] == [DATE] * (CYCLES + 1)
    assert f"recorded from scripted-1 on {DATE}" in err
    assert err.count("the rules decided") == 1


def test_the_recorded_question_is_answered_by_the_recorded_model(run: Run) -> None:
    run(*DESK)
    code, out, _ = run("chat", QUESTION, "--recorded")
    assert code == 0
    assert ANSWER in out
    model = demo_settings(Path()).llm_model_name
    assert f"Answered by the model {model}, recorded on {DATE}" in out


def test_another_question_is_announced_and_answered_without_a_model(run: Run) -> None:
    run(*DESK)
    code, out, _ = run("chat", "Why did you not trade?", "--recorded")
    assert code == 0
    assert "this request was not recorded" in out
    assert "Answered without a model instead:" in out
    assert f"“{QUESTION}”" in out


def test_a_decision_tells_that_it_was_recorded_or_who_decided_instead(run: Run) -> None:
    run(*DESK, "--cycles", str(CYCLES + 1))
    _, recorded, _ = run("decisions", "show", "1")
    assert f"llm, {demo_settings(Path()).llm_model_name}, replies recorded on {DATE}" in recorded
    _, instead, _ = run("decisions", "show", str(CYCLES + 1))
    assert "rule_based" in instead
    assert "this request was not recorded" in instead
    _, told, _ = run("chat", "Why did you do decision 1?", "--no-llm")
    assert f"replies recorded on {DATE}" in told


def test_in_production_nobody_says_that_a_recorded_model_decides(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", "production")
    code, out, _ = run(*DESK, "--cycles", "2")
    assert code == 0
    assert "decided by a model" not in out
    assert "the rules decide" in out


def test_a_desk_of_the_rules_has_nothing_to_do_with_a_recording(run: Run) -> None:
    code, out, _ = run("run", "--brain", "rules", "--interval", "0", "--cycles", "2")
    assert code == 0
    assert "recorded from" not in out
    assert "decided by rules" in out


def test_a_damaged_recording_is_one_clear_error(
    run: Run, recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_text(recording.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    monkeypatch.setenv("LLM_RECORDING", str(damaged))
    code, out, err = run(*DESK)
    assert code == 2
    assert "damaged" in err
    assert "Traceback" not in out + err


def test_doctor_says_that_nobody_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_ENABLED", "true")
    _, out, _ = run("doctor", "--json")
    checks = [json.loads(line) for line in out.splitlines()]
    found = next(check for check in checks if check["id"] == "MODEL")
    assert "nobody is asked" in json.dumps(found)


def test_make_run_shows_the_desk_that_is_recorded() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = text[text.index("\nrun:") : text.index("\nrules:")].replace("\\\n", " ")
    settings = demo_settings(Path())
    (command,) = re.findall(r"callwright run (--brain recorded.*)", target)
    words = command.split()
    options = dict(zip(words[::2], words[1::2], strict=False))
    assert options["--market"] == settings.market
    assert options["--step"] == settings.step
    assert options["--cycles"] == str(DEMO_CYCLES)
    assert "--no-dry-run" in words
    for question in QUESTIONS:
        assert f'"{question}"' in target
