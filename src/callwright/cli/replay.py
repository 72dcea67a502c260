"""``callwright replay``: stored decisions decided again by another brain, prompt or number."""

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
    from callwright.replaying.question import Progress, Question

PROMPT_LENGTH_MAX = 100_000
LINE_EACH_S = 2.0
"""Where stderr is no terminal, a replay tells how far it is as often as this."""


def replay(
    since: Annotated[
        str | None,
        typer.Option("--since", help="From this UTC time on: 2026-01-05; without it all."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", help="Before this UTC time; a day without a time is included."),
    ] = None,
    brain: Annotated[Literal["rules", "llm"], typer.Option(help="Who decides again.")] = "rules",
    model: Model = None,
    prompt: Annotated[
        Path | None,
        typer.Option(
            "--prompt",
            metavar="FILE",
            help="In place of agents/prompts/manager.md, with the same placeholders.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=NUMBER",
            help="A limit, scanner filter or number of the policy, otherwise than it was then: "
            "min_ivrv=1.2, or of one coin max_net_delta_abs.BTC=0.3.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Differences in the table at most, the newest.")
    ] = 50,
    html: Html = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            metavar="DIR",
            help="The desk (CALLWRIGHT_HOME); given here, a model's requests are booked in it, "
            "under its budgets, else in a temporary home, under fresh ones.",
        ),
    ] = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Decide stored decisions again and show what differs, and what each choice earned.

    Nothing is sent, nothing of the desk changes. Settings are those of each decision. Exit code 1
    if a budget, a refused key or a silent server left decisions unasked or unanswered.
    """
    asked = asking_settings_of if brain == "llm" else settings_of
    settings = asked(config=config, home=home, llm_model_name=model)
    from callwright.cli.page_file import check_page, write_page
    from callwright.replaying.running import replay as decide_again

    if brain == "rules" and (model is not None or prompt is not None):
        raise typer.BadParameter("--model and --prompt need --brain llm")
    check_page(html)
    question = _question(since, until, brain, prompt, set_ or [])
    with _progress(is_model=brain == "llm") as on_progress:
        report = decide_again(question, settings, booked_in=home, on_progress=on_progress)
    if json_output:
        print(report.model_dump_json())
    else:
        from rich.console import Console

        from callwright.cli.replay_table import report_view
        from callwright.cli.tables import print_uncut

        console = Console()
        print_uncut(console, *report_view(report, limit=limit, width=console.width))
    if html is not None:
        from callwright.replaying.page import page

        write_page(html, lambda made: page(report, made=made))
    if report.stopped or report.unanswered:
        raise typer.Exit(1)


def _question(
    since: str | None,
    until: str | None,
    brain: Literal["rules", "llm"],
    prompt: Path | None,
    changes: list[str],
) -> Question:
    from callwright.replaying.question import Question
    from callwright.tools.memory_questions import changes_of, time_of

    numbers = changes_of("settings", changes)
    return Question(
        brain=brain,
        since=None if since is None else time_of("since", since, is_end=False),
        until=None if until is None else time_of("until", until, is_end=True),
        prompt=None if prompt is None else _text_of(prompt),
        prompt_name=None if prompt is None else prompt.name,
        changes={name: float(number) for name, number in numbers.items()},
    )


def _text_of(path: Path) -> str:
    from callwright.errors import ConfigError

    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(PROMPT_LENGTH_MAX + 1)
    except (OSError, UnicodeDecodeError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {why}", remedy="check --prompt") from exc
    if len(text) > PROMPT_LENGTH_MAX:
        raise ConfigError(
            f"{path}: longer than {PROMPT_LENGTH_MAX:,} characters", remedy="check --prompt"
        )
    return text


@contextmanager
def _progress(*, is_model: bool) -> Iterator[Callable[[Progress], None]]:
    """Show a bar on stderr while it lasts; plain lines when that is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        with Bar(
            "Deciding again", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=console, transient=True,
        ) as bar:  # fmt: skip
            task = bar.add_task("", total=None)
            yield lambda now: bar.update(task, completed=now.at, total=now.total)
        return
    from time import monotonic

    told_at = monotonic()

    def line(now: Progress) -> None:
        nonlocal told_at
        # A model's answer is worth a line of its own, the rules' thousands are not.
        if (is_model and now.answer) or monotonic() - told_at >= LINE_EACH_S:
            told_at = monotonic()
            text = f"{now.at}/{now.total} #{now.decision_id} {now.answer}"
            print(text.rstrip(), file=sys.stderr, flush=True)

    yield line
