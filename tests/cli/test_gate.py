"""``callwright gate``, and what run, decisions and doctor tell of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from callwright.cli import app
from callwright.config import Settings
from callwright.errors import ConfigError, StorageError
from callwright.gate.approvals import parse_approvals, read_approvals
from callwright.gate.standing import CANARIES
from gated_desks import approve, edit_prompt, gated_settings, run_gated
from llm_servers import LlmServer, llm_server, well_behaved

RUNNER = CliRunner()
APPROVE = ("gate", "approve", "--yes", "--situations", "open/calm")
DESPITE = ("--despite", "a test of the command")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LlmServer]:
    """Answer as the model of whatever runs in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    with llm_server(well_behaved()) as server:
        for name, value in {
            "LLM_BASE_URL": server.url,
            "LLM_ALLOW_PRIVATE_NETWORK": "true",
            "LLM_MODEL_NAME": "scripted",
        }.items():
            monkeypatch.setenv(name, value)
        yield server


def call(*arguments: str, code: int = 0) -> Result:
    result = RUNNER.invoke(app, [*arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def test_nothing_is_approved_at_first(server: LlmServer) -> None:
    shown = call("gate", "check", code=1).stdout
    assert "is not approved: nothing is." in shown
    assert "To approve: callwright gate approve" in shown
    found = json.loads(call("gate", "check", "--json", code=1).stdout)
    assert (found["approved"], found["compared_with"], found["differs"]) == (False, None, [])
    assert server.requests == []


def test_check_needs_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    found = json.loads(call("gate", "check", "--model", "gpt-4.1", "--json", code=1).stdout)
    assert (found["model"], found["server"]) == ("gpt-4.1", "https://api.openai.com/v1")


def test_below_the_bar_nothing_is_written(server: LlmServer, tmp_path: Path) -> None:
    shown = call(*APPROVE, code=1).stdout
    assert "Below the bar: " in shown
    assert "situations of the suite were not asked" in shown
    assert "--despite REASON" in shown
    assert not (tmp_path / "gate.toml").exists()


def test_approve_then_check_then_edit(
    server: LlmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved = call(*APPROVE, *DESPITE)
    assert "Nothing was approved before." in approved.stdout
    assert "Approved scripted as " in approved.stderr
    (first,) = read_approvals(tmp_path / "gate.toml").approved
    assert first.despite == "a test of the command"
    shown = call("gate", "check").stdout
    assert shown.startswith("Approved.")
    assert "missed the bar" in shown

    edit_prompt(monkeypatch, tmp_path, "exactly one action", "one single action")
    shown = call("gate", "check", code=1).stdout
    assert f"other prompt than scripted as {first.version}" in " ".join(shown.split())
    found = json.loads(call("gate", "check", "--json", code=1).stdout)
    assert found["differs"] == ["prompt"]
    assert found["compared_with"]["version"] == first.version

    again = call(*APPROVE, *DESPITE).stdout
    assert "0 of 4 situations are answered otherwise than approved." in again
    assert len(read_approvals(tmp_path / "gate.toml").approved) == 2


def test_json_tells_what_changed(server: LlmServer, tmp_path: Path) -> None:
    found = json.loads(call(*APPROVE, "--json", code=1).stdout)
    assert (found["approved"], found["compared_with"]) == (False, None)
    assert set(found["approval"]["answers"]) == set(CANARIES)
    found = json.loads(call(*APPROVE, *DESPITE, "--json").stdout)
    assert found["approved"] is True
    assert found["shortfalls"] == ["101 situations of the suite were not asked"] or (
        "situations of the suite were not asked" in found["shortfalls"][0]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("gate", "approve"),
        ("gate", "approve", "--yes", "--despite", " "),
        ("gate", "approve", "--yes", "--despite", "\x1b\x00"),
        # What could not be written down is not asked for.
        ("gate", "approve", "--yes", "--model", "m" * 301),
        ("gate", "approve", "--yes", "--model", "one\ntwo"),
        ("gate", "approve", "--yes", "--model", "half a \udcff letter"),
    ],
)
def test_nobody_approves_by_accident(server: LlmServer, arguments: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError):
        call(*arguments)
    assert server.requests == []


def test_a_missing_folder_is_named_before_anybody_is_asked(
    server: LlmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_GATE_FILE", str(tmp_path / "away" / "gate.toml"))
    with pytest.raises(StorageError) as caught:
        call(*APPROVE, *DESPITE, "--json")
    assert f"make the folder {tmp_path / 'away'}" in caught.value.remedy
    assert server.requests == []


@pytest.mark.parametrize("is_json", [True, False])
def test_what_cannot_be_written_is_told_as_such_and_not_lost(
    server: LlmServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_json: bool
) -> None:
    def full(*_: object) -> None:
        raise StorageError("disk is full")

    monkeypatch.setattr("callwright.gate.approvals.write_approvals", full)
    result = RUNNER.invoke(app, [*APPROVE, *DESPITE, *(["--json"] if is_json else [])])
    assert isinstance(result.exception, StorageError)
    assert not (tmp_path / "gate.toml").exists()
    assert "Approved scripted" not in result.stderr
    if is_json:
        found = json.loads(result.stdout)
        assert found["approved"] is False
        assert found["approval"]["model"] == "scripted"
    # Put there by hand, it is what would have been written.
    kept = result.stderr[result.stderr.index("# Combinations") :]
    (approval,) = parse_approvals(kept, "stderr").approved
    assert approval.model == "scripted"


def test_check_and_approve_refuse_a_recording(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_RECORDING", "demo")
    for arguments in (("gate", "check"), (*APPROVE, *DESPITE)):
        with pytest.raises(ConfigError, match="never approved"):
            call(*arguments)
    assert server.requests == []


def test_a_corrupt_file_is_named(server: LlmServer, tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text("approved = [1]", encoding="utf-8")
    for arguments in (("gate", "check"), (*APPROVE, *DESPITE)):
        with pytest.raises(ConfigError, match=r"gate\.toml: approved\.0"):
            call(*arguments)
    assert server.requests == []
    assert (tmp_path / "gate.toml").read_text() == "approved = [1]"


def test_run_says_who_decides_and_what_the_shadow_would(
    server: LlmServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", "production")
    run = ("run", "--brain", "llm", "--cycles", "1", "--interval", "0", "--home", "h")
    shown = " ".join(call(*run).stdout.split())
    assert "decided by the rules, with scripted as their shadow" in shown
    assert "is not approved: nothing is; the rules decide" in shown
    assert "SHADOW scripted: OPEN_COVERED_CALL symbol BTC-" in shown
    done = call(*run, "--json")
    assert json.loads(done.stdout)["decision_source"] == "rule_based"
    assert "SHADOW  scripted: " in done.stderr


def doctor(settings: Settings) -> tuple[str, str, str]:
    from callwright.health import CHECKS

    return CHECKS["GATE"](settings)


def test_doctor_tells_how_the_model_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        level, found, remedy = doctor(settings)
        assert (level, remedy) == ("warn", "callwright gate approve")
        assert "nothing is; the rules decide" in found
        approve(settings)
        assert doctor(settings)[0] == "ok"
        monkeypatch.setattr("llm_wires.SERVED_MODEL", "scripted-2026-12")
        run_gated(settings)
        level, found, _ = doctor(settings)
        assert level == "warn"
        assert "in the last cycle: it drifted: the provider names the model" in found
    rules = gated_settings(tmp_path / "rules", "http://127.0.0.1:9", llm_enabled=False)
    assert doctor(rules)[0] == "ok"


@pytest.fixture
def shadowed(tmp_path: Path) -> Path:
    with llm_server(well_behaved()) as server:
        run_gated(gated_settings(tmp_path / "h", server.url))
    return tmp_path / "h"


def test_decisions_tell_the_shadow(shadowed: Path) -> None:
    at = ("--home", str(shadowed))
    shown = " ".join(call("decisions", "show", "1", *at).stdout.split())
    assert "decided by rule_based instead of scripted: scripted as " in shown
    assert "shadow OPEN_COVERED_CALL symbol BTC-" in shown
    why = " ".join(call("decisions", "why", "1", *at).stdout.split())
    assert "The rules decided in the place of scripted: scripted as " in why
    assert "As their shadow it would have proposed to sell BTC-" in why
    listed = call("decisions", "list", *at).stdout
    assert "OPEN" in listed


def test_the_explainer_is_shown_the_shadow_apart(shadowed: Path) -> None:
    from callwright.desk_reader import open_desk_reader
    from callwright.explain.facts import record_facts
    from callwright.tools.memory_views import decision_view

    with open_desk_reader(gated_settings(shadowed, "http://127.0.0.1:9")) as desk:
        detail = desk.get_decision(1).model_dump(mode="json")
    view: dict[str, Any] = decision_view(detail)
    assert view["decided_by"] == "rule_based"
    assert view["shadow"]["action"] == "OPEN_COVERED_CALL"
    assert "not approved" in view["shadow"]["rules_decided_because"]
    symbol = view["shadow"]["symbol"]
    for facts in (record_facts("#1", detail), record_facts("#1", view)):
        assert symbol not in facts.subjects
        parts = {named.part for named in facts.symbols if named.text == symbol}
        assert "shadow" in parts
