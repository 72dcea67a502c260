"""A model decides again: the same prompt the same records, another prompt another request, budgets,
and nothing but its cost is written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from builders import limits, policy_settings
from callwright.agents.prompt import instructions
from callwright.config import Settings
from callwright.domain.decision import DoNothing
from callwright.domain.failure import BUDGET_FAILURES, UNHEARD, ModelFailure
from callwright.domain.record import CycleRecord
from callwright.errors import ConfigError
from callwright.evaluation.running import UNREACHED_MAX, Posed, rules
from callwright.memory.database import read_desk_database
from callwright.ports import BrainAnswer
from callwright.replaying import running
from callwright.replaying.page import page
from callwright.replaying.question import Question
from callwright.replaying.report import Report
from callwright.replaying.running import replay
from callwright.replaying.telling import summary
from desks import desk_settings, run_desk
from llm_replies import Script
from llm_scripts import MISBEHAVIOURS, in_turn, proposal, well_behaved
from llm_servers import llm_server
from managers import a_manager, manager_settings

OWN_PROMPT = files("callwright.agents").joinpath("prompts/manager.md").read_text("utf-8")
WITHOUT_LIMITS = OWN_PROMPT.replace("{{limits}}", "")
CYCLES = 6


@pytest.fixture(scope="module")
def by_model(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A desk whose manager sells the first candidate that passes."""
    settings = desk_settings(tmp_path_factory.mktemp("by-model"))
    with llm_server(well_behaved()) as server:
        brain = a_manager(
            manager_settings(server.url), settings.limits(), settings.policy_settings()
        )
        run_desk(settings, CYCLES, brain=brain)
    return settings


def asked(
    desk: Settings, script: Script, *, prompt: str | None = None, **changes: Any
) -> tuple[Report, list[CycleRecord], list[str]]:
    """Return a replay by a scripted model, its records, and the prompts that were sent."""
    how = {"booked_in": changes.pop("booked_in", None)}
    until = changes.pop("until", None)
    records: list[CycleRecord] = []
    with llm_server(script) as server:
        settings = desk.model_copy(
            update={
                "llm_base_url": server.url,
                "llm_allow_private_network": True,
                "llm_model_name": "scripted",
                "llm_timeout_seconds": 10.0,
            }
            | changes
        )
        question = Question(brain="llm", prompt=prompt, prompt_name="new.md", until=until)
        report = replay(question, settings, on_record=records.append, **how)
        sent = [str(request.body["instructions"]) for request in server.requests]
    return report, records, sent


def test_the_same_model_and_prompt_give_the_same_records(by_model: Settings) -> None:
    report, records, _ = asked(by_model, well_behaved())
    assert (report.decisions, report.identical, report.differences) == (CYCLES, CYCLES, ())
    assert report.recorded_by == {"llm scripted": CYCLES}
    assert report.model == "scripted"
    assert {r.final_action.action for r in records} >= {"OPEN_COVERED_CALL"}
    assert all(r.baseline_action is not None for r in records)
    assert len(report.prompt_versions) == 1
    assert report.prompt_versions == report.recorded_prompt_versions


def test_the_rules_in_its_place(by_model: Settings) -> None:
    report = replay(Question(), by_model)
    assert (report.decisions, report.identical) == (CYCLES, 0)
    assert report.same_decision + len(report.differences) == CYCLES
    for difference in report.differences:
        assert difference.recorded.choice.decided_by == "llm"
        assert difference.recorded.choice.model == "scripted"
        assert difference.replayed.choice.decided_by == "rule_based"


def test_a_model_in_the_place_of_the_rules(sixty_days: Settings) -> None:
    def hold(results: Mapping[str, Any]) -> dict[str, Any]:
        return proposal("DO_NOTHING", {}, "I would rather hold.")

    report, _, _ = asked(sixty_days, well_behaved(hold), until=datetime(2026, 1, 7, tzinfo=UTC))
    assert report.decisions == 8
    assert report.differences
    for difference in report.differences:
        assert difference.differs == ("action",) or "verdict" in difference.differs
        assert difference.replayed.choice.proposed.reasoning == "I would rather hold."
        assert difference.replayed.outcome.earned_usd == 0
        assert difference.recorded.outcome.earned_usd is not None


