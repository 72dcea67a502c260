"""The whole desk on the embedded exchange: trades, settles, records, repeats itself."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from callwright.bootstrap import open_desk, set_trading_state
from callwright.domain.record import CycleRecord
from callwright.errors import StorageError
from callwright.loop import run_loop
from callwright.memory.flight_recorder import read_lines
from callwright.paper.store import open_books
from callwright.summary import RunSummary
from desks import desk_settings, run_desk, violations


def lines_of(log_dir: Path) -> list[bytes]:
    return [
        line
        for path in sorted(log_dir.glob("*.jsonl"))
        for line in path.read_bytes().splitlines(keepends=True)
    ]


@pytest.fixture(scope="module")
def sixty_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[CycleRecord]]:
    home = tmp_path_factory.mktemp("sixty-days")
    settings = desk_settings(home)
    result, records = run_desk(settings, 240)
    assert result.ended_because == "cycles"
    assert violations(settings) == ()
    return home, records


def test_the_default_seed_shows_everything_that_a_desk_does(
    sixty_days: tuple[Path, list[CycleRecord]],
) -> None:
    _, records = sixty_days
    summary = RunSummary()
    for record in records:
        summary.add(record)
    assert summary.cycles == 240
    assert summary.opens > 10
    assert summary.rolls + summary.closes > 5
    assert summary.settlements > 10
    assert summary.settled_in_the_money > 0
    assert summary.holds > 10
    assert summary.denied > 0
    assert summary.held_because
    assert summary.denied_codes
    assert not summary.failures


def test_the_summary_agrees_with_the_exchanges_own_books(
    sixty_days: tuple[Path, list[CycleRecord]],
) -> None:
    home, records = sixty_days
    summary = RunSummary()
    for record in records:
        summary.add(record)
    with open_books(home / "paper.db") as books:
        for coin in books.balances():
            totals = summary.coins[coin.currency]
            cash = totals.premium_sold - totals.bought_back - totals.fees + totals.settled
            assert float(coin.balance - coin.deposited) == pytest.approx(cash, abs=1e-9)


def test_a_hold_says_where_the_funnel_ended_or_which_number_was_short(
    sixty_days: tuple[Path, list[CycleRecord]],
) -> None:
    _, records = sixty_days
    holds = [
        r
        for r in records
        if r.final_action.action == "DO_NOTHING" and r.proposed_action.action == "DO_NOTHING"
    ]
    assert all(any(ch.isdigit() for ch in r.final_action.reasoning) for r in holds)
    for record in records:
        for steps in record.state.funnel.values():
            assert steps[0]["filter"] == "listed"
            for before, after in itertools.pairwise(steps):
                assert before["left"] - after["dropped"] == after["left"]


def test_a_denied_cycle_does_nothing_and_names_the_code(
    sixty_days: tuple[Path, list[CycleRecord]],
) -> None:
    _, records = sixty_days
    denied = [
        r
        for r in records
        if r.final_action.action == "DO_NOTHING" and r.proposed_action.action != "DO_NOTHING"
    ]
    for record in denied:
        codes = [reason.code for reason in record.risk_check.reasons]
        assert codes
        assert record.final_action.reasoning.endswith(f"| Risk engine blocked: {', '.join(codes)}")
        assert record.execution.status == "skipped"
        assert record.execution.orders == ()


def test_every_sold_size_comes_from_sizing(
    sixty_days: tuple[Path, list[CycleRecord]],
) -> None:
    _, records = sixty_days
    for record in records:
        if record.final_action.action == "DO_NOTHING":
            continue
        size = record.final_action.params["size"]
        for order in record.execution.orders:
            assert order.amount <= max(size, 0) or order.side == "buy"


def test_a_run_repeats_itself_byte_for_byte(tmp_path: Path) -> None:
    texts = []
    for name in ("first", "second"):
        settings = desk_settings(tmp_path / name)
        run_desk(settings, 40, durable=True)
        texts.append(lines_of(settings.log_dir))
    assert len(texts[0]) == 40
    assert texts[0] == texts[1]


def test_two_runs_in_one_home_are_one_long_run(tmp_path: Path) -> None:
    whole, halves = desk_settings(tmp_path / "whole"), desk_settings(tmp_path / "halves")
    run_desk(whole, 40)
    run_desk(halves, 17)
    run_desk(halves, 23)
    assert lines_of(whole.log_dir) == lines_of(halves.log_dir)
    assert violations(halves) == ()


def test_a_dry_run_decides_and_sends_nothing(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path, dry_run=True)
    _, records = run_desk(settings, 30)
    simulated = [r for r in records if r.execution.status == "simulated"]
    assert simulated
    assert all(order.status == "simulated" for r in simulated for order in r.execution.orders)
    with open_books(tmp_path / "paper.db") as books:
        assert books.orders() == ()
    assert violations(settings) == ()


@pytest.mark.parametrize("scenario", ["crash-1", "negative-premium-1"])
def test_the_desk_lives_through_hard_markets(tmp_path: Path, scenario: str) -> None:
    settings = desk_settings(tmp_path, market=f"synthetic:{scenario}")
    result, records = run_desk(settings, 200)
    assert result.ended_because == "cycles"
    assert len(records) == 200
    assert violations(settings) == ()


def test_a_recorded_market_ends_cleanly_and_settles_between_snapshots(tmp_path: Path) -> None:
    from callwright.paper.markets import open_source
    from callwright.paper.recording import write_snapshot

    recording = tmp_path / "recording"
    source = open_source("synthetic:3", step=desk_settings(tmp_path, step="1d").step_length())
    at = source.start()
    for _ in range(24):
        write_snapshot(source.view(at), recording)
        at = source.next_after(at)
    settings = desk_settings(tmp_path / "home", market=f"recorded:{recording}")
    result, records = run_desk(settings, 100)
    assert result.ended_because == "market_end"
    assert len(records) == 24
    early = [r.failure for r in records[:5]]
    assert early == ["INSUFFICIENT_HISTORY"] * 5
    settled = [u for r in records for u in r.order_updates if u.kind == "settlement"]
    assert settled
    assert {u.facts["delivery_price_source"] for u in settled} == {"interpolated"}
    assert violations(settings) == ()
    # Nothing is left to do: a second start ends at once and adds no record.
    result, more = run_desk(settings, 100)
    assert (result.ended_because, more) == ("market_end", [])


def test_one_writer_for_each_account(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path)
    with (
        open_desk(settings, durable=False),
        pytest.raises(StorageError, match="another callwright"),
        open_desk(settings),
    ):
        pass
    with open_desk(settings, durable=False):
        pass


def test_a_signal_ends_the_loop_after_the_cycle(tmp_path: Path) -> None:
    records: list[CycleRecord] = []

    def stop_after_three(record: CycleRecord) -> None:
        records.append(record)
        if len(records) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    assert threading.current_thread() is threading.main_thread()
    settings = desk_settings(tmp_path)
    with open_desk(settings, durable=False) as home_desk:
        result = asyncio.run(
            run_loop(home_desk.desk, cycles=50, interval_s=0.0, on_record=stop_after_three)
        )
    assert result.ended_because == "stopped"
    assert len(records) == 3
    assert violations(settings) == ()


def test_halt_from_another_process_stops_orders_and_resume_lets_them(tmp_path: Path) -> None:
    settings = desk_settings(tmp_path)
    run_desk(settings, 3)
    set_trading_state(settings, "HALTED", reason="a test")
    _, halted = run_desk(settings, 10)
    assert all(r.execution.orders == () for r in halted)
    assert all(not c["passes"] for r in halted for c in r.state.candidates)
    assert {code for r in halted for c in r.state.candidates for code in c["codes"]} >= {
        "TRADING_STATE_HALTED"
    }
    set_trading_state(settings, "ACTIVE", reason="a test")
    _, again = run_desk(settings, 10)
    assert any(r.execution.orders for r in again)


def test_the_json_command_prints_exactly_the_flight_recorder(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "callwright", "run", "--market", "synthetic:5", "--cycles", "12",
            "--interval", "0", "--no-dry-run", "--json", "--home", str(tmp_path),
            "--log-dir", str(tmp_path / "logs"),
        ],
        capture_output=True,
        cwd=tmp_path,
        check=True,
        timeout=120,
    )  # fmt: skip
    assert done.stdout.splitlines(keepends=True) == lines_of(tmp_path / "logs")
    assert done.stderr == b""
    assert Counter(json.loads(line)["schema"] for line in done.stdout.splitlines()) == {1: 12}
    records, skipped = read_lines(next((tmp_path / "logs").glob("*.jsonl")))
    assert records
    assert skipped == 0
