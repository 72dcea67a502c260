"""``callwright costs``: what models were asked and cost, by day and model, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callwright.cli.options import ConfigFile, Home, Json, settings_of

if TYPE_CHECKING:
    from rich.console import RenderableType

Days = Annotated[int, typer.Option("--days", min=1, help="How many UTC days back, with today.")]

_STAGES = {
    "FULL": "models are asked in every cycle",
    "CHEAPER_MODEL": "half of a budget is used: LLM_CHEAPER_MODEL_NAME is asked, if there is one",
    "FEWER_CYCLES": "three quarters of a budget are used: models are asked in fewer cycles",
    "CARE_ONLY": "no model decides; the rules only take care of open calls",
    "NO_NEW_RISK": "the month's budget is spent: nothing is sold until callwright resume",
}
_UNKNOWN = "—"


def costs(
    days: Days = 7, home: Home = None, config: ConfigFile = None, json_output: Json = False
) -> None:
    """Show what models cost, by day and model, and what the budgets leave. Changes nothing."""
    settings = settings_of(config=config, home=home)
    from callwright.costs import read_costs
    from callwright.domain.desk import DESK_FILE

    found = read_costs(settings.callwright_home / DESK_FILE, settings, days=days)
    if json_output:
        import json

        print(json.dumps(found))
        return
    from rich.console import Console

    from callwright.cli.tables import print_uncut

    print_uncut(Console(), *costs_view(found))


def costs_view(found: Mapping[str, Any]) -> list[RenderableType]:
    """Return the report of ``read_costs`` for a terminal, part by part."""
    from rich.text import Text

    from callwright.cli.tables import plain_table, printable

    parts: list[RenderableType] = []
    if found["totals"]:
        table = plain_table(
            "What models were asked and cost, by UTC day",
            "day and model",
            *("requests", "input", "cached", "output", "reasoning", "USD", "reserved USD"),
        )
        for row in found["totals"]:
            name = f"{row['day']}  {printable(row['model'])}"
            # Two words, and none of them may be cut.
            table.columns[0].min_width = max(table.columns[0].min_width or 0, len(name))
            table.add_row(
                Text(name),
                f"{row['requests']:,}",
                *(
                    _UNKNOWN if row[name] is None else f"{row[name]:,}"
                    for name in (
                        "input_tokens",
                        "cached_tokens",
                        "output_tokens",
                        "reasoning_tokens",
                    )
                ),
                _usd(row["cost_usd"]),
                _usd(row["reserved_usd"]),
            )
        parts.append(table)
    else:
        parts.append(
            Text(
                f"No model was asked in {_days(found['days'])}. To have one decide: set "
                "OPENAI_API_KEY, then callwright run --brain llm; to look further back: --days 90."
            )
        )
    parts += [Text(note) for note in _notes(found)]
    budgets = plain_table("Budgets in USD", "for", "budget", "known", "reserved", "left", "renews")
    budgets.add_row("cycle", _usd(found["cycle_budget_usd"]), "", "", "", "cycle")
    for name in ("day", "month"):
        period = found[name]
        money = (
            _usd(period[key]) for key in ("budget_usd", "cost_usd", "reserved_usd", "left_usd")
        )
        budgets.add_row(name, *money, period["renews_at"][:10])
    parts.append(budgets)
    parts.append(Text(f"Stage {found['stage']}: {_STAGES[found['stage']]}."))
    return parts


def _notes(found: Mapping[str, Any]) -> list[str]:
    from callwright.cli.tables import printable

    unpriced = sum(row["unpriced"] for row in found["totals"])
    still_open = sum(row["open"] for row in found["totals"])
    without_tokens = sum(row["without_tokens"] for row in found["totals"])
    notes = []
    if unpriced:
        names = ", ".join(printable(name) for name in found["unpriced_models"])
        notes.append(
            f"Requests without a known cost: {unpriced} ({names}). Each counts as spent at what "
            "was reserved for it, if anything. Prices of models go into LLM_PRICES_FILE."
        )
    if without_tokens:
        notes.append(f"Requests that came back without their numbers of tokens: {without_tokens}.")
    if still_open:
        notes.append(
            f"Requests reserved and not settled: {still_open}, under way or of a process that "
            "died. They count as spent at what was reserved."
        )
    return notes


def _usd(amount: str | None) -> str:
    return _UNKNOWN if amount is None else f"{Decimal(amount):.6f}"


def _days(days: int) -> str:
    return "the last day" if days == 1 else f"the last {days} days"