class TestPrompt:
    """A file in place of the manager's own prompt."""

    def test_it_is_what_the_model_is_told(self, by_model: Settings) -> None:
        prompt = OWN_PROMPT.replace("covered-call manager", "careful manager")
        report, _, sent = asked(by_model, well_behaved(), prompt=prompt)
        assert sent
        assert all("careful manager of a small options desk" in text for text in sent)
        assert not any("{{" in text for text in sent)
        assert report.prompt == "new.md"
        assert report.prompt_versions != report.recorded_prompt_versions
        # The script does not read it: the decisions stay.
        assert report.identical == CYCLES

    def test_the_manager_s_own_text_is_the_manager_s_own_prompt(self, by_model: Settings) -> None:
        report, _, sent = asked(by_model, well_behaved(), prompt=OWN_PROMPT)
        assert report.prompt_versions == report.recorded_prompt_versions
        plain, _, sent_plain = asked(by_model, well_behaved())
        assert sent == sent_plain
        assert plain.identical == report.identical == CYCLES

    def test_without_a_template_the_instructions_are_the_same_bytes(self) -> None:
        plain = instructions(limits(), policy_settings())
        given = instructions(limits(), policy_settings(), template=OWN_PROMPT)
        assert hashlib.sha256(plain.encode()).digest() == hashlib.sha256(given.encode()).digest()

    @pytest.mark.parametrize(
        ("prompt", "about"),
        [
            pytest.param(OWN_PROMPT + "{{size}}", r"\{\{size\}\} is none", id="unknown"),
            pytest.param(WITHOUT_LIMITS, r"\{\{limits\}\} is missing", id="missing"),
            pytest.param("Sell calls.", r"\{\{actions\}\} is missing", id="none-at-all"),
        ],
    )  # fmt: skip
    def test_other_placeholders_are_refused_before_anybody_is_asked(
        self, by_model: Settings, prompt: str, about: str
    ) -> None:
        requests: list[str] = []
        with pytest.raises(ConfigError, match=about) as refused:
            requests += asked(by_model, well_behaved(), prompt=prompt)[2]
        assert "agents/prompts/manager.md" in refused.value.remedy
        assert requests == []


