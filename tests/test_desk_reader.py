"""The desk reader answers for a home, and nothing that it reaches can send an order."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from callwright.bootstrap import set_trading_state
from callwright.chatting.desks import BoundedDesk
from callwright.config import Settings
from callwright.connect import PAPER_FILE
from callwright.desk_reader import open_desk_reader
from callwright.domain.explain import WhatIf
from callwright.domain.history import DecisionFilter, DecisionSearch, StatsQuestion
from callwright.errors import QueryInvalid, StorageError
from callwright.memory.database import read_desk_database
from callwright.ports import DeskReader
from callwright.status import read_status
from desks import desk_settings, run_desk
from import_walk import PACKAGE, reached_from, those_within
from llm_servers import MISBEHAVIOURS, llm_server, well_behaved

CAN_SEND = (
    "callwright.bootstrap", "callwright.connect", "callwright.cycle", "callwright.loop",
    "callwright.execution.submit", "callwright.execution.startup", "callwright.execution.planner",
    "callwright.venues", "callwright.paper", "callwright.backtest",
)  # fmt: skip
"""What joins, holds or is a way to an exchange."""

WIDE = {"max_net_delta_abs": 99, "max_orders_per_day": 99}
SENDS = {"place", "cancel", "advance", "set_trading_state"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = desk_settings(tmp_path_factory.mktemp("desk"))
    run_desk(found, 30)
    return found


@pytest.fixture
def desk(settings: Settings) -> Iterator[DeskReader]:
    with open_desk_reader(settings) as reader:
        yield reader


STARTS = ["callwright.desk_reader", "callwright.agents.explainer"] + [
    f"callwright.{folder}.{path.stem}"
    for folder in ("tools", "explain")
    for path in sorted((PACKAGE / folder).glob("*.py"))
]


@pytest.mark.parametrize("start", STARTS)
def test_nothing_that_is_imported_can_send(start: str) -> None:
    assert those_within(reached_from(start), CAN_SEND) == {}


def test_the_walk_finds_what_is_imported_late() -> None:
    reached = reached_from("callwright.desk_reader")
    assert "callwright.agents.manager" in reached
    assert "callwright.judging" in reached
    assert "callwright.execution.submit" in reached_from("callwright.cli.run")


def test_no_module_of_an_order_path_is_loaded(settings: Settings) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from callwright.config import load_settings\n"
        "from callwright.desk_reader import open_desk_reader\n"
        "from callwright.domain.explain import WhatIf\n"
        "import callwright.tools.sources\n"
        f"home = Path({str(settings.callwright_home)!r})\n"
        "with open_desk_reader(load_settings(callwright_home=home, log_dir=home)) as desk:\n"
        "    desk.get_status(), desk.what_if(WhatIf()), desk.get_decision(1)\n"
        f"bad = [m for m in sys.modules if m.startswith({CAN_SEND!r})]\n"
        "heavy = [m for m in sys.modules if m in ('agents', 'openai', 'sqlite_utils')]\n"
        "assert not bad + heavy, bad + heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_object_that_it_holds_can_send(desk: DeskReader) -> None:
    desk.get_status()
    desk.what_if(WhatIf())
    seen: dict[int, Any] = {}
    queue: list[Any] = [desk]
    while queue:
        found = queue.pop()
        if id(found) in seen or isinstance(found, type) or callable(found):
            continue
        seen[id(found)] = found
        kind = type(found)
        assert not SENDS & set(dir(kind)), kind
        if kind.__module__.partition(".")[0] in ("callwright", "builtins"):
            queue += gc.get_referents(found)
    assert len(seen) > 5


def test_it_answers_as_the_memory_does(desk: DeskReader) -> None:
    page = desk.search_decisions(DecisionSearch(limit=5))
    assert page.total == 30
    assert desk.get_decision(page.hits[0].cycle_id).id == page.hits[0].id
    assert desk.decision_stats(StatsQuestion()).total == 30


def test_nothing_is_written(settings: Settings, desk: DeskReader) -> None:
    home = settings.callwright_home

    def bytes_of() -> list[bytes]:
        return [(home / name).read_bytes() for name in ("desk.db", PAPER_FILE)]

    before = bytes_of()
    desk.get_status()
    desk.what_if(WhatIf(without=("BTC",)))
    desk.search_decisions(DecisionSearch(text="delta"))
    assert bytes_of() == before


def test_a_home_without_a_desk_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="no desk database"),
        open_desk_reader(desk_settings(tmp_path)),
    ):
        pass


class TestStatus:
    """What the desk is doing."""

    def test_it_is_the_command_lines(self, settings: Settings, desk: DeskReader) -> None:
        assert desk.get_status() == read_status(settings)

    def test_it_says_mode_brain_limits_and_the_last_cycle(self, desk: DeskReader) -> None:
        status = desk.get_status()
        last = desk.get_decision(30).record
        assert (status["mode"], status["brain"], status["model"]) == ("research", "rules", None)
        assert (status["dry_run"], status["venue"]) == (False, "paper")
        assert status["last_decision"] == 30
        assert status["last_cycle"] == last.cycle_id
        assert status["equity_usd"] == (last.state.portfolio or {})["equity_usd"]
        assert status["limits"]["max_margin_used_pct"] == 40
        assert status["limits"]["default_order_size"] == {"BTC": 0.1, "ETH": 1}
        assert status["model_costs"]["day_budget_usd"] == 2
        assert status["notes"] == []
        json.dumps(status, allow_nan=False)

    def test_settings_that_changed_since_are_told(self, settings: Settings) -> None:
        now = desk_settings(
            settings.callwright_home, llm_enabled=True, max_margin_used_pct=20.0, dry_run=True
        )
        status = read_status(now)
        assert status["brain"] == "rules"
        assert status["limits"]["max_margin_used_pct"] == 40
        assert status["notes"][0].endswith(": brain, dry_run, max_margin_used_pct.")

    def test_a_halt_is_seen(self, tmp_path: Path) -> None:
        settings = desk_settings(tmp_path)
        run_desk(settings, 1)
        set_trading_state(settings, "HALTED", reason="by hand")
        with open_desk_reader(settings) as desk:
            status = desk.get_status()
        assert (status["trading_state"], status["trading_state_reason"]) == (
            "HALTED",
            "operator: by hand",
        )

    def test_no_secret_is_in_it(self, tmp_path: Path) -> None:
        run_desk(desk_settings(tmp_path), 1)
        settings = desk_settings(
            tmp_path, openai_api_key="key-0123456789", deribit_client_secret="secret-0123"
        )
        text = json.dumps(read_status(settings))
        assert "0123" not in text


class TestWhatIf:
    """Questions to the last snapshot."""

    def test_it_is_asked_of_the_newest(self, desk: DeskReader) -> None:
        answer = desk.what_if(WhatIf())
        record = json.loads(desk.get_decision(30).record.to_line())
        assert answer.decision_id == 30
        assert answer.proposed_action == record["proposed_action"]
        assert answer.changes == ("nothing",)

    def test_without_a_snapshot_it_says_why(self, tmp_path: Path) -> None:
        settings = desk_settings(tmp_path, snapshots_kept=0)
        run_desk(settings, 2)
        with (
            open_desk_reader(settings) as desk,
            pytest.raises(QueryInvalid, match="no snapshot is stored") as refused,
        ):
            desk.what_if(WhatIf())
        assert "SNAPSHOTS_KEPT" in refused.value.remedy


class TestModel:
    """The manager, asked without a way to send."""

    @staticmethod
    def ask(now: Settings, **changes: Any) -> Any:
        with open_desk_reader(now) as desk:
            return asyncio.run(desk.what_would_the_model_do(WhatIf(**changes)))

    @staticmethod
    def settings_for(home: Path, url: str, **changes: Any) -> Settings:
        return desk_settings(
            home,
            llm_base_url=url,
            llm_allow_private_network=True,
            llm_model_name="scripted",
            llm_timeout_seconds=20.0,
            **changes,
        )

    def test_it_is_off_without_a_model(self, settings: Settings) -> None:
        with pytest.raises(QueryInvalid, match="no model is configured"):
            self.ask(settings)

    def test_it_proposes_and_the_gates_judge(self, settings: Settings) -> None:
        home = settings.callwright_home
        paper, records = (home / PAPER_FILE).read_bytes(), count(home, "cycles")
        before = requests(home)
        with llm_server(well_behaved()) as server:
            answer = self.ask(
                self.settings_for(home, server.url),
                balances_coin={"BTC": 50, "ETH": 500},
                settings={"open_cooldown_sec": 0, "max_expiry_exposure": 99, **WIDE},
            )
        assert answer.answers_for == "the manager, model scripted"
        assert answer.failure is None
        assert answer.proposed_action["action"] == "OPEN_COVERED_CALL"
        assert answer.final_action["action"] == "OPEN_COVERED_CALL"
        assert answer.risk_check["allowed"] is True
        assert answer.llm["requests"] == 2
        # Booked as a chat's, and nothing else is anywhere.
        assert requests(home)[len(before) :] == [("chat", "scripted")] * 2
        assert count(home, "cycles") == records
        assert (home / PAPER_FILE).read_bytes() == paper

    @pytest.mark.parametrize("name", ["500", "refusal", "prose", "malformed"])
    def test_a_model_that_fails_is_an_answer(self, settings: Settings, name: str) -> None:
        with llm_server(MISBEHAVIOURS[name]) as server:
            answer = self.ask(self.settings_for(settings.callwright_home, server.url))
        assert answer.failure is not None
        assert answer.final_action["action"] == "DO_NOTHING"

    def test_an_empty_budget_is_an_answer(self, settings: Settings) -> None:
        with llm_server(well_behaved()) as server:
            answer = self.ask(
                self.settings_for(settings.callwright_home, server.url, llm_budget_day_usd=0.0)
            )
        assert answer.failure in ("LLM_BUDGET_EXHAUSTED", "LLM_BUDGET_LOW")

    def test_a_model_without_a_price_is_refused(self, settings: Settings) -> None:
        asked = desk_settings(
            settings.callwright_home, openai_api_key="key-0123456789", llm_model_name="unpriced-1"
        )
        with pytest.raises(QueryInvalid, match="unpriced-1"):
            self.ask(asked)


def count(home: Path, table: str) -> int:
    with read_desk_database(home / "desk.db") as database:
        return int(database.rows(f"SELECT count(*) FROM {table}")[0][0])


def requests(home: Path) -> list[tuple[str, str]]:
    with read_desk_database(home / "desk.db") as database:
        return [tuple(row) for row in database.rows("SELECT purpose, model FROM llm_requests")]


def test_a_bounded_desk_says_what_it_does_not_look_at(desk: DeskReader) -> None:
    hit = desk.search_decisions(DecisionSearch(limit=10, collapse=False)).hits[-1]
    since = datetime.fromisoformat(hit.as_of)
    bounded = BoundedDesk(desk, since)
    said = f"Only decisions from {since:%Y-%m-%d %H:%M} UTC on were looked at."
    assert bounded.search_decisions(DecisionSearch()).notes == (said,)
    answer = bounded.decision_stats(StatsQuestion())
    assert (answer.total, answer.notes) == (10, (said,))
    later = DecisionFilter(since=since + timedelta(hours=1))
    assert bounded.search_decisions(DecisionSearch(where=later)).notes == ()
    assert bounded.decision_stats(StatsQuestion(where=later)).notes == ()
