"""``callwright run``: the loop, with a live table, a line a cycle and a summary at the end."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from callwright.cli.options import ConfigFile, Home, Json, LogDir, Market, Step, settings_of


def run(
    cycles: Annotated[
        int | None, typer.Option(min=1, help="How many cycles; without it, until stopped.")
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Seconds between cycles (LOOP_INTERVAL_SEC)."),
    ] = None,
    venue: Annotated[
        Literal["paper"] | None, typer.Option(help="Exchange: the embedded paper exchange.")
    ] = None,
    market: Market = None,
    step: Step = None,
    brain: Annotated[
        Literal["rules"], typer.Option(help="Who decides: the rule-based policy.")
    ] = "rules",
    dry_run: Annotated[
        bool | None,
        typer.Option("--dry-run/--no-dry-run", help="Send nothing, or send orders (DRY_RUN)."),
    ] = None,
    home: Home = None,
    log_dir: LogDir = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Run the desk: observe, decide, check, trade, record; again every interval.

    Dry run is the default: decisions are made and recorded, nothing is sent. Ctrl-C stops after the
    cycle in progress. With --json every record is one line on stdout.
    """
    settings = settings_of(
        config=config,
        home=home,
        log_dir=log_dir,
        venue=venue,
        market=market,
        step=step,
        dry_run=dry_run,
        loop_interval_sec=interval,
    )
    # Heavy imports wait until the configuration is known to be right.
    import asyncio

    from callwright.bootstrap import open_desk
    from callwright.cli.screen import JsonLines, Screen
    from callwright.loop import run_loop

    with open_desk(settings) as home_desk:
        view = JsonLines() if json_output else Screen(home_desk)
        with view:
            result = asyncio.run(
                run_loop(
                    home_desk.desk,
                    cycles=cycles,
                    interval_s=settings.loop_interval_sec,
                    on_record=view.show,
                    on_start=view.started,
                    on_start_failed=view.start_failed,
                    after_cycle=home_desk.heartbeat,
                )
            )
        view.finish(result)
    if result.ended_because == "halted":
        raise typer.Exit(1)
