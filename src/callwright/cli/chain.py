"""``callwright chain``: look at the paper market's option chain, or record it to files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from callwright.cli.options import ConfigFile, Json, Market, Step, settings_of
from callwright.errors import ConfigError


def chain(
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="DIR", help="Write snapshots as CSV files into DIR."),
    ] = None,
    cycles: Annotated[int, typer.Option(min=1, help="How many steps of the market to record.")] = 1,
    days: Annotated[
        float, typer.Option(min=0, help="Show expiries up to this many days away.")
    ] = 11.0,
    underlying: Annotated[str, typer.Option(help="Coin to show.")] = "BTC",
    market: Market = None,
    step: Step = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Show the calls of the paper market near the money, or record whole chains.

    Recordings have the columns of recorded Deribit chains and play back with
    --market recorded:DIR.
    """
    settings = settings_of(config=config, market=market, step=step)
    if underlying not in settings.underlyings:
        raise typer.BadParameter(f"known coins: {', '.join(settings.underlyings)}")
    from callwright.connect import open_market

    source = open_market(settings)
    if record is not None and record.is_dir() and any(record.iterdir()):
        raise ConfigError(
            f"{record} is not empty", remedy="record into a new folder; recordings must not mix"
        )
    at = source.start()
    if record is not None:
        from rich.console import Console
        from rich.progress import track

        from callwright.paper.recording import write_snapshot

        for number in track(
            range(cycles), "Recording", console=Console(stderr=True), disable=cycles < 10
        ):
            path = write_snapshot(source.view(at), record)
            if number + 1 < cycles:
                at = source.next_after(at)
        print(f"{cycles} snapshots in {record}, the last one {path.name}", file=sys.stderr)
        return
    from callwright.cli.chain_table import chain_rows, chain_table
    from callwright.cli.tables import print_uncut

    rows = chain_rows(source.view(at), underlying, days_max=days)
    if json_output:
        import json

        for row in rows:
            print(json.dumps(row))
        return
    from rich.console import Console

    title = f"{underlying} calls on {source.name}, {at:%Y-%m-%d %H:%M} UTC"
    print_uncut(Console(), chain_table(rows, title=title))
