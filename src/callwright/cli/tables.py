"""Tables that stay readable: numbers are never cut, a narrow terminal wraps them instead."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text


def plain_table(title: str | None, left: str, *right: str, is_left_folded: bool = False) -> Table:
    """Return a table with one left-aligned column and right-aligned ones, which never wrap."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="bold underline",
    )
    table.add_column(left, no_wrap=not is_left_folded, overflow="fold")
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def figure(value: object) -> str:
    """Return a value as text; a number in plain digits, never as 3e-05."""
    if not isinstance(value, float) or not isfinite(value):
        return str(value)
    digits = f"{Decimal(repr(value)):f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def printable(text: str, *, lines: bool = False) -> str:
    """Return a text of others without what could steer a terminal; line ends stay on request."""
    return "".join(char for char in text if char.isprintable() or (lines and char == "\n"))


class Facts:
    """What there is to say of one thing: a name and its values a row.

    Attributes:
        table: For a console.
    """

    def __init__(self) -> None:
        self.table = Table(show_header=False, box=None, padding=(0, 2, 0, 0), pad_edge=False)
        self.table.add_column(style="bold", no_wrap=True)
        self.table.add_column(overflow="fold")

    def say(self, name: str, *values: object) -> None:
        """Add a row, a value a line; nothing when no value says anything."""
        texts = (printable(str(value), lines=True) for value in values if value not in (None, ""))
        text = "\n".join(texts)
        if text:
            self.table.add_row(name, Text(text))


def print_uncut(console: Console, *parts: RenderableType) -> None:
    """Print each part; a table that the console would cut gets the width that it needs."""
    for part in parts:
        needed = Measurement.get(console, console.options.update_width(_WIDEST), part).minimum
        if isinstance(part, Table) and needed > console.width:
            # A console caps every width at its own.
            Console(width=needed, file=console.file).print(part)
        else:
            console.print(part)


_WIDEST = 400
