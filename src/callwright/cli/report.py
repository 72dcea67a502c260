"""The end of a run as tables: what was earned, against simply holding, and why not more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from callwright.cli.tables import plain_table
from callwright.domain.base import minute_of, several
from callwright.model_totals import ModelTotals, ShadowTotals, UsageTotals
from callwright.summary import RunSummary


def summary_view(summary: RunSummary) -> list[RenderableType]:
    """Return the summary of one run, part by part."""
    if not summary.cycles:
        return []
    parts: list[RenderableType] = [
        Text(
            f"Summary: {summary.cycles} cycles on {summary.market or 'no market'}, "
            f"{minute_of(summary.first_at)} to {minute_of(summary.last_at)}",
            style="bold",
        ),
        Text(
            f"{several(summary.opens, 'open')}, {several(summary.rolls, 'roll')}, "
            f"{several(summary.closes, 'close')}, {several(summary.settlements, 'settlement')} "
            f"({summary.settled_in_the_money} in the money), "
            f"{several(summary.holds, 'hold')}, {summary.denied} denied, "
            f"{sum(summary.failures.values())} failed"
            + (f", {summary.simulated} simulated (dry run)" if summary.simulated else "")
        ),
        _coins_table(summary),
    ]
    if summary.models.cycles:
        parts.append(Text(_models_line(summary.models)))
    if summary.shadows.cycles:
        parts.append(Text(_shadows_line(summary.shadows)))
    if summary.equity_usd_last is not None and summary.hold_usd_last is not None:
        edge = summary.equity_usd_last - summary.hold_usd_last
        parts.append(
            Text(
                f"Equity {summary.equity_usd_last:,.0f} USD; simply holding the coins "
                f"{summary.hold_usd_last:,.0f} USD; difference {edge:+,.0f} USD. Largest "
                f"draw-down {summary.drawdown_usd_frac:.1%} in USD, "
                f"{summary.drawdown_coin_frac:.2%} in coin."
            )
        )
    if len(summary.edge_usd) > 1:
        low, high = min(summary.edge_usd), max(summary.edge_usd)
        parts.append(
            Text(f"Against holding {sparkline(summary.edge_usd)} {low:+,.0f} to {high:+,.0f} USD")
        )
    if summary.market.startswith("synthetic"):
        parts.append(
            Text(
                "A synthetic market pays a volatility premium by construction: this is a drill, "
                "not evidence of edge.",
                style="dim",
            )
        )
    if summary.held_because or summary.denied_codes or summary.failures:
        parts.append(_reasons_table(summary))
    return parts


def _models_line(models: ModelTotals) -> str:
    return (
        f"Model: {models.decided} of {models.cycles} cycles decided, {models.agreed} as the rules "
        f"would have, {models.denied} denied; {_usage(models)}."
    )


def _shadows_line(shadows: ShadowTotals) -> str:
    return (
        f"Shadow: a model asked in {shadows.cycles} cycles that the rules decided, "
        f"{shadows.proposed} proposals, {shadows.agreed} as the rules'; {_usage(shadows)}."
    )


def _usage(totals: UsageTotals) -> str:
    cost = "cost not known" if totals.cost_usd is None else f"{totals.cost_usd:.4f} USD"
    if totals.unpriced and totals.cost_usd is not None:
        cost += f" and what {totals.unpriced} decisions of unknown price cost"
    return (
        f"{totals.requests} requests, {_tokens(totals.input_tokens)} input tokens "
        f"({_tokens(totals.cached_tokens)} cached), {_tokens(totals.output_tokens)} output tokens, "
        f"{cost}"
    )


def _tokens(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _coins_table(summary: RunSummary) -> Table:
    table = plain_table(
        "In coin; open is the change in mark value of open calls",
        "coin",
        *("sold", "bought", "fees", "settled", "open", "change", "equity"),
    )
    for coin, totals in sorted(summary.coins.items()):
        first, last = totals.equity_first, totals.equity_last
        change = None if first is None or last is None else last - first
        cash = totals.premium_sold - totals.bought_back - totals.fees + totals.settled
        table.add_row(
            coin,
            f"{totals.premium_sold:.5f}",
            f"{-totals.bought_back:z.5f}",
            f"{-totals.fees:z.5f}",
            f"{totals.settled:.5f}",
            "-" if change is None else f"{change - cash:+.5f}",
            "-" if change is None else f"{change:+.5f}",
            "-" if last is None else f"{last:.5f}",
        )
    return table


def _reasons_table(summary: RunSummary) -> Table:
    table = plain_table("Why no trade, in cycles", "why", "cycles", is_left_folded=True)
    for what, counts in (
        ("held", summary.held_because),
        ("denied", summary.denied_codes),
        ("failed", summary.failures),
    ):
        for why, count in _most_common(counts):
            table.add_row(f"{what}: {why}", str(count))
    return table


def _most_common(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


SPARK_COLUMNS = 40
_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Return values as a line of bars, oldest first, from the lowest to the highest."""
    step = max(len(values) / SPARK_COLUMNS, 1.0)
    chosen = [values[int(i * step)] for i in range(min(len(values), SPARK_COLUMNS))]
    chosen[-1] = values[-1]
    low, high = min(values), max(values)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in chosen)
