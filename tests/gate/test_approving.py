"""What an approval rests on, and what it has to reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from callwright.errors import DataInvalid
from callwright.evaluation.running import Report, Run
from callwright.evaluation.scoring import Trial, score_of
from callwright.evaluation.situations import all_situations, matching
from callwright.gate import approving
from callwright.gate.approvals import read_approvals
from callwright.gate.approving import approval_of, changed_answers, shortfalls, trialled
from callwright.gate.standing import CANARIES
from gated_desks import approve, edit_prompt, gated_settings
from llm_servers import MISBEHAVIOURS, counted, in_turn, llm_server, well_behaved

SITUATIONS = tuple(situation.name for situation in all_situations())
N = len(SITUATIONS)


def a_trial(name: str, **changes: Any) -> Trial:
    fields: dict[str, Any] = {
        "situation": name,
        "answer": "HOLD",
        "must_act": False,
        "valid": True,
        "legal": True,
        "sensible": True,
        "right": True,
    }
    return Trial(**(fields | changes))


def a_report(names: tuple[str, ...] = SITUATIONS, **brains: dict[int, dict[str, Any]]) -> Report:
    """Return a report in which everything is right but for these trials of these brains."""
    runs = []
    for brain in ("hold", "rules", "llm"):
        changes = brains.get(brain, {})
        trials = tuple(a_trial(name, **changes.get(i, {})) for i, name in enumerate(names))
        runs.append(
            Run(
                brain=brain,
                model="m" if brain == "llm" else None,
                score=score_of(brain, trials),
                against_rules=None,
                stopped="",
                trials=trials,
            )
        )
    return Report(suite="a" * 12, situations=names, repeat=1, prompt_versions=(), runs=tuple(runs))


FAILED = {"valid": False, "legal": False, "sensible": False, "right": False, "answer": None}
FORBIDDEN = {"sensible": False, "right": False}
NEITHER = {"right": False}


def first(count: int, change: dict[str, Any]) -> dict[int, dict[str, Any]]:
    return dict.fromkeys(range(count), change)


def test_a_model_that_reaches_the_bar() -> None:
    assert shortfalls(a_report()) == ()
    few = int(N * 0.05)
    assert shortfalls(a_report(hold=first(few, NEITHER), llm=first(few, FAILED))) == ()
    as_bad, worse = first(4, FORBIDDEN), first(9, NEITHER)
    assert shortfalls(a_report(rules=as_bad, llm=as_bad, hold=worse)) == ()


@pytest.mark.parametrize(
    ("brains", "about"),
    [
        (
            {"llm": first(int(N * 0.05) + 1, FAILED), "hold": first(20, NEITHER)},
            "it answered in 94% of the situations, the bar is 95%",
        ),
        (
            {"llm": first(5, FORBIDDEN), "rules": first(4, FORBIDDEN), "hold": first(9, NEITHER)},
            "forbidden answers in 5 situations, the rules give 4",
        ),
        (
            {"llm": first(30, NEITHER), "hold": first(29, NEITHER)},
            "right in 71% of the situations, always holding in 72%",
        ),
    ],
)
def test_a_model_below_the_bar(brains: dict[str, Any], about: str) -> None:
    assert shortfalls(a_report(**brains)) == (about,)


def test_a_part_of_the_suite_is_below_the_bar() -> None:
    assert shortfalls(a_report(SITUATIONS[:-3])) == ("3 situations of the suite were not asked",)


def test_failing_is_no_forbidden_answer() -> None:
    assert approving.forbidden_in([a_trial("a", **FAILED), a_trial("b", **FORBIDDEN)]) == {"b"}


def test_what_is_kept_of_the_answers(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        found = trialled(settings, matching(["desk/halted"]))
    approval = approval_of(found, despite="  because\x00 I say so ")
    assert set(approval.answers) == {"desk/halted", *CANARIES}
    assert approval.answers["desk/halted"] == ("HOLD",)
    assert approval.answers["open/calm"] == ("OPEN BTC-16JAN26-107000-C",)
    assert approval.served_models == ("scripted-1",)
    assert approval.askings == 5 + 4 * approving.CANARY_ASKINGS
    assert approval.despite == "because I say so"
    assert approval.scores.cost_usd is None
    assert approval.scores.valid is not None
    assert approval.scores.valid.share == 1.0


def test_a_failure_is_kept_by_its_code_and_a_dead_line_not_at_all(tmp_path: Path) -> None:
    with llm_server(MISBEHAVIOURS["refusal"]) as server:
        refused = approve(gated_settings(tmp_path, server.url))
    assert refused.answers["open/calm"] == ("LLM_REFUSED",)
    with llm_server(MISBEHAVIOURS["hang"]) as server:
        settings = gated_settings(tmp_path, server.url, llm_timeout_seconds=0.1)
        unheard = approve(settings)
    assert unheard.answers["open/calm"] == ()
    assert unheard.scores.failed == len(unheard.answers)


def test_what_was_not_asked_whole_cannot_be_approved(tmp_path: Path) -> None:
    with llm_server(in_turn(well_behaved(), MISBEHAVIOURS["401"])) as server:
        settings = gated_settings(tmp_path, server.url)
        with pytest.raises(DataInvalid, match="not asked whole: LLM_NOT_AUTHORISED"):
            trialled(settings, matching(["open/calm"]))
    assert read_approvals(settings.llm_gate_file).approved == ()


def test_a_prompt_that_changes_meanwhile_cannot_be_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(number: int) -> None:
        if number == 3:
            edit_prompt(monkeypatch, tmp_path, "exactly one action", "one action")

    with (
        llm_server(counted(edit, well_behaved())) as server,
        pytest.raises(DataInvalid, match="changed while the suite was asked"),
    ):
        trialled(gated_settings(tmp_path, server.url), matching(["open/calm"]))


def test_which_answers_changed(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        before = approve(gated_settings(tmp_path, server.url))
    answers = {**before.answers, "open/calm": ("HOLD",), "new/one": ("HOLD",)}
    now = before.model_copy(update={"answers": answers})
    assert changed_answers(now, before) == {"open/calm": ("OPEN BTC-16JAN26-107000-C", "HOLD")}
    assert changed_answers(before, before) == {}
