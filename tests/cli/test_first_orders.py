"""Before the first testnet orders a person is asked, and told what the dry runs have shown."""

from __future__ import annotations

from pathlib import Path

from callwright.bootstrap import read_practice
from callwright.status import read_status
from commands import callwright, complains
from desks import ScriptedBrain, desk_settings, run_desk
from proposals import hold, open_any_listed, open_nth

LIVE = ("run", "--venue", "deribit-testnet", "--no-dry-run", "--cycles", "1", "--home", "home")


def test_dry_runs_are_counted_before_and_live_cycles_end_the_question(tmp_path: Path) -> None:
    assert read_practice(desk_settings(tmp_path)).dry_run_cycles == 0
    dry = desk_settings(tmp_path, dry_run=True)
    run_desk(dry, 3, brain=ScriptedBrain([open_nth(0), open_any_listed(0), hold]))
    practice = read_practice(dry)
    assert (practice.dry_run_cycles, practice.live_cycles) == (3, 0)
    assert (practice.simulated, practice.denied) == (1, 1)
    assert practice.denied_codes
    run_desk(desk_settings(tmp_path), 1)
    assert read_practice(dry).live_cycles == 1


def test_with_nobody_to_ask_no_order_is_sent(tmp_path: Path) -> None:
    done = callwright(
        *LIVE,
        cwd=tmp_path,
        DERIBIT_CLIENT_ID="an-id",
        DERIBIT_CLIENT_SECRET="a-secret",
        DERIBIT_BASE_URL="http://127.0.0.1:9/api/v2",
    )
    complains(done, code=2, about="add --yes")
    assert "0 dry-run cycles" in done.stderr
    assert not (tmp_path / "home" / "desk.db").exists()


def test_a_testnet_without_a_key_leaves_no_home(tmp_path: Path) -> None:
    done = callwright(*LIVE, "--yes", cwd=tmp_path)
    complains(done, code=2, about="DERIBIT_CLIENT_ID")
    assert not (tmp_path / "home").exists()


def test_the_status_counts_denials_failures_and_what_models_cost(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path)
    run_desk(settings, 3, brain=ScriptedBrain([open_nth(0), open_any_listed(0), hold]))
    status = read_status(settings)
    assert status["recent_cycles"] == {
        "cycles": 3, "opens": 1, "rolls": 0, "closes": 0, "holds": 1, "denied": 1,
        "simulated": 0, "failed": 0,
    }  # fmt: skip
    assert sum(status["recent_denials"].values()) >= 1
    assert status["recent_models"] is None
    assert status["model_costs"]["stage"] == "FULL"
