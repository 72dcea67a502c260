"""Marks and shares, against cases computed by hand."""

from __future__ import annotations

from typing import Any

import pytest
from scipy.stats import binomtest

from callwright.config import load_settings
from callwright.domain.decision import (
    CloseCoveredCall,
    CloseParams,
    DoNothing,
    OpenCoveredCall,
    OpenParams,
    Proposal,
    RollCoveredCall,
    RollParams,
)
from callwright.evaluation.cases import Case, case_of, suite_settings
from callwright.evaluation.scoring import Trial, compared, score_of, scored, wilson
from callwright.evaluation.situations import matching
from callwright.ports import BrainAnswer

SHORT = "BTC-6JAN26-101000-C"
LATER = "BTC-16JAN26-107000-C"
DEBIT = "BTC-9JAN26-104000-C"


def a_case(name: str) -> Case:
    (situation,) = matching([name])
    return case_of(situation, suite_settings(load_settings()))


def an_open(symbol: str, underlying: str = "BTC") -> Proposal:
    return OpenCoveredCall(params=OpenParams(underlying=underlying, symbol=symbol))


def a_roll(symbol: str) -> Proposal:
    params = RollParams(underlying="BTC", from_symbol=SHORT, symbol=symbol)
    return RollCoveredCall(params=params)


def answer(proposal: Proposal, **more: Any) -> BrainAnswer:
    return BrainAnswer(proposal=proposal, source="llm", **more)


def marks(trial: Trial) -> str:
    names = ("valid", "legal", "sensible", "right")
    return " ".join(name for name in names if getattr(trial, name))


@pytest.mark.parametrize(
    ("name", "proposal", "expected"),
    [
        pytest.param("open/calm", an_open(LATER), "valid legal sensible right", id="right"),
        pytest.param("open/calm", DoNothing(), "valid legal sensible", id="neither"),
        pytest.param("open/below-floor", DoNothing(), "valid legal sensible right", id="hold"),
        pytest.param(
            "open/below-floor", an_open("BTC-6FEB26-86000-C"), "valid legal", id="forbidden-legal"
        ),
        pytest.param("desk/reducing-idle", an_open(LATER), "valid", id="forbidden-denied"),
        pytest.param("care/roll-due-by-days", a_roll(LATER), "valid legal sensible right",
                     id="roll"),
        pytest.param("care/roll-due-by-days", a_roll(DEBIT), "valid", id="roll-denied"),
        pytest.param("desk/halted-with-danger", a_roll(LATER), "valid sensible", id="denied-only"),
        pytest.param("open/calm", an_open(LATER, "ETH"), "valid", id="another-coin"),
        pytest.param(
            "care/cover-lost",
            CloseCoveredCall(params=CloseParams(underlying="BTC", symbol="BTC-9JAN26-105000-C")),
            "valid legal sensible right",
            id="close",
        ),
        pytest.param("care/cover-lost", DoNothing(), "valid legal", id="hold-forbidden"),
    ],
)  # fmt: skip
def test_an_answer_gets_its_marks(name: str, proposal: Proposal, expected: str) -> None:
    assert marks(scored(a_case(name), answer(proposal))) == expected


def test_a_failure_is_no_hold() -> None:
    failed = answer(DoNothing(), failure="LLM_TIMEOUT", failure_message="too late")
    trial = scored(a_case("open/below-floor"), failed)
    assert (marks(trial), trial.answer, trial.failure) == ("", None, "LLM_TIMEOUT")


def test_that_nothing_is_known_is_an_answer() -> None:
    unknown = answer(DoNothing(), failure="INSUFFICIENT_HISTORY")
    trial = scored(a_case("open/unknown-rv"), unknown)
    assert (marks(trial), trial.answer) == ("valid legal sensible right", "HOLD")


def test_the_reason_and_the_usage_come_along() -> None:
    llm = {"model": "m", "cost_usd": 0.01, "input_tokens": 100, "latency_ms": 5.0, "trace": "x"}
    trial = scored(a_case("open/below-floor"), answer(DoNothing(), llm=llm), repeat=2)
    assert trial.why.startswith("Premium below realized")
    assert (trial.model, trial.cost_usd, trial.input_tokens, trial.repeat) == ("m", 0.01, 100, 2)
    assert not trial.must_act
    assert scored(a_case("open/calm"), answer(DoNothing())).must_act


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), z² = 3.841459
        pytest.param(0, 10, 0.0, 0.277533, id="none"),
        pytest.param(10, 10, 0.722467, 1.0, id="all"),
        pytest.param(5, 10, 0.236593, 0.763407, id="half"),
        pytest.param(62, 105, 0.494845, 0.679721, id="many"),
    ],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    found = wilson(successes, n)
    assert found.share == successes / n
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    ci = binomtest(successes, n).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((ci.low, ci.high), abs=1e-12)


