"""``callwright decisions list`` marks what a model would have done where the rules decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from callwright.cli import app
from callwright.cli.decision_tables import page_view
from callwright.domain.history import DecisionHit, SearchPage, ShadowHit
from callwright.domain.shadow import shadow_of
from desks import desk_settings, run_desk
from gated_desks import gated_settings, run_gated
from llm_servers import llm_server, well_behaved

SYMBOL = "BTC-9JAN26-99000-C"


def listed(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["decisions", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_shadow_is_marked_in_its_row(tmp_path: Path) -> None:
    with llm_server(well_behaved()) as server:
        ran = run_gated(gated_settings(tmp_path, server.url))
    shadow = shadow_of(ran.records[0].llm)
    assert shadow is not None
    rules = ran.records[0].proposed_action
    symbol = shadow.params["symbol"]
    assert (rules.action, shadow.action) == ("OPEN_COVERED_CALL", "OPEN_COVERED_CALL")
    assert rules.params["symbol"] != symbol
    for arguments in (("list",), ("search", rules.params["symbol"])):
        shown = listed(*arguments, "--home", str(tmp_path))
        assert f"Shadow: OPEN {symbol}." in shown
        (hit,) = json.loads(listed(*arguments, "--home", str(tmp_path), "--json"))["hits"]
        assert hit["shadow"] == {
            "action": "OPEN_COVERED_CALL",
            "symbol": symbol,
            "from_symbol": None,
            "failure": "",
        }


def test_a_desk_without_a_model_has_no_marks(tmp_path: Path) -> None:
    run_desk(desk_settings(tmp_path), 2)
    assert "Shadow" not in listed("list", "--home", str(tmp_path))
    hits = json.loads(listed("list", "--home", str(tmp_path), "--json"))["hits"]
    assert [hit["shadow"] for hit in hits] == [None] * len(hits)


@pytest.mark.parametrize(
    ("shadow", "mark"),
    [
        pytest.param({"action": "DO_NOTHING"}, "HOLD", id="a-hold"),
        pytest.param(
            {"action": "CLOSE_COVERED_CALL", "symbol": SYMBOL}, f"CLOSE {SYMBOL}", id="a-close"
        ),
        pytest.param(
            {"action": "OPEN_COVERED_CALL", "symbol": SYMBOL}, "the same", id="as-the-rules"
        ),
        pytest.param(
            {"action": "OPEN_COVERED_CALL", "symbol": "BTC-9JAN26-98000-C"},
            "OPEN BTC-9JAN26-98000-C",
            id="another-strike",
        ),
        pytest.param({"failure": "LLM_TIMEOUT"}, "LLM_TIMEOUT", id="a-failure-is-no-hold"),
        pytest.param({}, "—", id="nothing-known"),
        pytest.param({"action": "X\x1b[2J"}, "X[2J", id="a-hostile-record"),
    ],
)
def test_marks(shadow: dict[str, Any], mark: str) -> None:
    nothing = {"action": None, "symbol": None, "from_symbol": None, "failure": ""}
    hit = DecisionHit(
        id=1,
        cycle_id="c",
        as_of="2026-01-05T00:00:00.000Z",
        action="OPEN_COVERED_CALL",
        proposed_action="OPEN_COVERED_CALL",
        verdict="allowed",
        codes=(),
        underlying="BTC",
        symbol=SYMBOL,
        from_symbol=None,
        strike_usd=99_000.0,
        size_coin=0.1,
        status="simulated",
        source="rule_based",
        failure=None,
        model="m",
        reasoning="because",
        run_end_id=1,
        shadow=ShadowHit.model_validate(nothing | shadow),
    )
    page = SearchPage(total=1, total_is_exact=True, hits=(hit,), next_cursor=None)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(*page_view(page, width=200))
    assert f"Shadow: {mark}." in capture.get()
