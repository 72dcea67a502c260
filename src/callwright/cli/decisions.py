"""``callwright decisions``: ask the decision memory; rebuild, verify and export it."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from callwright.cli.decision_filters import Which, filtered, valid
from callwright.cli.options import ConfigFile, Home, Json, LogDir, settings_of
from callwright.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True, help="Every decision on record: list, search, show, count, export."
)

Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="Rows at most.")]
Cursor = Annotated[int | None, typer.Option("--cursor", min=0, help="Go on from an earlier page.")]
Oldest = Annotated[bool, typer.Option("--oldest", help="Oldest first.")]
Each = Annotated[bool, typer.Option("--each", help="Do not fold runs of alike decisions.")]


@app.command("list")
@filtered
def list_(
    where: Which, limit: Limit = 20, cursor: Cursor = None, oldest: Oldest = False,
    each: Each = False, home: Home = None, config: ConfigFile = None, json_output: Json = False,
) -> None:  # fmt: skip
    """List decisions, newest first; runs of alike ones are one row."""
    _search(None, where, limit, cursor, oldest, each, home, config, json_output)


@app.command("search")
@filtered
def search(
    text: Annotated[str, typer.Argument(help="Words, names or codes; never a query language.")],
    where: Which, limit: Limit = 20, cursor: Cursor = None, oldest: Oldest = False,
    each: Each = False, home: Home = None, config: ConfigFile = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Search reasons, verdicts and names for words."""
    _search(text, where, limit, cursor, oldest, each, home, config, json_output)


def _search(
    text: str | None, where: Which, limit: int, cursor: int | None, oldest: bool,
    each: bool, home: Home, config: ConfigFile, json_output: bool,
) -> None:  # fmt: skip
    settings = settings_of(config=config, home=home)
    from callwright.domain.history import DecisionSearch
    from callwright.history import open_memory, search_decisions

    question = valid(
        DecisionSearch, where=where, text=text, limit=limit, cursor=cursor, collapse=not each,
        order="oldest" if oldest else "newest",
    )  # fmt: skip
    with open_memory(settings) as memory:
        page = search_decisions(memory, question)
    if json_output:
        print(page.model_dump_json())
        return
    from rich.console import Console

    from callwright.cli.decision_tables import page_view
    from callwright.cli.tables import print_uncut

    console = Console()
    print_uncut(console, *page_view(page, width=console.width))


