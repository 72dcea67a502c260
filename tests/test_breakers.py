"""Every breaker fires on the real exchange, stops a real order, and survives a restart.

Each test also shows the same proposal filled when nothing stands against it.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from callwright import loop
from callwright.bootstrap import set_trading_state
from callwright.config import Settings
from callwright.domain.record import CycleRecord
from callwright.errors import ConfigError, StorageError
from callwright.paper.faults import FaultPlan
from callwright.paper.store import open_books
from callwright.status import read_status
from desks import ScriptedBrain, desk_settings, run_desk, violations
from proposals import Choose, close_nth, hold, open_nth, roll_nth


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BACKOFF_FIRST_S", 0.0)


def a_desk(home: Path, **changes: Any) -> Settings:
    base = {"open_cooldown_sec": 0, "roll_dwell_sec": 0}
    return desk_settings(home, **(base | changes))


def play(
    settings: Settings, *choices: Choose, faults: FaultPlan | None = None
) -> list[CycleRecord]:
    _, records = run_desk(settings, len(choices), brain=ScriptedBrain(choices), faults=faults)
    return records


def codes(record: CycleRecord) -> list[str]:
    return [reason.code for reason in record.risk_check.reasons]


def orders_at_the_exchange(settings: Settings) -> int:
    with open_books(settings.callwright_home / "paper.db") as books:
        return len(books.orders())


def test_without_a_breaker_the_same_proposals_fill(tmp_path: Path) -> None:
    settings = a_desk(tmp_path)
    records = play(settings, *[open_nth(0, "BTC")] * 3)
    assert [r.execution.status for r in records] == ["filled"] * 3
    assert orders_at_the_exchange(settings) == 3


def test_a_daily_loss_stops_the_rest_of_the_day_and_no_longer(tmp_path: Path) -> None:
    # Within a minute prices hardly move: selling at the bid and paying the fee is the loss.
    settings = a_desk(tmp_path, max_daily_loss_pct=0.001, step="1m")
    first, second = play(settings, open_nth(0, "BTC"), open_nth(0, "BTC"))
    assert first.execution.status == "filled"
    assert codes(second) == ["DAILY_LOSS"]
    assert read_status(settings)["breakers"]
    # The breaker stays tripped for the day, even when the limit itself would allow again.
    (restarted,) = play(a_desk(tmp_path, max_daily_loss_pct=5, step="1m"), open_nth(0, "BTC"))
    assert codes(restarted) == ["DAILY_LOSS"]
    next_day = a_desk(tmp_path, max_daily_loss_pct=5, step="1d")
    (released,) = play(next_day, open_nth(0, "BTC"))
    assert released.execution.status == "filled"
    assert orders_at_the_exchange(settings) == 2
    assert violations(settings) == ()


def test_orders_per_day_count_over_restarts_and_closing_stays_free(tmp_path: Path) -> None:
    settings = a_desk(tmp_path, max_orders_per_day=1)
    play(settings, open_nth(0, "BTC"))
    (denied,) = play(settings, open_nth(0, "BTC"))
    assert codes(denied) == ["ORDERS_PER_DAY"]
    assert orders_at_the_exchange(settings) == 1
    (closed,) = play(settings, close_nth(0))
    assert closed.execution.status == "filled"


def test_the_cooldown_holds_after_a_restart(tmp_path: Path) -> None:
    settings = a_desk(tmp_path, open_cooldown_sec=7 * 3600)
    play(settings, open_nth(0, "BTC"))
    early, later = play(settings, open_nth(0, "BTC"), open_nth(0, "BTC"))
    assert codes(early) == ["COOLDOWN_ACTIVE"]
    assert later.execution.status == "filled"
    assert orders_at_the_exchange(settings) == 2


def test_a_short_dwells_before_it_rolls(tmp_path: Path) -> None:
    settings = a_desk(
        tmp_path,
        roll_dwell_sec=7 * 3600,
        roll_max_debit_coin="0.5",
        roll_defend_delta=0.0,
        underlyings="BTC",
    )
    play(settings, open_nth(0))
    early, later = play(settings, roll_nth(1), roll_nth(1))
    assert "ROLL_DWELL" in codes(early)
    assert "ROLL_DWELL" not in codes(later)
    assert orders_at_the_exchange(settings) >= 1


def test_failures_in_a_row_stop_new_risk_until_a_person_resumes(tmp_path: Path) -> None:
    settings = a_desk(tmp_path, max_failures_in_a_row=2)
    play(settings, open_nth(0, "BTC"))
    plan = FaultPlan()
    plan.arm("unavailable", "market", times=2)
    failed = play(settings, hold, hold, faults=plan)
    assert [r.failure for r in failed] == ["VENUE_UNAVAILABLE"] * 2
    denied, closed = play(settings, open_nth(0, "BTC"), close_nth(0))
    assert codes(denied) == ["FAILURES_IN_A_ROW"]
    assert closed.execution.status == "filled"
    (still,) = play(settings, open_nth(0, "BTC"))
    assert codes(still) == ["FAILURES_IN_A_ROW"]
    set_trading_state(settings, "ACTIVE", reason="looked at it")
    (again,) = play(settings, open_nth(0, "BTC"))
    assert again.execution.status == "filled"
    assert violations(settings) == ()


@pytest.mark.parametrize(
    ("state", "code", "closes"),
    [("HALTED", "TRADING_STATE_HALTED", False), ("REDUCING", "TRADING_STATE_REDUCING", True)],
)
def test_the_trading_state_stops_orders(
    tmp_path: Path, state: str, code: str, closes: bool
) -> None:
    settings = a_desk(tmp_path)
    play(settings, open_nth(0, "BTC"))
    set_trading_state(settings, state, reason="a test")
    denied, close = play(settings, open_nth(0, "BTC"), close_nth(0))
    assert codes(denied) == [code]
    assert (close.execution.status == "filled") is closes
    assert orders_at_the_exchange(settings) == 1 + closes


def test_an_unreadable_trading_state_is_halted(tmp_path: Path) -> None:
    settings = a_desk(tmp_path)
    play(settings, open_nth(0, "BTC"))
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute("DELETE FROM trading_state")
    connection.close()
    (denied,) = play(settings, open_nth(0, "BTC"))
    assert "TRADING_STATE_HALTED" in codes(denied)
    assert orders_at_the_exchange(settings) == 1


def test_a_lost_ledger_means_halted_until_a_person_has_looked(tmp_path: Path) -> None:
    settings = a_desk(tmp_path)
    play(settings, open_nth(0, "BTC"), open_nth(0, "BTC"))
    # The exchange holds orders with our label and no intent; maybe the desk was halted, too.
    for name in ("desk.db", "desk.db-wal", "desk.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (denied,) = play(settings, open_nth(0, "BTC"))
    assert "TRADING_STATE_HALTED" in codes(denied)
    status = read_status(settings)
    assert status["trading_state"] == "HALTED"
    assert "callwright resume" in status["trading_state_reason"]
    assert orders_at_the_exchange(settings) == 2
    set_trading_state(settings, "ACTIVE", reason="compared the positions")
    (closed,) = play(settings, close_nth(0))
    assert closed.execution.status == "filled"


def test_a_halt_survives_a_lost_ledger_and_a_start_that_failed(tmp_path: Path) -> None:
    settings = a_desk(tmp_path)
    play(settings, hold, hold)
    for path in tmp_path.glob("desk.db*"):
        path.unlink()
    with pytest.raises(ConfigError):
        play(a_desk(tmp_path, market="synthetic:9"), hold)
    (denied,) = play(settings, open_nth(0, "BTC"))
    assert "TRADING_STATE_HALTED" in codes(denied)
    # Nor is the step decided again that the lost desk had decided.
    assert violations(settings) == ()


def test_what_nothing_explains_means_reducing_and_says_what_to_do(tmp_path: Path) -> None:
    settings = a_desk(tmp_path)
    play(settings, open_nth(0, "BTC"))
    with closing(sqlite3.connect(tmp_path / "desk.db")) as connection, connection:
        connection.execute("DELETE FROM fills")
        connection.execute("DELETE FROM intents")
    (denied,) = play(settings, open_nth(0, "BTC"))
    assert "TRADING_STATE_REDUCING" in codes(denied)
    status = read_status(settings)
    assert status["trading_state"] == "REDUCING"
    assert "RECONCILE_ORDER_WITHOUT_INTENT" in status["trading_state_reason"]
    assert "callwright resume" in status["trading_state_reason"]
    (closed,) = play(settings, close_nth(0))
    assert closed.execution.status == "filled"


def test_a_coin_with_open_shorts_cannot_be_left_alone(tmp_path: Path) -> None:
    play(a_desk(tmp_path), open_nth(0, "ETH"))
    with pytest.raises(ConfigError, match="ETH is not among UNDERLYINGS"):
        play(a_desk(tmp_path, underlyings="BTC"), hold)


def test_an_older_exchange_than_the_last_record_is_refused(tmp_path: Path) -> None:
    settings = a_desk(tmp_path)
    play(settings, hold, hold)
    for path in tmp_path.glob("paper.db*"):
        path.unlink()
    with pytest.raises(StorageError, match="last record"):
        play(settings, hold)


def test_the_daily_loss_counts_from_what_was_held_before_midnight(tmp_path: Path) -> None:
    # A day between cycles: the loss happens between the records, not within a day's observations.
    settings = a_desk(tmp_path, step="1d", default_order_size="BTC=0.5,ETH=5")
    (opened,) = play(settings, open_nth(0, "BTC"))
    assert opened.execution.status == "filled"
    strict = a_desk(tmp_path, step="1d", max_daily_loss_pct=0.0001)
    with closing(sqlite3.connect(tmp_path / "desk.db")) as connection, connection:
        text = connection.execute("SELECT record FROM cycles").fetchone()[0]
        record = json.loads(text)
        # As if the equity of yesterday's record had been higher than today's.
        record["state"]["portfolio"]["by_underlying"]["BTC"]["equity_coin"] = 1.5
        connection.execute("UPDATE cycles SET record = ?", (json.dumps(record),))
    (denied,) = play(strict, open_nth(0, "BTC"))
    assert "DAILY_LOSS" in codes(denied)
