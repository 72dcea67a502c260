"""``callwright costs``: what models cost, from a desk that runs or not; unknown is never zero."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from callwright.agents.prices import load_prices
from callwright.cli.costs import costs_view
from callwright.cli.tables import print_uncut
from callwright.costs import budgets_of, models_are_local, read_costs
from callwright.memory.database import open_desk_database
from callwright.memory.usage import SqliteUsageBook
from callwright.ports import BudgetStage, RequestUsage
from commands import callwright_here
from desks import desk_settings, run_desk

NOW = datetime(2026, 11, 21, 13, tzinfo=UTC)


def costs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setenv("COLUMNS", "60")
    return callwright_here(monkeypatch, capsys, "costs", *arguments)


def ask(home: Path, *, at: datetime, model: str = "gpt-4.1-mini", **usage: Any) -> None:
    """Book one request; without usage it stays reserved."""
    prices = load_prices()
    fields: dict[str, Any] = {
        "model": model, "served_model": None, "input_tokens": 3_500, "cached_tokens": 2_000,
        "output_tokens": 1_150, "reasoning_tokens": 0, "latency_ms": 900.0, "cost_usd": None,
        "outcome": "ok",
    }  # fmt: skip
    with open_desk_database(home / "desk.db", durable=False) as database:
        book = SqliteUsageBook(
            database,
            price_of=prices.of,
            budgets=budgets_of(desk_settings(home)),
            is_local=True,
            now=lambda: at,
        )
        found = book.reserve(
            purpose="decision", model=model, input_tokens_max=4_000, output_tokens_max=2_000
        )
        if usage:
            book.settle(found, RequestUsage(**(fields | usage)))


def shown(home: Path, *, days: int = 7) -> str:
    found = read_costs(home / "desk.db", desk_settings(home), days=days, at=NOW)
    screen = io.StringIO()
    print_uncut(Console(width=60, file=screen), *costs_view(found))
    return screen.getvalue()


def cells(screen: str, start: str) -> list[str]:
    return next(line.split() for line in screen.splitlines() if line.startswith(start))


def test_requests_are_totalled_by_day_and_model(tmp_path: Path) -> None:
    for at in (NOW - timedelta(days=1), NOW, NOW):
        ask(tmp_path, at=at, outcome="ok")
    ask(tmp_path, at=NOW, model="gpt-4.1", outcome="LLM_INVALID")
    screen = shown(tmp_path)
    assert cells(screen, "2026-11-21  gpt-4.1-mini") == [
        "2026-11-21", "gpt-4.1-mini", "2", "7,000", "4,000", "2,300", "0", "0.005280", "0.000000",
    ]  # fmt: skip
    assert cells(screen, "2026-11-21  gpt-4.1 ")[-2:] == ["0.013200", "0.000000"]
    assert cells(screen, "2026-11-20  gpt-4.1-mini")[2] == "1"
    assert cells(screen, "day    ")[:5] == ["day", "2.000000", "0.018480", "0.000000", "1.981520"]
    assert cells(screen, "month ")[:3] == ["month", "20.000000", "0.021120"]
    assert "Stage FULL" in screen


def test_only_the_days_asked_for_are_shown_and_the_month_is_whole(tmp_path: Path) -> None:
    ask(tmp_path, at=NOW - timedelta(days=2), outcome="ok")
    assert "2026-11-19" in shown(tmp_path, days=3)
    screen = shown(tmp_path, days=2)
    assert "2026-11-19" not in screen
    assert "No model was asked in the last 2 days" in screen
    assert cells(screen, "month ")[2] == "0.002640"
    assert "2026-11-19" in shown(tmp_path, days=10**9)


def test_what_is_not_known_is_no_zero(tmp_path: Path) -> None:
    ask(tmp_path, at=NOW, model="my-llama", served_model="llama", outcome="ok")
    ask(tmp_path, at=NOW, output_tokens=None, input_tokens=None, cached_tokens=None, outcome="x")
    ask(tmp_path, at=NOW, model="gpt-4.1")
    screen = " ".join(shown(tmp_path).split())
    assert "2026-11-21 my-llama 1 3,500 2,000 1,150 0 — 0.000000" in screen
    assert "2026-11-21 gpt-4.1-mini 1 — — — 0 — 0.004800" in screen
    assert "2026-11-21 gpt-4.1 1 — — — — — 0.024000" in screen
    assert "Requests without a known cost: 2 (gpt-4.1-mini, llama)" in screen
    assert "without their numbers of tokens: 1" in screen
    assert "reserved and not settled: 1" in screen
    assert "day 2.000000 — 0.028800 1.971200" in screen


def test_the_stage_says_what_it_means(tmp_path: Path) -> None:
    for _ in range(90):
        ask(tmp_path, at=NOW, model="gpt-4.1", input_tokens=4_000, cached_tokens=0, outcome="ok")
    assert "Stage FEWER_CYCLES: three quarters" in " ".join(shown(tmp_path).split())


def test_every_stage_is_explained(tmp_path: Path) -> None:
    run_desk(desk_settings(tmp_path), 1)
    found = read_costs(tmp_path / "desk.db", desk_settings(tmp_path), days=1, at=NOW)
    for stage in BudgetStage:
        assert costs_view({**found, "stage": stage.name})


def test_a_desk_that_asked_nobody_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_desk(desk_settings(tmp_path), 1)
    code, out, _ = costs(monkeypatch, capsys, "--home", str(tmp_path))
    assert code == 0
    assert "No model was asked" in out
    assert "--brain llm" in out


def test_a_home_without_a_desk_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = costs(monkeypatch, capsys, "--home", str(tmp_path / "none"))
    assert (code, out) == (1, "")
    assert "no desk database" in err


@pytest.mark.parametrize("days", ["0", "-1", "x"])
def test_wrong_days_are_wrong_usage(
    days: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert costs(monkeypatch, capsys, "--days", days)[0] == 2


def test_json_is_exact_and_read_beside_a_running_desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(tmp_path, at=datetime.now(UTC), outcome="ok")
    with open_desk_database(tmp_path / "desk.db", durable=False) as running:
        running.connection.execute("BEGIN IMMEDIATE")
        code, out, _ = costs(monkeypatch, capsys, "--home", str(tmp_path), "--json")
        running.connection.rollback()
    found = json.loads(out)
    assert code == 0
    assert found["totals"][0]["cost_usd"] == found["day"]["cost_usd"] == "0.00264"
    assert found["totals"][0]["input_tokens"] == 3_500
    assert found["stage"] == "FULL"
    assert {"left_usd", "budget_usd", "reserved_usd", "renews_at"} <= set(found["month"])


def test_a_models_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    ask(tmp_path, at=NOW, model="\x1b[2J[red]m", served_model="\x1b[2Jx", outcome="ok")
    screen = shown(tmp_path)
    assert "\x1b" not in screen
    assert "[2J[red]m" in screen


def test_budgets_are_exactly_what_was_written(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path, llm_budget_cycle_usd=0.1, llm_budget_day_usd=1e-7)
    budgets = budgets_of(settings)
    assert budgets.cycle_usd == Decimal("0.1")
    assert budgets.day_usd == Decimal("0.0000001")
    assert budgets.month_usd == 20


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        pytest.param(None, False, id="openai"),
        pytest.param("http://127.0.0.1:11434/v1", True, id="this-machine"),
        pytest.param("http://localhost:8000/v1", True, id="this-machine-by-name"),
        pytest.param("http://[::1]:8000/v1", True, id="this-machine-by-ipv6"),
        pytest.param("http://192.168.1.7:8000/v1", True, id="private-address"),
        pytest.param("http://gpu.lan:8000/v1", False, id="a-name-is-not-resolved"),
        pytest.param("https://8.8.8.8/v1", False, id="public-address"),
        pytest.param("https://127.0.0.1.example.com/v1", False, id="looks-like-this-machine"),
        pytest.param("http://localhost@example.com/v1", False, id="user-info"),
        pytest.param("http://[::1/v1", False, id="no-url"),
    ],
)
def test_which_models_are_local(tmp_path: Path, url: str | None, is_local: bool) -> None:
    settings = desk_settings(tmp_path).model_copy(update={"llm_base_url": url})
    assert models_are_local(settings) is is_local
