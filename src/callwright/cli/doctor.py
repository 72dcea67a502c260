"""``callwright doctor``: named checks, each with a stable id and a remedy."""

from __future__ import annotations

import typer

from callwright.cli.options import (
    ConfigFile,
    Home,
    Json,
    LogDir,
    Market,
    PaperUrl,
    Venue,
    settings_of,
)


def doctor(
    home: Home = None,
    log_dir: LogDir = None,
    market: Market = None,
    venue: Venue = None,
    paper_url: PaperUrl = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Check configuration, storage, market, books and installation. Exit code 1 if one fails."""
    settings = settings_of(
        config=config, home=home, log_dir=log_dir, market=market, venue=venue, paper_url=paper_url
    )
    from contextlib import suppress

    from callwright.errors import ConfigError
    from callwright.health import run_checks
    from callwright.playing import with_recording

    # One that cannot be read is a failed check, MODEL, and keeps no other one from being made.
    with suppress(ConfigError):
        settings = with_recording(settings)
    results = run_checks(settings)
    if json_output:
        import json

        for result in results:
            print(json.dumps(result.__dict__))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(padding=(0, 1))
        table.add_column("check")
        table.add_column("", justify="center")
        table.add_column("found", overflow="fold")
        table.add_column("what to do", overflow="fold")
        marks = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]FAIL[/]"}
        for result in results:
            table.add_row(result.id, marks[result.level], result.found, result.remedy)
        Console().print(table)
    if any(result.level == "fail" for result in results):
        raise typer.Exit(1)
