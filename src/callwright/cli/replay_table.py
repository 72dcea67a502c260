"""What a replay found on a terminal: both choices of each differing decision under one another."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from callwright.cli.tables import plain_table, printable
from callwright.domain.base import minute_of
from callwright.replaying.report import Difference, Report
from callwright.replaying.telling import (
    HOW_COUNTED,
    choice_text,
    earned_texts,
    summary,
    sums,
    sums_title,
    unknown_text,
    why_text,
)

_OTHERS_WIDTH = 58
"""What all columns but the choice take, with the space between them."""
_WHY_ROOM_MIN = 20


def report_view(report: Report, *, limit: int, width: int) -> list[RenderableType]:
    """Return a report for a terminal.

    Args:
        limit: Differences that are shown, the newest.
        width: Of the terminal; reasons are cut to what is left of it.
    """
    parts: list[RenderableType] = [Text(printable(line)) for line in summary(report) if line]
    if not report.differences:
        return parts
    shown = report.differences[-limit:]
    parts += [Text(), _differences(shown, width)]
    if len(shown) < len(report.differences):
        left_out = len(report.differences) - len(shown)
        parts.append(Text(f"{left_out:,} earlier ones are left out; --limit shows more."))
    parts += [Text(), Text(sums_title(report), style="bold"), _sums(report)]
    note = unknown_text(report)
    return [*parts, *([Text(note)] if note else []), Text(HOW_COUNTED, style="dim")]


def _differences(differences: tuple[Difference, ...], width: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    table.add_column("decision", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("choice", overflow="fold", min_width=24)
    table.add_column("earned", justify="right", no_wrap=True)
    table.add_column("USD", justify="right", no_wrap=True)
    for difference in differences:
        for first, name, side in (
            (minute_of(difference.as_of), "recorded", difference.recorded),
            (f"#{difference.decision_id}", "again", difference.replayed),
        ):
            choice = Text(printable(choice_text(side.choice)))
            room = width - _OTHERS_WIDTH - len(choice) - 2
            if room >= _WHY_ROOM_MIN:
                why = Text(printable(why_text(side.choice)), style="dim")
                why.truncate(room, overflow="ellipsis")
                choice = Text.assemble(choice, "  ", why)
            table.add_row(first, name, choice, *earned_texts(side.outcome))
    for column in table.columns:
        if column.no_wrap:
            # A time or a number that is cut is another one.
            column.min_width = max(len(str(cell)) for cell in (column.header, *column.cells))
    return table


def _sums(report: Report) -> Table:
    heads, rows = sums(report)
    table = plain_table(None, "", *heads)
    for row in rows:
        table.add_row(*row)
    return table
