"""Asking: baselines, the scripted server as a model on both wires, failures, budgets, order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from callwright.config import Settings, load_settings
from callwright.domain.decision import DoNothing
from callwright.errors import ConfigError
from callwright.evaluation.cases import Case, case_of, suite_settings
from callwright.evaluation.page import comparison_text
from callwright.evaluation.running import (
    UNREACHED_MAX,
    Report,
    Run,
    asked,
    evaluate,
    hold,
    usage_database,
)
from callwright.evaluation.scoring import Trial
from callwright.evaluation.situations import Situation, all_situations, matching
from callwright.ports import BrainAnswer
from llm_servers import (
    MISBEHAVIOURS,
    Script,
    always,
    in_turn,
    llm_server,
    proposal,
    propose,
    reads_then,
    well_behaved,
)

FEW = ["open/calm", "open/below-floor", "care/cover-lost", "desk/halted"]


@pytest.fixture(scope="module")
def few() -> tuple[Situation, ...]:
    return matching(FEW)


def llm_settings(url: str, **changes: Any) -> Settings:
    given: dict[str, Any] = {
        "llm_base_url": url,
        "llm_allow_private_network": True,
        "llm_model_name": "scripted",
        "llm_timeout_seconds": 10.0,
        "callwright_home": Path("never-used"),
    }
    return load_settings(**(given | changes))


def run_of(report: Report, brain: str) -> Run:
    return next(run for run in report.runs if run.brain == brain)


def answers_of(run: Run) -> dict[str, str | None]:
    return {trial.situation: trial.answer for trial in run.trials}


def asked_of(script: Script, situations: tuple[Situation, ...], **changes: Any) -> Run:
    how = {name: changes.pop(name) for name in ("repeat", "jobs", "home") if name in changes}
    with llm_server(script) as server:
        settings = llm_settings(server.url, **changes)
        return run_of(evaluate(situations, settings, brain="llm", **how), "llm")


def test_the_whole_suite_by_both_baselines_twice() -> None:
    first, second = (evaluate(all_situations(), load_settings()) for _ in range(2))
    assert first == second
    assert [run.brain for run in first.runs] == ["hold", "rules"]
    for run in first.runs:
        assert run.score.valid.share == 1.0
        assert run.score.failed == 0
    held, ruled = first.runs
    assert held.score.legal.share == 1.0
    assert held.score.acts.share == 0.0
    # The rules are no ideal: but far from holding, and forbidden only where they are denied.
    assert ruled.against_rules is None
    assert held.against_rules is not None
    assert held.against_rules.worse > held.against_rules.better
    assert all(t.sensible or not t.legal for t in ruled.trials)


@pytest.mark.parametrize("wire", ["responses", "chat"])
@pytest.mark.parametrize("protocol", ["two-call", "stepwise"])
def test_a_model_is_asked_on_both_wires(
    wire: str, protocol: str, few: tuple[Situation, ...]
) -> None:
    run = asked_of(well_behaved(), few, llm_wire=wire, llm_protocol=protocol)
    assert answers_of(run) == {
        "open/calm": "OPEN BTC-16JAN26-107000-C",
        "open/below-floor": "OPEN BTC-4FEB26-86000-C",
        "care/cover-lost": "HOLD",
        "desk/halted": "HOLD",
    }
    assert (run.score.valid.share, run.score.sensible.share) == (1.0, 0.5)
    assert run.score.right.share == 0.5
    assert run.model == "scripted"
    assert run.score.requests == 4 * (2 if protocol == "two-call" else 4)
    assert run.score.input_tokens == 1000 * run.score.requests
    assert run.score.latency_ms_median is not None
    # A local model without a price: unknown, never zero.
    assert run.score.cost_usd is None


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("malformed", "DECISION_INVALID"),
        ("prose", "LLM_NO_PROPOSAL"),
        ("refusal", "LLM_REFUSED"),
        ("truncated", "LLM_TRUNCATED"),
        ("nan", "DECISION_INVALID"),
        ("unknown-instrument", "DECISION_INVALID"),
        ("300-calls", "LLM_TOO_MANY_CALLS"),
        ("broken-json", "LLM_BAD_REPLY"),
    ],
)
@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_a_failure_counts_as_failed_and_not_as_a_hold(name: str, failure: str, wire: str) -> None:
    held_rightly = matching(["open/below-floor", "desk/halted"])
    run = asked_of(MISBEHAVIOURS[name], held_rightly, llm_wire=wire)
    assert {trial.failure for trial in run.trials} == {failure}
    assert run.score.failed == 2
    assert run.score.failures == {failure: 2}
    for share in (run.score.valid, run.score.legal, run.score.sensible, run.score.right):
        assert share.share == 0.0
    assert not run.stopped


def test_a_slow_model_times_out_and_has_failed(few: tuple[Situation, ...]) -> None:
    run = asked_of(MISBEHAVIOURS["hang"], few[:1], llm_timeout_seconds=0.3)
    assert run.score.failures == {"LLM_TIMEOUT": 1}


def test_a_refused_key_stops_the_run_at_once(few: tuple[Situation, ...]) -> None:
    run = asked_of(MISBEHAVIOURS["401"], few)
    assert (run.score.askings, run.score.failed) == (1, 1)
    assert run.stopped.startswith("LLM_NOT_AUTHORISED")


def test_a_spent_budget_stops_the_run_and_counts_nothing_against_the_model(
    few: tuple[Situation, ...], tmp_path: Path
) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        '[models.scripted]\nprovider = "us"\nas_of = 2026-11-21\nsource = "a test"\n'
        "input = 1000\noutput = 1000\n",
        encoding="utf-8",
    )
    run = asked_of(
        well_behaved(),
        few,
        llm_prices_file=prices,
        llm_budget_cycle_usd=100,
        llm_budget_day_usd=20,
        llm_budget_month_usd=100,
    )
    assert run.stopped.startswith("LLM_BUDGET")
    assert run.score.askings < len(few)
    assert run.score.failed == 0


def test_requests_are_booked_in_the_home_that_is_named(
    few: tuple[Situation, ...], tmp_path: Path
) -> None:
    asked_of(well_behaved(), few, home=tmp_path)
    with usage_database(tmp_path) as database:
        rows = database.rows("SELECT purpose, model, state FROM llm_requests")
    assert len(rows) == 2 * len(few)
    assert {tuple(row) for row in rows} == {("chat", "scripted", "settled")}


def test_without_a_home_nothing_is_left(
    few: tuple[Situation, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked_of(well_behaved(), few[:1])
    assert not list(tmp_path.iterdir())


def test_a_model_is_asked_as_often_as_wanted(few: tuple[Situation, ...]) -> None:
    replies = in_turn(*[well_behaved()] * 4, reads_then(MISBEHAVIOURS["refusal"]), well_behaved())
    run = asked_of(replies, few[:1], repeat=3)
    assert run.score.askings == 3
    assert run.score.situations == 1
    assert [trial.repeat for trial in run.trials] == [0, 1, 2]


def test_answers_come_in_the_order_of_the_questions_however_many_at_a_time() -> None:
    situations = matching(["limits/*"])
    one = asked_of(well_behaved(), situations)
    many = asked_of(well_behaved(), situations, jobs=4)
    assert answers_of(one) == answers_of(many)
    assert [t.situation for t in many.trials] == [s.name for s in situations]


def test_a_model_that_chooses_the_close_is_right(few: tuple[Situation, ...]) -> None:
    def close(results: Mapping[str, Any]) -> dict[str, Any]:
        shorts = results["list_candidates"]["open_shorts"]
        params = {"underlying": "BTC", "symbol": shorts[0]["symbol"]}
        return proposal("CLOSE_COVERED_CALL", params, "Naked.")

    (trial,) = asked_of(well_behaved(close), matching(["care/cover-lost"])).trials
    assert (trial.answer, trial.right) == ("CLOSE BTC-9JAN26-105000-C", True)
    assert trial.reasoning == "Naked."


def test_without_prechecks_a_model_sees_no_verdict_and_is_a_row_of_its_own() -> None:
    def first(results: Mapping[str, Any]) -> dict[str, Any]:
        seen.append(results["list_candidates"])
        candidate = results["list_candidates"]["candidates"][0]
        params = {"underlying": candidate["underlying"], "symbol": candidate["symbol"]}
        return proposal("OPEN_COVERED_CALL", params)

    seen: list[dict[str, Any]] = []
    with llm_server(well_behaved(first)) as server:
        report = evaluate(
            matching(["care/roll-due-by-days"]),
            llm_settings(server.url),
            brain="llm",
            unchecked=True,
        )
        told = [" ".join(request.texts) for request in server.requests]
        tools = [str(request.body["tools"]) for request in server.requests]
    assert [run.brain for run in report.runs] == ["hold", "rules", "llm-unchecked", "llm"]
    bare, checked = seen
    assert "passes" not in str(bare)
    assert "codes" not in str(bare)
    assert bare["open_shorts"][0]["rolls"][0]["net_credit_coin"] == 0.0034
    assert checked["open_shorts"][0]["close"] == {"passes": True}
    assert ['"passes": true' in text for text in told] == [False, False, True, True]
    assert ["checked beforehand" in text for text in tools] == [False, False, True, True]
    versions = [run_of(report, name).trials[0].prompt_version for name in ("llm-unchecked", "llm")]
    assert versions[0] != versions[1]
    assert report.prompt_versions == (versions[1],)


def test_a_menu_is_compared_with_choosing_blindly() -> None:
    hold = propose({"option": "HOLD", "reasoning": "because"})
    situations = matching(["care/cover-lost", "desk/halted", "open/calm"])
    with llm_server(always(hold)) as server:
        settings = llm_settings(server.url, llm_protocol="menu")
        report = evaluate(situations, settings, brain="llm")
        assert len(server.requests) == 3
    assert [run.brain for run in report.runs] == [
        *("hold", "rules", "any-option", "first-option", "llm")
    ]
    blind = run_of(report, "any-option")
    assert blind.model is None
    assert "choosing blindly" in comparison_text(blind)
    assert "choosing blindly" not in comparison_text(run_of(report, "llm"))
    by_name = {
        name: [trial.answer for trial in blind.trials if trial.situation == name]
        for name in ("care/cover-lost", "desk/halted", "open/calm")
    }
    assert by_name["care/cover-lost"] == ["CLOSE BTC-9JAN26-105000-C", "HOLD"]
    assert by_name["desk/halted"] == ["HOLD"]
    first = run_of(report, "first-option")
    assert [trial.answer for trial in first.trials] == [each[0] for each in by_name.values()]
    assert "without a model" in comparison_text(first)
    assert first.score.right.share == 1
    # A half, all, and all but holding.
    sales = len(by_name["open/calm"])
    assert blind.score.right.share == pytest.approx((1 / 2 + 1 + (sales - 1) / sales) / 3)
    assert blind.score.acts.share == pytest.approx((1 / 2 + (sales - 1) / sales) / 2)


def test_without_key_and_server_there_is_a_clear_error(few: tuple[Situation, ...]) -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        evaluate(few, load_settings(), brain="llm")


@pytest.fixture
def cases() -> list[Case]:
    settings = suite_settings(load_settings())
    return [case_of(situation, settings) for situation in matching(["open/*"])]


def test_a_silent_server_is_given_up(cases: list[Case]) -> None:
    calls = 0

    async def ask(case: Case) -> BrainAnswer:
        nonlocal calls
        calls += 1
        return BrainAnswer(proposal=DoNothing(), source="llm", failure="LLM_UNAVAILABLE")

    trials, stopped = asyncio.run(asked(cases, ask))
    assert calls == len(trials) == UNREACHED_MAX
    assert stopped.startswith("LLM_UNAVAILABLE")


def test_an_error_ends_the_run_and_every_worker(cases: list[Case]) -> None:
    async def ask(case: Case) -> BrainAnswer:
        await asyncio.sleep(0)
        raise ConfigError("refused")

    with pytest.raises(ConfigError, match="refused"):
        asyncio.run(asked(cases, ask, jobs=4))


def test_each_answer_is_told_as_it_comes(cases: list[Case]) -> None:
    told: list[Trial] = []
    trials, _ = asyncio.run(asked(cases, hold, on_trial=told.append))
    assert told == trials
    assert len(trials) == len(cases)
