"""``callwright evals``: how well a brain decides, over situations with known right answers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from callwright.cli.options import (
    ConfigFile,
    Html,
    Json,
    Model,
    asking_settings_of,
    settings_of,
)

if TYPE_CHECKING:
    from callwright.evaluation.scoring import Trial

app = typer.Typer(
    no_args_is_help=True,
    help="How well a brain decides: situations with right and forbidden answers. Trades nothing.",
)

Globs = Annotated[
    list[str] | None,
    typer.Option(
        "--situations", metavar="GLOB", help="Only these: care/*, or a name; may be repeated."
    ),
]
Every = Annotated[
    int,
    typer.Option(
        "--every", min=1, metavar="N", help="Of these every N-th: a sample for a slow model."
    ),
]


@app.command("run")
def run(
    brain: Annotated[
        Literal["rules", "llm", "hold"],
        typer.Option(help="Who is asked; hold and rules are always shown beside it."),
    ] = "rules",
    model: Model = None,
    situations: Globs = None,
    every: Every = 1,
    repeat: Annotated[
        int, typer.Option(min=1, max=100, help="How often a model is asked the same.")
    ] = 1,
    jobs: Annotated[
        int, typer.Option(min=1, max=32, help="How many questions a model has at a time.")
    ] = 1,
    unchecked: Annotated[
        bool,
        typer.Option("--unchecked", help="Ask the model also without prechecks, in a row beside."),
    ] = False,
    html: Html = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            metavar="DIR",
            help="Book a model's requests in this desk's home, under its budgets; without it in a "
            "temporary one, under fresh budgets.",
        ),
    ] = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Ask a brain every situation and score its answers.

    Limits are those of the situations, not yours; of your settings only those of language models
    count. Exit code 1 if a budget, a refused key or a silent server left questions unasked.
    """
    asked = asking_settings_of if brain == "llm" else settings_of
    settings = asked(config=config, home=home, llm_model_name=model)
    from callwright.cli.page_file import check_page, write_page
    from callwright.evaluation.running import evaluate
    from callwright.evaluation.situations import matching

    check_page(html)
    chosen = matching(situations or ())[::every]
    with progress(len(chosen) * repeat * (1 + unchecked), is_shown=brain == "llm") as on_trial:
        report = evaluate(
            chosen,
            settings,
            brain=brain,
            unchecked=unchecked,
            home=home,
            repeat=repeat,
            jobs=jobs,
            on_trial=on_trial,
        )
    if json_output:
        print(report.model_dump_json())
    else:
        from rich.console import Console

        from callwright.cli.evals_table import report_view
        from callwright.cli.tables import print_uncut

        print_uncut(Console(), *report_view(report, chosen))
    if html is not None:
        from callwright.evaluation.page import page

        write_page(html, lambda made: page(report, chosen, made=made))
    if any(one.stopped for one in report.runs):
        raise typer.Exit(1)


@contextmanager
def progress(total: int, *, is_shown: bool) -> Iterator[Callable[[str, Trial], None]]:
    """Show a bar over a model's answers on stderr; plain lines when that is no terminal."""
    from rich.console import Console

    from callwright.cli.tables import printable

    console = Console(stderr=True)
    if not is_shown:
        yield lambda brain, trial: None
    elif console.is_terminal:
        from rich.progress import Progress

        with Progress(console=console) as progress:
            task = progress.add_task("Asking", total=total)

            def advance(brain: str, trial: Trial) -> None:
                if brain.startswith("llm"):
                    progress.update(task, advance=1, description=trial.situation)

            yield advance
    else:
        done = 0

        def line(brain: str, trial: Trial) -> None:
            nonlocal done
            if brain.startswith("llm"):
                done += 1
                answer = trial.answer or trial.failure or "?"
                text = f"{done}/{total} {brain} {trial.situation}: {answer}"
                print(printable(text), file=sys.stderr, flush=True)

        yield line


@app.command("list")
def list_(situations: Globs = None, json_output: Json = False) -> None:
    """List the situations."""
    from callwright.evaluation.situations import matching

    chosen = matching(situations or ())
    if json_output:
        import json

        print(json.dumps([s.model_dump(mode="json", exclude_defaults=True) for s in chosen]))
        return
    from rich.console import Console

    from callwright.cli.evals_table import list_view

    Console().print(list_view(chosen))


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As callwright evals list has it.")],
    json_output: Json = False,
) -> None:
    """Show a situation as the model sees it, with the right and the forbidden answers."""
    from callwright.config import load_settings
    from callwright.errors import QueryInvalid
    from callwright.evaluation.cases import case_of, suite_settings
    from callwright.evaluation.showing import as_shown
    from callwright.evaluation.situations import matching

    chosen = matching([name])
    if len(chosen) > 1:
        raise QueryInvalid(f"{name} names {len(chosen)} situations", remedy="name one")
    settings = load_settings()
    case = case_of(chosen[0], suite_settings(settings))
    shown = as_shown(case, settings.llm_protocol)
    if json_output:
        import json

        answers = {"right": dict(case.right), "forbidden": dict(case.forbidden)}
        print(json.dumps({"name": chosen[0].name, "shown": dict(shown), **answers}))
        return
    from rich.console import Console

    from callwright.cli.evals_table import case_view

    console = Console()
    for part in case_view(case, shown):
        console.print(part)
