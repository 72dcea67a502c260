"""The summary counts what the records say; golden numbers by hand."""

from __future__ import annotations

from typing import Any

import pytest

from builders import NOW
from callwright.cli.cycle_lines import cycle_lines
from callwright.cli.report import sparkline
from callwright.domain.base import iso_utc
from callwright.domain.record import (
    ActionRecord,
    CycleRecord,
    OrderUpdate,
    StateRecord,
    VerdictRecord,
)
from callwright.domain.verdict import Reason
from callwright.journal import failed_record
from callwright.summary import RunSummary


def a_record(
    *, equity: float | None = None, spot: float = 100_000.0, **changes: Any
) -> CycleRecord:
    base = failed_record(
        cycle_id="x",
        log_time=NOW,
        as_of=NOW,
        failure="NONE",
        message="",
        dry_run=False,
        config_snapshot={"min_ivrv": 1.05},
    )
    portfolio = None
    if equity is not None:
        portfolio = {
            "equity_usd": equity * spot,
            "by_underlying": {"BTC": {"equity_coin": equity}},
        }
    state = StateRecord(
        as_of=iso_utc(NOW),
        spot={"BTC": spot} if equity is not None else {},
        portfolio=portfolio,
        vol={},
        candidates_count=0,
        candidates=(),
        funnel={},
    )
    return base.model_copy(update={"state": state, "failure": None} | changes)


def an_update(kind: Any, **facts: Any) -> OrderUpdate:
    return OrderUpdate(kind=kind, cycle_id="x", symbol="BTC-9JAN26-106000-C", facts=facts)


def test_cash_is_counted_once_from_fills_and_settlements() -> None:
    summary = RunSummary()
    summary.add(
        a_record(
            order_updates=(
                # Sold 0.2 at 0.005: 0.001 BTC of premium, 0.00006 of fees (0.0003 x 0.2).
                an_update("fill", side="sell", amount=0.2, price=0.005, fee=0.00006),
                # Bought 0.1 back at 0.002: 0.0002 BTC, 0.00003 of fees (12.5% x 0.002 is 0.00025 a
                # coin, below the rate of 0.0003, so the cap: 0.000025 for 0.1).
                an_update("fill", side="buy", amount=0.1, price=0.002, fee=0.000025),
                # The rest expires in the money: pays 0.004, of which the delivery fee is apart.
                an_update("settlement", payoff=0.004, fee=0.000015, cash=-0.004015),
            )
        )
    )
    totals = summary.coins["BTC"]
    assert totals.premium_sold == pytest.approx(0.001)
    assert totals.bought_back == pytest.approx(0.0002)
    assert totals.fees == pytest.approx(0.00006 + 0.000025 + 0.000015)
    assert totals.settled == pytest.approx(-0.004)
    assert (summary.settlements, summary.settled_in_the_money) == (1, 1)


def test_foreign_fills_are_not_ours() -> None:
    summary = RunSummary()
    summary.add(
        a_record(order_updates=(an_update("foreign", side="sell", amount=1, price=0.1, fee=0),))
    )
    assert summary.coins["BTC"].premium_sold == summary.coins["BTC"].fees == 0


def test_equity_against_holding_and_the_largest_fall() -> None:
    summary = RunSummary()
    # 1 BTC at 100,000; 1.01 BTC at 120,000; 0.98 BTC at 90,000.
    for equity, spot in ((1.0, 100_000.0), (1.01, 120_000.0), (0.98, 90_000.0)):
        summary.add(a_record(equity=equity, spot=spot))
    assert summary.equity_usd_last == pytest.approx(88_200)
    assert summary.hold_usd_last == pytest.approx(90_000)
    assert summary.edge_usd == pytest.approx([0.0, 1_200.0, -1_800.0])
    # USD: from 121,200 to 88,200 is 27.2%; coin: from 1.01 to 0.98 is 2.97%.
    assert summary.drawdown_usd_frac == pytest.approx(33_000 / 121_200)
    assert summary.drawdown_coin_frac == pytest.approx(0.03 / 1.01)


def test_a_cycle_without_a_portfolio_changes_no_equity() -> None:
    summary = RunSummary()
    summary.add(a_record(equity=1.0))
    summary.add(a_record(failure="VENUE_UNAVAILABLE"))
    assert summary.equity_usd_last == pytest.approx(100_000)
    assert summary.failures == {"VENUE_UNAVAILABLE": 1}
    assert summary.holds == 1


def unplanned() -> CycleRecord:
    """A proposal that both gates allowed and that could not be put into orders."""
    proposed = ActionRecord(
        action="OPEN_COVERED_CALL",
        params={"underlying": "BTC", "symbol": "BTC-9JAN26-106000-C", "size": 0.1},
        reasoning="rich",
    )
    return a_record(
        failure="DATA_INVALID",
        failure_message="the price is off the grid",
        proposed_action=proposed,
        guardrail=VerdictRecord(allowed=True),
        risk_check=VerdictRecord(allowed=True),
    )


def test_a_proposal_that_could_not_be_planned_failed_and_nobody_denied_it() -> None:
    summary = RunSummary()
    summary.add(unplanned())
    assert summary.failures == {"DATA_INVALID": 1}
    assert (summary.denied, summary.holds, summary.denied_codes) == (0, 0, {})


def test_its_line_says_so_too() -> None:
    (line,) = cycle_lines(unplanned())
    assert "FAILED  DATA_INVALID the price is off the grid" in line.plain
    assert "DENIED" not in line.plain


def test_a_denied_proposal_is_denied() -> None:
    denied = unplanned().model_copy(
        update={
            "failure": None,
            "failure_message": "",
            "risk_check": VerdictRecord(allowed=False, reasons=(Reason(code="COOLDOWN"),)),
        }
    )
    summary = RunSummary()
    summary.add(denied)
    assert (summary.denied, summary.failures) == (1, {})
    (line,) = cycle_lines(denied)
    assert "DENIED  OPEN BTC-9JAN26-106000-C: COOLDOWN" in line.plain


def test_a_sparkline_spans_its_values() -> None:
    assert sparkline([0.0, 7.0]) == "▁█"
    assert sparkline([3.0, 3.0, 3.0]) == "▁▁▁"
    long = sparkline([float(i) for i in range(1_000)])
    assert (len(long), long[0], long[-1]) == (40, "▁", "█")
