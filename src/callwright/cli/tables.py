"""Tables that stay readable: numbers are never cut, a narrow terminal wraps them instead."""

from __future__ import annotations

from rich import box
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

_WIDEST = 200


def plain_table(title: str | None, left: str, *right: str) -> Table:
    """Return a table with one left-aligned column and right-aligned ones, none of them wrapped."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
    )
    table.add_column(left, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def print_uncut(console: Console, *parts: RenderableType) -> None:
    """Print each part as wide as it needs to be, whatever the width of the terminal."""
    for part in parts:
        options = console.options.update_width(_WIDEST)
        natural = Measurement.get(console, options, part).maximum
        if isinstance(part, Table) and natural > console.width:
            # A console caps every width at its own, so a wide table gets a console of its own.
            Console(width=natural, file=console.file).print(part)
        else:
            console.print(part)
