"""Backtest runs side by side: a row each, and the violations in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from callwright.cli.tables import plain_table

if TYPE_CHECKING:
    from callwright.backtest import BacktestRun


def backtest_table(runs: list[BacktestRun]) -> list[RenderableType]:
    """Return all runs as one table with its legend and verdict."""
    table = plain_table(
        None,
        "market",
        *("o/r/c", "settled", "h/d/f", "BTC", "ETH", "vs hold", "fall", "broken"),
    )
    for run in runs:
        s = run.summary
        change = {
            coin: None
            if t.equity_first is None or t.equity_last is None
            else t.equity_last - t.equity_first
            for coin, t in s.coins.items()
        }
        edge = (
            None
            if s.equity_usd_last is None or s.hold_usd_last is None
            else s.equity_usd_last - s.hold_usd_last
        )
        table.add_row(
            s.market or run.market,
            f"{s.opens}/{s.rolls}/{s.closes}",
            f"{s.settlements} ({s.settled_in_the_money})",
            f"{s.holds}/{s.denied}/{sum(s.failures.values())}",
            *("-" if change.get(c) is None else f"{change[c]:+.3f}" for c in ("BTC", "ETH")),
            "-" if edge is None else f"{edge:+,.0f}",
            f"{s.drawdown_usd_frac:.0%}",
            str(len(run.violations)),
        )
    notes = [
        Text(f"{run.market}: {broken}", style="bold red")
        for run in runs
        for broken in run.violations
    ]
    legend = Text(
        f"{sum(run.summary.cycles for run in runs)} cycles. o/r/c: opens, rolls, closes. settled: "
        "of them in the money. h/d/f: holds, denied, failed. BTC, ETH: change of equity in coin. "
        "vs hold: USD against simply holding. "
        "fall: largest draw-down in USD. broken: invariants violated.",
        style="dim",
    )
    verdict = Text(
        "No invariant broken." if not notes else f"{len(notes)} violations", style="bold"
    )
    return [table, legend, verdict, *notes]
