"""The desk as it stands, for a live view: a row a coin, and what the run has done so far."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.text import Text

from callwright.cli.tables import plain_table
from callwright.domain.base import minute_of
from callwright.domain.record import CycleRecord
from callwright.summary import RunSummary


def desk_table(record: CycleRecord, summary: RunSummary) -> Group:
    """Return the desk as it stands: a row a coin, then the open shorts."""
    # Narrower than any terminal: a ^C that is echoed after a full line would wrap, and the frame
    # could not be taken off the screen cleanly.
    names = ("index", "IV 7d", "RV", "IVRV", "equity", "margin", "net delta", "short")
    table = plain_table(None, "coin", *names)
    portfolio = record.state.portfolio or {"by_underlying": {}}
    for coin, row in portfolio["by_underlying"].items():
        vol = record.state.vol.get(coin, {})
        shorts = row["short_calls"]
        table.add_row(
            coin,
            f"{record.state.spot[coin]:,.0f}",
            _percent(vol.get("iv_annual")),
            _percent(vol.get("rv_annual")),
            _known(vol.get("ivrv"), ".2f"),
            f"{row['equity_coin']:.4f}",
            _known(row["margin_used_pct"], ".1f", "%"),
            _known(row["net_delta"], ".3f"),
            f"{sum(s['amount_coin'] for s in shorts):g} in {len(shorts)}",
        )
    state = record.state.market.get("trading_state", "not observed")
    line = Text(
        f"{minute_of(record.state.as_of)}  cycle {summary.cycles}  {state}\n"
        f"{summary.opens} opens, {summary.rolls} rolls, {summary.closes} closes, "
        f"{summary.settlements} settled, {summary.holds} holds, {summary.denied} denied, "
        f"{summary.simulated} simulated, {sum(summary.failures.values())} failed",
        style="bold",
        no_wrap=True,
        overflow="ellipsis",
    )
    return Group(line, table)


def _percent(value: Any) -> str:
    return "-" if value is None else f"{value:.1%}"


def _known(value: Any, form: str, suffix: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{suffix}"
