"""``callwright run``: the loop, with a live table, a line a cycle and a summary at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from callwright.cli.options import (
    ConfigFile,
    Home,
    Json,
    LogDir,
    Market,
    PaperUrl,
    Step,
    Venue,
    asking_settings_of,
)
from callwright.errors import ConfigError

if TYPE_CHECKING:
    from callwright.config import Settings


def run(
    cycles: Annotated[
        int | None, typer.Option(min=1, help="How many cycles; without it, until stopped.")
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="Seconds between cycles (LOOP_INTERVAL_SEC)."),
    ] = None,
    venue: Venue = None,
    paper_url: PaperUrl = None,
    market: Market = None,
    step: Step = None,
    brain: Annotated[
        Literal["rules", "llm", "recorded"] | None,
        typer.Option(
            help="Who decides: the rule-based policy, a model (LLM_ENABLED), or recorded replies "
            "of one: no key, nobody is asked."
        ),
    ] = None,
    dry_run: Annotated[
        bool | None,
        typer.Option("--dry-run/--no-dry-run", help="Send nothing, or send orders (DRY_RUN)."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before the first orders on a testnet.")
    ] = False,
    home: Home = None,
    log_dir: LogDir = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Run the desk: observe, decide, check, trade, record; again every interval.

    Dry run is the default: decisions are made and recorded, nothing is sent. Ctrl-C stops after the
    cycle in progress. With --json every record is one line on stdout. Recorded replies know the
    cycles that were recorded: other requests are announced, and the rules decide.
    """
    settings = asking_settings_of(
        config=config,
        home=home,
        log_dir=log_dir,
        venue=venue,
        paper_url=paper_url,
        market=market,
        is_recorded=brain == "recorded",
        llm_enabled=None if brain is None else brain != "rules",
        step=step,
        dry_run=dry_run,
        loop_interval_sec=interval,
    )
    # Heavy imports wait until the configuration is known to be right.
    import asyncio

    from callwright.bootstrap import open_desk
    from callwright.cli.screen import JsonLines, Screen
    from callwright.loop import run_loop
    from callwright.playing import origin_of

    if cycles is None and brain == "recorded" and (origin := origin_of(settings)) is not None:
        # Afterwards nothing is recorded any more; who wants to go on says how far.
        cycles = origin.cycles or None
    if settings.venue == "deribit-testnet" and not settings.dry_run:
        _confirm_first_orders(settings, yes=yes)
    with open_desk(settings) as home_desk:
        view = JsonLines(settings) if json_output else Screen(home_desk)
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
                    on_notice=view.notice,
                )
            )
        view.finish(result)
    if result.ended_because == "halted":
        raise typer.Exit(1)


def _confirm_first_orders(settings: Settings, *, yes: bool) -> None:
    """Ask before the first orders leave for a testnet, with what the dry runs have shown."""
    import sys

    from callwright.bootstrap import read_practice

    practice = read_practice(settings)
    if practice.live_cycles:
        return
    codes = ", ".join(f"{code} {count}" for code, count in practice.denied_codes.items())
    print(
        f"These would be the first orders of this home on {settings.venue}. Before them "
        f"came {practice.dry_run_cycles} dry-run cycles in {settings.callwright_home}: "
        f"{practice.simulated} would have traded, {practice.denied} were denied"
        f"{f' ({codes})' if codes else ''}, {practice.failed} failed.",
        file=sys.stderr,
    )
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            "the first orders on a testnet want a confirmation, and there is nobody to ask",
            remedy="add --yes when you mean it, or stay with --dry-run",
        )
    if not typer.confirm("Send testnet orders from now on?", err=True):
        raise typer.Exit(1)