@app.command("show")
def show(
    decision: Annotated[str, typer.Argument(help="Number or cycle_id of a decision.")],
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Show one decision whole, the open behind a close, and what its orders became."""
    settings = settings_of(config=config, home=home)
    from callwright.history import get_decision, open_memory

    with open_memory(settings) as memory:
        found = get_decision(memory, decision)
    if json_output:
        told = found.model_dump(mode="json")
        print(json.dumps(told | {"record": json.loads(found.record.to_line())}))
        return
    from rich.console import Console

    from callwright.cli.decision_tables import detail_view
    from callwright.cli.tables import print_uncut

    print_uncut(Console(), *detail_view(found))


@app.command("why")
def why(
    decision: Annotated[str, typer.Argument(help="Number or cycle_id of a decision.")],
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Say in plain words what was decided, by whom, what the gates said, and why."""
    settings = settings_of(config=config, home=home)
    from callwright.cli.decision_why import why_lines
    from callwright.history import get_decision, open_memory

    with open_memory(settings) as memory:
        found = get_decision(memory, decision)
    lines = why_lines(found)
    if json_output:
        print(json.dumps({"id": found.id, "cycle_id": found.record.cycle_id, "why": lines}))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for line in lines:
        console.print(Text(line))


@app.command("stats")
@filtered
def stats(
    where: Which,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            help="day, week, month, action, proposed_action, verdict, code, failure, source, "
            "status, model, underlying, symbol, strike; twice for two.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Groups at most.")] = 50,
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Count decisions and model costs by day, action, code, strike ..."""
    settings = settings_of(config=config, home=home)
    from callwright.domain.history import StatsQuestion
    from callwright.history import decision_stats, open_memory

    question = valid(StatsQuestion, where=where, group_by=tuple(by or ["action"]), limit=limit)
    with open_memory(settings) as memory:
        answer = decision_stats(memory, question)
    if json_output:
        print(answer.model_dump_json())
        return
    from rich.console import Console

    from callwright.cli.decision_tables import stats_view
    from callwright.cli.tables import print_uncut

    print_uncut(Console(), *stats_view(answer, question.group_by))


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="JSONL files of a flight recorder.")],
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Rebuild the memory from flight recorder files; a line that is known changes nothing."""
    settings = settings_of(config=config, home=home)
    from callwright.cli.tables import printable
    from callwright.history import import_lines

    paths = sorted(files, key=lambda path: path.name)
    size = sum(path.stat().st_size for path in paths if path.is_file())
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    with Progress(
        "importing", BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("importing", total=size)
        report = import_lines(settings, paths, on_bytes=lambda done: progress.advance(task, done))
    if json_output:
        print(json.dumps(report.__dict__))
    else:
        print(
            f"{report.lines:,} lines: {report.added:,} added, {report.known:,} known, "
            f"{len(report.contradicting):,} contradicting, {report.skipped:,} skipped"
            + (f", {report.pruned:,} pruned before" if report.pruned else "")
        )
        if report.out_of_order:
            print(f"{report.out_of_order:,} are older than decisions before them in the memory")
        for cycle_id in report.contradicting[:20]:
            print(f"  contradicts the stored record: {printable(cycle_id)}", file=sys.stderr)
    if report.contradicting:
        raise typer.Exit(1)


@app.command("verify")
def verify(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Import missing rows, append missing lines, make the index again."
        ),
    ] = False,
    home: Home = None,
    log_dir: LogDir = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Compare the memory with the flight recorder, and its index with its records."""
    settings = settings_of(config=config, home=home, log_dir=log_dir)
    from callwright.cli.tables import printable
    from callwright.history import repair_memory, verify_memory

    found = repair_memory(settings) if repair else verify_memory(settings)
    if json_output:
        print(json.dumps(found.to_jsonable()))
    else:
        for each in found.differences:
            print(f"{each.kind} {printable(each.where)}: {printable(each.what)}")
        if found.count > len(found.differences):
            print(f"... {found.count - len(found.differences):,} more")
        compared = found.compared
        archived = f", {compared.archived:,} of archived days" if compared.archived else ""
        archived += f", {compared.pruned:,} lines of pruned decisions" if compared.pruned else ""
        print(
            f"{compared.rows:,} records, {compared.lines:,} lines{archived}: "
            + ("memory and flight recorder agree" if not found.count else
               f"{found.count:,} differences")
        )  # fmt: skip
    if found.count:
        raise typer.Exit(1)


@app.command("prune")
def prune(
    before: Annotated[
        str, typer.Option("--before", help="First month that is kept: 2026-03 or 2026-03-01.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it nothing is.")] = False,
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Delete old decisions, whole months; without --yes say which. Their sums stay."""
    settings = settings_of(config=config, home=home)
    from callwright.cli.tables import printable
    from callwright.history import plan_prune, prune_memory

    first = _month(before)
    plan = plan_prune(settings, first)
    done = prune_memory(settings, first) if yes and not plan.obstacles else 0
    if json_output:
        print(json.dumps(plan.__dict__ | {"deleted": done}))
    else:
        print(
            f"{plan.decisions:,} decisions before {plan.before}"
            + (f", {plan.first_as_of[:10]} to {plan.last_as_of[:10]}" if plan.decisions else "")
            + f": {done:,} deleted"
        )
        for obstacle in plan.obstacles:
            print(f"  may not go: {printable(obstacle)}", file=sys.stderr)
        if plan.decisions and not (yes or plan.obstacles):
            print("Nothing was deleted; --yes deletes them. Their sums stay, their texts do not.")
    if plan.obstacles or (yes and done != plan.decisions):
        raise typer.Exit(1)


def _month(text: str) -> date:
    with suppress(ValueError):
        first = date.fromisoformat(text if len(text) > len("2026-03") else f"{text}-01")
        if first.day == 1:
            return first
    raise ConfigError(
        f"{text!r} is not the first day of a month",
        remedy="as 2026-03 or 2026-03-01; whole months go",
    )


@app.command("export")
@filtered
def export(
    where: Which,
    out: Annotated[str, typer.Argument(help="File to write; - writes JSONL or CSV to stdout.")],
    kind: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv, parquet; else by the file's name.")
    ] = None,
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Write decisions to a file: records as JSONL, columns as CSV or Parquet."""
    settings = settings_of(config=config, home=home)
    from callwright.history import export_file, exported_lines, open_memory

    name = (kind or ("jsonl" if out == "-" else Path(out).suffix.lstrip("."))).lower()
    if name not in ("jsonl", "csv", "parquet") or (out == "-" and name == "parquet"):
        raise ConfigError(
            f"cannot export {name or 'a file without a suffix'!r} to {out}",
            remedy="--format jsonl or csv, or parquet into a file",
        )
    with open_memory(settings) as memory:
        if out == "-":
            for line in exported_lines(memory, where, "csv" if name == "csv" else "jsonl"):
                sys.stdout.write(line)
            return
        count = export_file(memory, where, name, Path(out))  # type: ignore[arg-type]
    if json_output:
        print(json.dumps({"file": out, "format": name, "decisions": count}))
    else:
        print(f"{count:,} decisions written to {out}")