def test_nothing_asked_has_no_share() -> None:
    assert wilson(0, 0).share is None


def a_trial(situation: str, kind: str, **more: Any) -> Trial:
    """``kind``: right, neither, forbidden, denied or failed."""
    fields: dict[str, Any] = {
        "situation": situation,
        "answer": None if kind == "failed" else kind,
        "failure": "LLM_REFUSED" if kind == "failed" else None,
        "must_act": situation.endswith("act"),
        "valid": kind != "failed",
        "legal": kind not in ("failed", "denied"),
        "sensible": kind in ("right", "neither", "denied"),
        "right": kind == "right",
    }
    return Trial(**(fields | more))


def test_a_score_by_hand() -> None:
    trials = [
        a_trial("a/1", "right", cost_usd=0.01, input_tokens=100, latency_ms=100),
        a_trial("a/2-act", "neither", cost_usd=0.02, input_tokens=200, latency_ms=300),
        a_trial("b/3", "forbidden", cost_usd=0.03, input_tokens=300, latency_ms=200),
        a_trial("b/4-act", "failed", cost_usd=0.04, input_tokens=400, latency_ms=900),
    ]
    score = score_of("llm", trials)
    assert (score.situations, score.askings, score.failed) == (4, 4, 1)
    shares = [score.valid, score.legal, score.sensible, score.right, score.acts, score.waits]
    assert [share.share for share in shares] == [0.75, 0.75, 0.5, 0.25, 0.0, 0.5]
    assert score.right_by_family == {"a": 0.5, "b": 0.0}
    assert score.failures == {"LLM_REFUSED": 1}
    assert score.cost_usd == pytest.approx(0.10)
    assert (score.input_tokens, score.output_tokens) == (1000, None)
    assert (score.latency_ms_median, score.latency_ms_p95) == (200, 900)
    assert score.agreement is None


def test_repeats_count_as_one_situation() -> None:
    trials = [
        a_trial("a/1", "right", repeat=0),
        a_trial("a/1", "neither", repeat=1),
        a_trial("a/2", "right", repeat=0),
        a_trial("a/2", "right", repeat=1),
    ]
    score = score_of("llm", trials)
    assert (score.situations, score.askings) == (2, 4)
    assert score.right == wilson(1.5, 2)
    assert score.agreement == 0.5


def test_failing_each_time_and_being_asked_once_are_no_agreement() -> None:
    failing = [a_trial("a/1", "failed", repeat=n) for n in range(2)]
    assert score_of("llm", failing).agreement == 0.0
    # The run was stopped before the second asking of a/2.
    mixed = [*failing, a_trial("a/2", "right"), a_trial("a/3", "right")]
    mixed.append(a_trial("a/3", "right", repeat=1))
    assert score_of("llm", mixed).agreement == 0.5


def test_an_unknown_cost_makes_the_sum_unknown() -> None:
    trials = [a_trial("a/1", "right", cost_usd=0.01), a_trial("a/2", "right")]
    assert score_of("llm", trials).cost_usd is None


def test_two_brains_are_compared_situation_by_situation() -> None:
    names = ["a/1", "a/2", "a/3", "a/4"]
    rules = [a_trial(n, k) for n, k in zip(names, ["right"] * 3 + ["neither"], strict=True)]
    kinds = ["right", "forbidden", "failed", "right"]
    llm = [a_trial(n, k) for n, k in zip(names, kinds, strict=True)]
    found = compared(llm, rules)
    assert (found.better, found.worse) == (1, 2)
    # Three differences: at most one either way in (1 + 3) of 8 tosses, twice: 1.
    assert found.p_value == pytest.approx(1.0)
    assert compared(rules, rules).p_value == 1.0


def test_six_differences_to_one_side() -> None:
    names = [f"a/{n}" for n in range(6)]
    rules = [a_trial(n, "neither") for n in names]
    found = compared([a_trial(n, "right") for n in names], rules)
    assert found.p_value == pytest.approx(2 / 64)
