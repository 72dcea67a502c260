"""Backtest runs side by side: a row each, and the violations in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from callwright.bootstrap import BacktestRun


def backtest_table(runs: list[BacktestRun]) -> Group:
    """Return all runs as one table.

    BTC and ETH are changes of equity in coin, ``vs hold`` is USD against simply holding the coins,
    ``fall`` the largest draw-down in USD, ``broken`` the number of violated invariants.
    """
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in (
        "market",
        "cycles",
        "open",
        "roll",
        "close",
        "settle",
        "itm",
        "hold",
        "deny",
        "fail",
        "BTC",
        "ETH",
        "vs hold",
        "fall",
        "broken",
    ):
        table.add_column(name, justify="left" if name == "market" else "right", no_wrap=True)
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
            str(s.cycles),
            str(s.opens),
            str(s.rolls),
            str(s.closes),
            str(s.settlements),
            str(s.settled_in_the_money),
            str(s.holds),
            str(s.denied),
            str(sum(s.failures.values())),
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
    verdict = Text(
        "No invariant broken." if not notes else f"{len(notes)} violations", style="bold"
    )
    return Group(table, verdict, *notes)
