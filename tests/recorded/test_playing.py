"""A desk that plays recorded replies: the same records, no network, the rules where none fit."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from callwright.agents.prompt import instructions
from callwright.demo import QUESTIONS
from callwright.domain.failure import ModelFailure
from callwright.domain.recorded import recorded_on, rules_instead
from callwright.memory.database import read_desk_database
from callwright.memory.usage_report import usage_totals
from recorded_demos import ANSWER, CYCLES, DATE, log_of, played

pytestmark = pytest.mark.block_network


def test_a_recording_plays_the_same_records_and_answers_every_time(
    recording: Path, tmp_path: Path
) -> None:
    first = played(tmp_path / "first", recording)
    second = played(tmp_path / "second", recording)
    recorded = recording.parent / "recorded"
    assert [record.final_action.action for record in first.records] == [
        "OPEN_COVERED_CALL",
        "OPEN_COVERED_CALL",
        "DO_NOTHING",
        "OPEN_COVERED_CALL",
    ]
    assert log_of(tmp_path / "first") == log_of(tmp_path / "second") == log_of(recorded)
    assert [answer.text for answer in first.answers] == [ANSWER] * len(QUESTIONS)
    assert [answer.text for answer in second.answers] == [ANSWER] * len(QUESTIONS)


def test_every_record_and_answer_says_that_it_was_recorded(recording: Path, tmp_path: Path) -> None:
    done = played(tmp_path / "home", recording)
    for said in (*(record.llm for record in done.records), *(a.llm for a in done.answers)):
        assert recorded_on(said) == DATE
        assert rules_instead(said) is None
        assert said is not None
        assert said["cost_usd"] == 0.0
        assert said["requests"] > 0


def test_no_key_is_needed_and_none_is_sent(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_BASE_URL", "https://nobody.example/v1")
    without = played(tmp_path / "without", recording)
    with_key = played(tmp_path / "with", recording, openai_api_key="planted-key-123456")
    assert [r.to_line() for r in without.records] == [r.to_line() for r in with_key.records]
    assert "planted" not in (tmp_path / "with" / "desk.db").read_bytes().decode("latin-1")


def test_what_is_played_is_booked_and_costs_nothing(recording: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    played(home, recording)
    with read_desk_database(home / "desk.db") as database:
        totals = usage_totals(database, since=datetime(2020, 1, 1, tzinfo=UTC))
    # One request a decision, two an answer.
    assert sum(row.requests for row in totals) == CYCLES + 2 * len(QUESTIONS)
    assert all(row.cost_usd == 0 for row in totals)


def test_cycles_that_were_not_recorded_are_the_rules(recording: Path, tmp_path: Path) -> None:
    done = played(tmp_path / "home", recording, cycles=CYCLES + 2)
    assert [record.decision_source for record in done.records] == [
        *["llm"] * CYCLES,
        "rule_based",
        "rule_based",
    ]
    last = done.records[-1]
    assert last.failure is None
    assert "not recorded" in (rules_instead(last.llm) or "")
    shadow = (last.llm or {})["shadow"]
    assert shadow["failure"] == ModelFailure.NOT_RECORDED
    assert shadow["proposal"] is None


def test_another_prompt_is_named_and_the_rules_decide(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "callwright.agents.manager.instructions",
        lambda *args, **kwargs: f"{instructions(*args, **kwargs)} Be bold.",
    )
    done = played(tmp_path / "home", recording)
    assert {rules_instead(record.llm) for record in done.records} == {
        "this request was not recorded: the prompt is another one"
    }
    assert {record.failure for record in done.records} == {None}
    assert {record.decision_source for record in done.records} == {"rule_based"}
    assert all(record.execution.status == "filled" for record in done.records[:2])


def test_a_failed_decision_that_was_recorded_stays_one(recording: Path, tmp_path: Path) -> None:
    """Only what was not recorded is the rules' to decide."""
    lines = recording.read_text(encoding="utf-8")
    broken = tmp_path / "broken.jsonl"
    broken.write_text(lines.replace("tool_calls", "length"), encoding="utf-8")
    done = played(tmp_path / "home", broken, cycles=1)
    assert done.records[0].failure == ModelFailure.TRUNCATED
    assert done.records[0].decision_source == "llm"
    assert done.records[0].final_action.action == "DO_NOTHING"