class TestBooking:
    """What a model costs is booked, and bounded."""

    def booked(self, home: Path) -> list[tuple[str, str]]:
        with read_desk_database(home / "desk.db") as database:
            return [tuple(r) for r in database.rows("SELECT purpose, state FROM llm_requests")]

    def test_in_the_home_that_is_named(self, by_model: Settings, tmp_path: Path) -> None:
        before = self.booked(by_model.callwright_home)
        asked(by_model, well_behaved(), booked_in=tmp_path)
        assert self.booked(tmp_path) == [("chat", "settled")] * 2 * CYCLES
        assert self.booked(by_model.callwright_home) == before

    def test_a_spent_budget_ends_it_and_what_was_asked_stands(
        self, by_model: Settings, tmp_path: Path
    ) -> None:
        prices = tmp_path / "prices.toml"
        prices.write_text(
            '[models.scripted]\nprovider = "us"\nas_of = 2026-11-21\nsource = "a test"\n'
            "input = 1000\noutput = 1000\n",
            encoding="utf-8",
        )
        report, records, _ = asked(
            by_model,
            well_behaved(),
            llm_prices_file=prices,
            llm_budget_cycle_usd=100,
            llm_budget_day_usd=22,
            llm_budget_month_usd=100,
        )
        assert report.stopped.startswith("LLM_BUDGET")
        assert 0 < report.decisions < CYCLES
        assert report.decisions == len(records) == report.identical
        assert report.failures == report.unanswered == {}

    def test_a_refused_key_ends_it_at_once(self, by_model: Settings) -> None:
        report, records, sent = asked(by_model, MISBEHAVIOURS["401"])
        assert report.stopped.startswith("LLM_NOT_AUTHORISED")
        assert (report.decisions, records, len(sent)) == (0, [], 1)
        assert report.unanswered == {"LLM_NOT_AUTHORISED": 1}

    def test_a_server_that_is_silent_for_long_ends_it(
        self, by_model: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report, records = unheard(monkeypatch, by_model, *["LLM_UNAVAILABLE"] * CYCLES)
        assert report.stopped.startswith("LLM_UNAVAILABLE")
        assert report.unanswered == {"LLM_UNAVAILABLE": UNREACHED_MAX}
        assert (report.decisions, report.failures, records) == (0, {}, [])


def unheard(
    monkeypatch: pytest.MonkeyPatch, desk: Settings, *failures: str | None
) -> tuple[Report, list[CycleRecord]]:
    """Return a replay in which the rules answer in a model's place, or nobody does.

    Args:
        failures: Of each asking in turn; None: the rules answer.
    """
    script = iter(failures)
    records: list[CycleRecord] = []

    async def ask(case: Posed) -> BrainAnswer:
        failure = next(script)
        if failure is None:
            return replace(await rules(case), source="llm")
        return BrainAnswer(proposal=DoNothing(), source="llm", failure=failure)

    monkeypatch.setattr(running, "model", lambda *_, **__: nullcontext(ask))
    report = replay(Question(brain="llm"), desk, on_record=records.append)
    return report, records


class TestUnanswered:
    """A decision that nobody answered is no hold, no failed decision, and earned nothing."""

    OTHERS = UNHEARD - BUDGET_FAILURES - {ModelFailure.NOT_AUTHORISED}

    @pytest.mark.parametrize("code", sorted(OTHERS))
    def test_it_is_left_out_and_counted(
        self, by_model: Settings, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        everything, _ = unheard(monkeypatch, by_model, *[None] * CYCLES)
        lost = everything.differences[0].decision_id
        failures = [code if n == lost else None for n in range(1, CYCLES + 1)]
        report, records = unheard(monkeypatch, by_model, *failures)
        assert report.unanswered == {code: 1}
        assert (report.failures, report.stopped) == ({}, "")
        assert report.decisions == len(records) == CYCLES - 1
        assert report.differences == everything.differences[1:]
        assert report.totals.counted == everything.totals.counted - 1
        assert all(record.failure is None for record in records)

    @pytest.mark.parametrize("code", ["LLM_UNAVAILABLE", "LLM_TIMEOUT", "LLM_RATE_LIMITED"])
    def test_one_answer_in_between_and_the_asking_goes_on(
        self, by_model: Settings, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        before = [code] * (UNREACHED_MAX - 1)
        report, _ = unheard(monkeypatch, by_model, *before, None, code)
        assert (report.stopped, report.decisions) == ("", 1)
        assert report.unanswered == {code: UNREACHED_MAX}

    def test_replies_that_were_not_recorded_end_nothing(
        self, by_model: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report, _ = unheard(monkeypatch, by_model, *["LLM_NOT_RECORDED"] * (CYCLES - 1), None)
        assert (report.stopped, report.decisions) == ("", 1)
        assert report.unanswered == {"LLM_NOT_RECORDED": CYCLES - 1}

    def test_nothing_but_silence_is_a_report_of_it(
        self, by_model: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        report, _ = unheard(monkeypatch, by_model, *["LLM_NOT_RECORDED"] * CYCLES)
        assert (report.decisions, report.differences) == (0, ())
        assert (report.totals.recorded.usd, report.totals.counted) == (0.0, 0)
        for told in ("\n".join(summary(report)), page(report)):
            assert f"Not answered: {CYCLES} decisions" in told
            assert f"LLM_NOT_RECORDED {CYCLES}" in told
            assert "hold" not in told.lower()


def test_a_failed_answer_is_a_failure_and_not_a_hold(by_model: Settings) -> None:
    script = in_turn(well_behaved(), MISBEHAVIOURS["prose"], *[well_behaved()] * 100)
    report, records, _ = asked(by_model, script)
    first = report.differences[0]
    assert first.decision_id == 1
    assert "failure" in first.differs
    assert first.replayed.choice.failure == "LLM_NO_PROPOSAL"
    assert report.failures == {"LLM_NO_PROPOSAL": 1}
    assert records[0].failure == "LLM_NO_PROPOSAL"
    assert report.identical == CYCLES - 1
