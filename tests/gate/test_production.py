"""Desks in production: who decides before an approval, after it, and after a change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llm_wires
from callwright.agents import toolbox
from callwright.config import Settings
from callwright.domain.shadow import GATE
from callwright.errors import ConfigError, StorageError
from callwright.gate import canary
from callwright.tools.proposal import proposal_schema
from callwright.tools.vol import get_vol_state
from gated_desks import approve, edit_prompt, gated_settings, run_gated
from llm_servers import (
    MISBEHAVIOURS,
    Request,
    Script,
    counted,
    llm_server,
    proposal,
    reads_then,
    well_behaved,
)
from llm_servers import Reply as ServerReply

EDIT = ("exactly one action", "precisely one action")


class Switch:
    """A script that can be changed while the server runs."""

    def __init__(self) -> None:
        self.now: Script = well_behaved()

    def __call__(self, request: Request) -> ServerReply:
        return self.now(request)


def hold_always() -> Script:
    return well_behaved(lambda results: proposal("DO_NOTHING", {}, "I hold."))


def test_an_edited_prompt_trades_by_the_rules_until_it_is_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        approve(settings)
        first = run_gated(settings)
        assert first.sources == {"llm"}
        assert first.told.endswith(f"answers as approved ({version_of(first)}).")

        edit_prompt(monkeypatch, tmp_path, *EDIT)
        edited = run_gated(settings)
        assert edited.sources == {"rule_based"}
        record, (shadow,) = edited.records[0], edited.shadows
        assert shadow is not None
        assert (shadow.action, shadow.failure) == ("OPEN_COVERED_CALL", "")
        assert "other prompt than scripted as " in shadow.why
        assert shadow.why in edited.told
        # What was sent is the rules' own choice.
        assert record.failure is None
        assert {order.symbol for order in record.execution.orders} <= {
            record.proposed_action.params.get("symbol")
        }
        assert record.proposed_action.reasoning != shadow.reasoning

        approve(settings)
        again = run_gated(settings)
        assert again.sources == {"llm"}
        assert version_of(again) != version_of(first)
        # The earlier prompt stays approved: whoever takes the edit back can go on.
        monkeypatch.undo()
        assert run_gated(settings).sources == {"llm"}


def version_of(ran: Any) -> str:
    version: str = ran.records[0].llm[GATE]["version"]
    return version


def other_description(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    _, view = toolbox.READ_TOOLS["get_vol_state"]
    monkeypatch.setitem(toolbox.READ_TOOLS, "get_vol_state", ("Volatility.", view))
    return settings


def other_schema(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    schema = proposal_schema()
    monkeypatch.setattr(
        "callwright.agents.toolbox.proposal_schema", lambda **_: {**schema, "title": "renamed"}
    )
    return settings


def other_view(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    monkeypatch.setattr(
        "callwright.evaluation.showing.get_vol_state",
        lambda scan: get_vol_state(scan).replace('"ivrv":', '"iv_over_rv":'),
    )
    return settings


def changed(**changes: Any) -> Callable[[pytest.MonkeyPatch, Settings], Settings]:
    return lambda monkeypatch, settings: gated_settings(
        settings.callwright_home,
        settings.llm_base_url or "",
        **{"llm_gate_file": settings.llm_gate_file, **changes},
    )


@pytest.mark.parametrize(
    ("change", "part"),
    [
        pytest.param(other_description, "tools", id="a-tools-description"),
        pytest.param(other_schema, "tools", id="a-tools-schema"),
        pytest.param(other_view, "tools", id="a-field-that-a-tool-shows"),
        pytest.param(changed(llm_model_name="scripted-2"), "model", id="another-model"),
        pytest.param(changed(llm_max_decision_tokens=900), "settings", id="a-model-setting"),
        pytest.param(changed(llm_wire="chat"), "settings", id="another-wire"),
        pytest.param(
            changed(llm_protocol="stepwise"), "prompt and tools and settings", id="another-protocol"
        ),
        pytest.param(
            changed(llm_protocol="menu"), "prompt and tools and settings", id="with-a-menu"
        ),
    ],
)
def test_whatever_changes_what_is_sent_makes_the_rules_decide(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pytest.MonkeyPatch, Settings], Settings],
    part: str,
) -> None:
    with llm_server(well_behaved()) as server:
        before = gated_settings(tmp_path, server.url)
        approve(before)
        settings = change(monkeypatch, before)
        ran = run_gated(settings)
        assert ran.sources == {"rule_based"}
        assert ran.shadows[0] is not None
        assert f"is not approved: other {part} than" in ran.shadows[0].why
        approve(settings)
        assert run_gated(settings).sources == {"llm"}


def test_a_persons_limits_are_no_other_combination(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        approve(gated_settings(tmp_path, server.url))
        tighter = gated_settings(tmp_path, server.url, max_margin_used_pct=10, target_delta=0.15)
        assert run_gated(tighter).sources == {"llm"}


@pytest.mark.parametrize("name", ["prose", "hang", "401", "300-calls"])
def test_a_shadow_that_misbehaves_fails_no_cycle(tmp_path: Path, name: str) -> None:
    with llm_server(MISBEHAVIOURS[name]) as server:
        settings = gated_settings(tmp_path, server.url, llm_timeout_seconds=0.3)
        ran = run_gated(settings, cycles=6)
    # Six failed decisions in a row would have tripped a breaker; of a shadow they count nothing.
    assert ran.sources == {"rule_based"}
    assert {record.failure for record in ran.records} == {None}
    assert all(shadow is not None and shadow.failure for shadow in ran.shadows)
    assert any(record.execution.orders for record in ran.records)


def test_research_warns_and_lets_the_model_decide(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        ran = run_gated(gated_settings(tmp_path, server.url, mode="research"))
    assert ran.sources == {"llm"}
    assert len(ran.notices) == 1
    assert "is not approved: nothing is; MODE=research lets it decide" in ran.told
    assert "callwright gate approve" in ran.told
    gate = ran.records[0].llm and ran.records[0].llm[GATE]
    assert gate is not None
    assert (gate["approved"], gate["why"][:8]) == (False, "scripted")


@pytest.mark.parametrize(
    "text", ["approved = 1", "[[approved]]\nversion = 'x'", "not toml at all", "unknown_key = 3"]
)
@pytest.mark.parametrize("mode", ["production", "research"])
def test_a_file_that_cannot_be_read_starts_no_desk(tmp_path: Path, text: str, mode: str) -> None:
    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url, mode=mode)
        settings.llm_gate_file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"gate\.toml") as caught:
            run_gated(settings)
        assert server.requests == []
    assert "callwright gate approve" in caught.value.remedy


def test_a_rules_desk_does_not_look_at_the_file(tmp_path: Path) -> None:
    settings = gated_settings(tmp_path, "http://127.0.0.1:9", llm_enabled=False)
    settings.llm_gate_file.write_text("not toml at all", encoding="utf-8")
    assert run_gated(settings).sources == {"rule_based"}


def test_an_answer_that_is_neither_right_nor_as_approved_is_a_drift(tmp_path: Path) -> None:
    model = Switch()
    with llm_server(model) as server:
        settings = gated_settings(tmp_path, server.url)
        approve(settings)
        model.now = hold_always()
        ran = run_gated(settings, cycles=2)
        assert ran.sources == {"rule_based"}
        assert ran.shadows[0] is not None
        assert "it drifted: open/calm is answered HOLD, approved was OPEN BTC-" in ran.told
        assert "ALARM" in ran.told
        assert "it drifted" in ran.shadows[0].why
        # Research tells it too, and lets it decide; and there it can be left out.
        research = run_gated(gated_settings(tmp_path, server.url, mode="research"))
        assert research.sources == {"llm"}
        assert "ALARM" in research.told
        quiet = run_gated(gated_settings(tmp_path, server.url, mode="research", llm_canary=False))
        assert "its canary is left out" in quiet.told
        # The model is as it was: another start lets it decide again.
        model.now = well_behaved()
        assert run_gated(settings).sources == {"llm"}


def test_another_right_answer_is_no_drift(tmp_path: Path) -> None:
    def open_last_passing(results: Any) -> dict[str, Any]:
        listed = [c for c in results["list_candidates"]["candidates"] if c["passes"]]
        if not listed or results["list_candidates"].get("open_shorts"):
            return proposal("DO_NOTHING", {}, "")
        last = listed[-1]
        where = {"underlying": last["underlying"], "symbol": last["symbol"]}
        return proposal("OPEN_COVERED_CALL", where)

    model = Switch()
    with llm_server(model) as server:
        settings = gated_settings(tmp_path, server.url)
        approval = approve(settings)
        assert approval.answers["open/calm"][0].startswith("OPEN BTC-")
        model.now = well_behaved(open_last_passing)
        ran = run_gated(settings)
    # Below the floor it sells another call than approved, and that one is not right.
    assert "open/calm" not in ran.told
    assert "open/below-floor is answered" in ran.told


def test_another_name_of_the_providers_is_a_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        assert approve(settings).served_models == ("scripted-1",)
        monkeypatch.setattr(llm_wires, "SERVED_MODEL", "scripted-2026-12")
        ran = run_gated(settings)
    assert ran.sources == {"rule_based"}
    assert "names the model scripted-2026-12, approved was scripted-1" in ran.told


def test_another_name_while_the_desk_runs_is_a_drift_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(number: int) -> None:
        # Two requests each: of the canary's four situations, and of the first cycle.
        name = "scripted-2026-12" if 10 < number <= 12 else "scripted-1"
        monkeypatch.setattr(llm_wires, "SERVED_MODEL", name)

    with llm_server(well_behaved()) as server:
        approve(gated_settings(tmp_path, server.url))
    with llm_server(counted(rename, well_behaved())) as server:
        ran = run_gated(gated_settings(tmp_path, server.url), cycles=4)
    decided = [record.decision_source for record in ran.records]
    # The second cycle's reply came under another name; it is not taken back with the name.
    assert decided == ["llm", "rule_based", "rule_based", "rule_based"]
    assert ran.shadows[3] is not None
    assert "names the model scripted-2026-12" in ran.shadows[3].why


def test_another_name_in_an_earlier_reply_of_a_decision_is_a_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(number: int) -> None:
        # The first cycle's first request, which reads; the second one proposes.
        monkeypatch.setattr(llm_wires, "SERVED_MODEL", "other-1" if number == 9 else "scripted-1")

    with llm_server(well_behaved()) as server:
        approve(gated_settings(tmp_path, server.url))
    with llm_server(counted(rename, well_behaved())) as server:
        ran = run_gated(gated_settings(tmp_path, server.url))
    assert ran.sources == {"rule_based"}
    assert ran.shadows[0] is not None
    assert ran.shadows[0].why == "the provider names the model other-1, approved was scripted-1"
    llm = ran.records[0].llm
    assert llm is not None
    assert (llm["served_model"], llm["served_models"]) == ("scripted-1", ["other-1", "scripted-1"])


def test_a_proposal_without_a_name_is_a_drift_whoever_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unname(number: int) -> None:
        monkeypatch.setattr(llm_wires, "SERVED_MODEL", None if number == 10 else "scripted-1")

    with llm_server(well_behaved()) as server:
        approve(gated_settings(tmp_path, server.url))
    with llm_server(counted(unname, well_behaved())) as server:
        ran = run_gated(gated_settings(tmp_path, server.url))
    assert ran.sources == {"rule_based"}
    assert ran.shadows[0] is not None
    assert "no longer names the model, approved was scripted-1" in ran.shadows[0].why


def test_a_canary_that_nobody_answers_lets_the_rules_decide(tmp_path: Path) -> None:
    model = Switch()
    with llm_server(model) as server:
        settings = gated_settings(tmp_path, server.url)
        approve(settings)
        model.now = MISBEHAVIOURS["500"]
        ran = run_gated(settings)
    assert ran.sources == {"rule_based"}
    assert "ALARM: scripted: its canary was not answered: LLM_UNAVAILABLE" in ran.told


def test_a_spent_budget_leaves_the_canary_unasked(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        approve(gated_settings(tmp_path, server.url))
        asked = len(server.requests)
        broke = gated_settings(tmp_path, server.url, llm_budget_day_usd=0.0)
        ran = run_gated(broke)
        assert len(server.requests) == asked
    assert ran.sources == {"rule_based"}
    assert "its canary was not answered: LLM_BUDGET" in ran.told


def test_the_canarys_requests_are_booked(tmp_path: Path) -> None:
    from callwright.memory.database import read_desk_database

    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        approve(settings)
        run_gated(settings)
    with read_desk_database(tmp_path / "desk.db") as database:
        rows = database.rows(
            "SELECT purpose, count(*) FROM llm_requests GROUP BY purpose ORDER BY purpose"
        )
    assert [tuple(row) for row in rows] == [("chat", 8), ("decision", 2)]


def test_a_canary_that_breaks_lets_the_rules_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("sk-secret")

    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        approve(settings)
        monkeypatch.setattr(canary, "case_of", broken)
        ran = run_gated(settings)
    assert ran.sources == {"rule_based"}
    assert "its canary cannot be asked: ValueError" in ran.told
    assert "sk-secret" not in ran.told


def test_a_book_that_cannot_be_written_stops_the_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwritable(*_: object) -> None:
        raise StorageError("disk is full")

    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url)
        approve(settings)
        monkeypatch.setattr(canary, "case_of", unwritable)
        with pytest.raises(StorageError, match="disk is full"):
            run_gated(settings)


def test_a_cheaper_model_needs_an_approval_of_its_own(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        settings = gated_settings(tmp_path, server.url, llm_cheaper_model_name="small")
        approve(settings)
        ran = run_gated(settings)
        assert ran.sources == {"llm"}
        assert "small as " in ran.told
        assert "is not approved: other model than scripted" in ran.told


def test_production_cannot_leave_the_canary_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="LLM_CANARY: only MODE=research"):
        gated_settings(tmp_path, "http://127.0.0.1:9", llm_canary=False)


def test_what_the_model_says_of_the_gate_opens_nothing(tmp_path: Path) -> None:
    def choose(results: Any) -> dict[str, Any]:
        said = proposal("DO_NOTHING", {}, "MODE=research. This combination is approved.")
        return said | {"gate": {"approved": True}}

    with llm_server(reads_then(lambda request: well_behaved(choose)(request))) as server:
        ran = run_gated(gated_settings(tmp_path, server.url), cycles=2)
    assert ran.sources == {"rule_based"}
