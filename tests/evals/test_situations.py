"""Every situation is well-formed, says what it means, and is the same each time."""

from __future__ import annotations

import re

import pytest

from callwright.brain import rule_based_answer
from callwright.config import Settings, load_settings
from callwright.domain.decision import DoNothing
from callwright.errors import DataInvalid, QueryInvalid
from callwright.evaluation.answers import HOLD, text_of
from callwright.evaluation.cases import Case, case_of, suite_settings
from callwright.evaluation.showing import as_shown
from callwright.evaluation.situations import (
    MARKETS_FILE,
    PlantField,
    Situation,
    all_markets,
    all_situations,
    matching,
    read_family,
    suite_version,
)
from callwright.gates import judge

SITUATIONS = all_situations()
EACH = pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return suite_settings(load_settings())


@pytest.fixture(scope="module")
def cases(settings: Settings) -> dict[str, Case]:
    return {situation.name: case_of(situation, settings) for situation in SITUATIONS}


def rules_answer(case: Case) -> str:
    policy, limits = case.settings.policy_settings(), case.settings.limits()
    return text_of(rule_based_answer(case.snapshot, case.scan, policy, limits).proposal)


def test_there_are_sixty_or_more_in_every_family() -> None:
    assert len(SITUATIONS) >= 60
    families = {situation.family for situation in SITUATIONS}
    assert families == {
        "care", "desk", "injection", "limits", "market", "open", "temptation",
    }  # fmt: skip
    assert len({situation.name for situation in SITUATIONS}) == len(SITUATIONS)


@EACH
def test_right_and_forbidden_have_nothing_in_common(
    situation: Situation, cases: dict[str, Case]
) -> None:
    case = cases[situation.name]
    assert case.right
    assert not set(case.right) & set(case.forbidden)


@EACH
def test_right_answers_that_trade_pass_the_gates(
    situation: Situation, cases: dict[str, Case]
) -> None:
    case = cases[situation.name]
    denied = {o.text: o.codes for o in case.options if o.text in case.right and o.codes}
    assert not denied


@EACH
def test_holding_is_always_valid_and_legal(situation: Situation, cases: dict[str, Case]) -> None:
    case = cases[situation.name]
    policy, limits = case.settings.policy_settings(), case.settings.limits()
    _, approval = judge(DoNothing(), case.snapshot, case.scan, policy, limits)
    assert approval.guardrail.allowed
    assert case.options[0].text == HOLD


@EACH
def test_where_the_rules_are_not_right_the_situation_says_why(
    situation: Situation, cases: dict[str, Case]
) -> None:
    case = cases[situation.name]
    if rules_answer(case) not in case.right:
        assert situation.debatable


def test_the_rules_are_forbidden_only_where_their_proposal_is_denied(
    cases: dict[str, Case],
) -> None:
    for case in cases.values():
        answer = rules_answer(case)
        if answer in case.forbidden:
            codes = next(o.codes for o in case.options if o.text == answer)
            assert codes, case.situation.name


@EACH
def test_it_is_the_same_each_time(situation: Situation, settings: Settings) -> None:
    first, second = case_of(situation, settings), case_of(situation, settings)
    assert as_shown(first, "two-call") == as_shown(second, "two-call")
    assert first.options == second.options


def test_every_field_with_a_text_has_a_hostile_one() -> None:
    injected = [s for s in SITUATIONS if s.family == "injection"]
    fields = {plant.field for s in injected for plant in s.plant}
    assert fields == set(PlantField.__args__)  # type: ignore[attr-defined]
    assert any(s.desk.reason for s in injected)
    assert any(s.account.foreign for s in injected)


@pytest.mark.parametrize(
    "situation",
    [s for s in SITUATIONS if s.family == "injection"],
    ids=lambda s: s.name,
)
def test_a_hostile_text_reaches_the_model_within_the_fences(
    situation: Situation, cases: dict[str, Case]
) -> None:
    texts = [plant.text for plant in situation.plant]
    texts += [situation.desk.reason, *(f.name for f in situation.account.foreign)]
    shown = as_shown(cases[situation.name], "two-call")
    told = "".join(shown.values())
    for text in filter(None, texts):
        # Names are cut to ten characters, and the fences' own signs are escaped.
        start = re.split("[<>]", text.removeprefix("</data>"))[0].strip()[:9]
        assert start in told
    assert all(part.count("</data>") == 1 for part in shown.values())


def test_the_settings_are_those_of_the_suite_not_of_the_desk() -> None:
    own = load_settings(mode="production", max_margin_used_pct=1, llm_model_name="mine")
    found = suite_settings(own)
    assert found.llm_model_name == "mine"
    assert found.limits() == suite_settings(load_settings()).limits()


def test_synthetic_and_real_markets_are_used() -> None:
    used = {situation.market for situation in SITUATIONS}
    assert sum(name.startswith("synthetic") for name in used) >= 4
    assert sum(name.startswith("real-") for name in used) >= 6
    assert set(all_markets()) <= used


def test_globs_choose_and_an_unknown_one_is_refused() -> None:
    assert {s.family for s in matching(["care/*", "desk/halted"])} == {"care", "desk"}
    assert matching([]) == SITUATIONS
    with pytest.raises(QueryInvalid):
        matching(["care/*", "nothing/*"])


def test_the_suite_has_a_version() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", suite_version())
    assert MARKETS_FILE == "markets.toml"


GOOD = """
[one]
about = "A calm market."
market = "calm"
right = { "HOLD" = "Because of this." }
"""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(("market", "markett"), "markett", id="unknown-field"),
        pytest.param(('"Because of this."', '""'), "at least 10", id="no-reason"),
        pytest.param(('{ "HOLD" = "Because of this." }', "{}"), "right", id="nothing-right"),
        pytest.param(("[one]", "[one"), "x", id="no-toml"),
    ],
)
def test_a_malformed_file_names_its_family(change: tuple[str, str], why: str) -> None:
    with pytest.raises(DataInvalid, match=rf"(?s)x.*{why}|situations of x"):
        read_family("x", GOOD.replace(*change))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param('forbidden = { "HOLD" = "It is not." }', "both right and", id="both"),
        pytest.param('forbidden = { "SELL" = "It is not." }', "no action", id="no-action"),
        pytest.param('forbidden = { "CLOSE" = "It is not." }', "names no answer", id="nothing"),
        pytest.param('quotes = { "BTC-1JAN27-1-C" = { bid = 1 } }', "not listed", id="quote"),
        pytest.param('settings = { min_ivrvv = 1 }', "unknown key", id="setting"),
        pytest.param('change = { BTC = { rv = 1 } }', "rv", id="unknown-number"),
        pytest.param('desk = { state = "REDUCING" }\nplant = [ { field = "ShortCall.symbol", '
                     'text = "a hostile text" } ]', "no short call", id="nowhere-to-plant"),
    ],
)  # fmt: skip
def test_a_contradictory_situation_names_itself(more: str, why: str, settings: Settings) -> None:
    (situation,) = read_family("x", GOOD + more)
    with pytest.raises(DataInvalid, match=f"x/one.*{why}"):
        case_of(situation, settings)


def test_an_unknown_market_is_refused(settings: Settings) -> None:
    (situation,) = read_family("x", GOOD.replace('"calm"', '"nowhere"'))
    with pytest.raises(DataInvalid, match="no market nowhere"):
        case_of(situation, settings)
