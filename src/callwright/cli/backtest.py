"""``callwright backtest``: the same loop over many seeds in throw-away homes, then an audit."""

from __future__ import annotations

from typing import Annotated

import typer

from callwright.cli.options import ConfigFile, Json, Market, Step, settings_of


def backtest(
    seeds: Annotated[
        str | None, typer.Option(metavar="RANGE", help="Synthetic seeds: 7, 1-20 or 1,5,9.")
    ] = None,
    market: Market = None,
    cycles: Annotated[int, typer.Option(min=1, help="Cycles of each run.")] = 240,
    step: Step = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes at a time; without it one for each core.")
    ] = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Run the desk over several markets and print a line of each.

    Whatever the configuration says, it trades throw-away paper money in this process, by rules.
    Every run has a fresh home that is deleted afterwards, without fsync. After each one the books
    of desk and exchange are audited against the invariants; exit code 1 if one is broken.
    """
    if (seeds is None) == (market is None):
        raise typer.BadParameter("give either --seeds or --market")
    specs = [market] if market else [f"synthetic:{seed}" for seed in _seeds(str(seeds))]
    from rich.console import Console
    from rich.progress import track

    from callwright.backtest import run_each
    from callwright.cli.backtest_table import backtest_table
    from callwright.cli.tables import print_uncut

    each = [settings_of(config=config, market=spec, step=step) for spec in specs]
    runs = list(
        track(
            run_each(each, cycles=cycles, jobs=jobs),
            "Running",
            total=len(each),
            console=Console(stderr=True),
            disable=json_output or len(each) == 1,
        )
    )
    if json_output:
        import json

        for one in runs:
            print(json.dumps(one.to_jsonable()))
    else:
        print_uncut(Console(), *backtest_table(runs))
    if any(one.violations or one.ended_because == "halted" for one in runs):
        raise typer.Exit(1)


def _seeds(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdigit() or (dash and not high.isdigit()):
            raise typer.BadParameter(f"{text!r} is not a range of seeds; as 7, 1-20 or 1,5,9")
        if int(high or low) < int(low):
            raise typer.BadParameter(f"{part!r} is an empty range of seeds")
        seeds.extend(range(int(low), int(high or low) + 1))
    return seeds
