"""``callwright decisions``: ask the decision memory; rebuild, verify and export it."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callwright.cli.options import ConfigFile, Home, Json, LogDir, settings_of
from callwright.errors import ConfigError

if TYPE_CHECKING:
    from callwright.domain.history import DecisionFilter

app = typer.Typer(
    no_args_is_help=True, help="Every decision on record: list, search, show, count, export."
)

_FILTERS = "Which decisions"
Did = Annotated[
    list[str] | None,
    typer.Option(
        "--action", help="open, roll, close, hold: what was done.", rich_help_panel=_FILTERS
    ),
]
Proposed = Annotated[
    list[str] | None,
    typer.Option(
        "--proposed", help="open, roll, close, hold: what was asked for.", rich_help_panel=_FILTERS
    ),
]
Denied = Annotated[
    bool, typer.Option("--denied", help="Only what a gate denied.", rich_help_panel=_FILTERS)
]
Failed = Annotated[
    bool, typer.Option("--failed", help="Only failed decisions.", rich_help_panel=_FILTERS)
]
Code = Annotated[
    str | None,
    typer.Option("--code", help="A code of a denial: ROLL_DWELL.", rich_help_panel=_FILTERS),
]
Failure = Annotated[
    str | None,
    typer.Option("--failure", help="A failure code: LLM_TIMEOUT.", rich_help_panel=_FILTERS),
]
Underlying = Annotated[
    str | None, typer.Option("--underlying", help="BTC or ETH.", rich_help_panel=_FILTERS)
]
Symbol = Annotated[
    str | None, typer.Option("--symbol", help="An option's whole name.", rich_help_panel=_FILTERS)
]
Strike = Annotated[
    str | None, typer.Option("--strike", help="In USD: 97000 or 97k.", rich_help_panel=_FILTERS)
]
Source = Annotated[
    str | None, typer.Option("--source", help="llm, rule_based, care.", rich_help_panel=_FILTERS)
]
Since = Annotated[
    str | None,
    typer.Option("--since", help="From this UTC time on: 2026-01-05.", rich_help_panel=_FILTERS),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", help="Before this UTC time; a day without a time is included.",
        rich_help_panel=_FILTERS,
    ),
]  # fmt: skip
Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="Rows at most.")]
Cursor = Annotated[int | None, typer.Option("--cursor", min=0, help="Go on from an earlier page.")]
Oldest = Annotated[bool, typer.Option("--oldest", help="Oldest first.")]
Each = Annotated[bool, typer.Option("--each", help="Do not fold runs of alike decisions.")]


@app.command("list")
def list_(
    action: Did = None, proposed: Proposed = None, denied: Denied = False, failed: Failed = False,
    code: Code = None, failure: Failure = None, underlying: Underlying = None,
    symbol: Symbol = None, strike: Strike = None, source: Source = None, since: Since = None,
    until: Until = None, limit: Limit = 20, cursor: Cursor = None, oldest: Oldest = False,
    each: Each = False, home: Home = None, config: ConfigFile = None, json_output: Json = False,
) -> None:  # fmt: skip
    """List decisions, newest first; runs of alike ones are one row."""
    where = _filter(
        action, proposed, denied, failed, code, failure, underlying, symbol, strike, source, since,
        until,
    )  # fmt: skip
    _search(None, where, limit, cursor, oldest, each, home, config, json_output)


@app.command("search")
def search(
    text: Annotated[str, typer.Argument(help="Words, names or codes; never a query language.")],
    action: Did = None, proposed: Proposed = None, denied: Denied = False, failed: Failed = False,
    code: Code = None, failure: Failure = None, underlying: Underlying = None,
    symbol: Symbol = None, strike: Strike = None, source: Source = None, since: Since = None,
    until: Until = None, limit: Limit = 20, cursor: Cursor = None, oldest: Oldest = False,
    each: Each = False, home: Home = None, config: ConfigFile = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Search reasons, verdicts and names for words."""
    where = _filter(
        action, proposed, denied, failed, code, failure, underlying, symbol, strike, source, since,
        until,
    )  # fmt: skip
    _search(text, where, limit, cursor, oldest, each, home, config, json_output)


def _search(
    text: str | None, where: DecisionFilter, limit: int, cursor: int | None, oldest: bool,
    each: bool, home: Home, config: ConfigFile, json_output: bool,
) -> None:  # fmt: skip
    settings = settings_of(config=config, home=home)
    from callwright.domain.history import DecisionSearch
    from callwright.history import open_memory, search_decisions

    question = _valid(
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


@app.command("stats")
def stats(
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            help="day, week, month, action, proposed_action, verdict, code, failure, source, "
            "status, model, underlying, symbol, strike; twice for two.",
        ),
    ] = None,
    action: Did = None, proposed: Proposed = None, denied: Denied = False, failed: Failed = False,
    code: Code = None, failure: Failure = None, underlying: Underlying = None,
    symbol: Symbol = None, strike: Strike = None, source: Source = None, since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000, help="Groups at most.")] = 50,
    home: Home = None, config: ConfigFile = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Count decisions and model costs by day, action, code, strike ..."""
    where = _filter(
        action, proposed, denied, failed, code, failure, underlying, symbol, strike, source, since,
        until,
    )  # fmt: skip
    settings = settings_of(config=config, home=home)
    from callwright.domain.history import StatsQuestion
    from callwright.history import decision_stats, open_memory

    question = _valid(StatsQuestion, where=where, group_by=tuple(by or ["action"]), limit=limit)
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
        )
        if report.out_of_order:
            print(f"{report.out_of_order:,} are older than decisions before them in the memory")
        for cycle_id in report.contradicting[:20]:
            print(f"  contradicts the stored record: {_printable(cycle_id)}", file=sys.stderr)
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
    from callwright.history import repair_memory, verify_memory

    found = repair_memory(settings) if repair else verify_memory(settings)
    if json_output:
        print(json.dumps(found.to_jsonable()))
    else:
        for each in found.differences:
            print(f"{each.kind} {_printable(each.where)}: {_printable(each.what)}")
        if found.count > len(found.differences):
            print(f"... {found.count - len(found.differences):,} more")
        compared = found.compared
        archived = f", {compared.archived:,} of archived days" if compared.archived else ""
        print(
            f"{compared.rows:,} records, {compared.lines:,} lines{archived}: "
            + ("memory and flight recorder agree" if not found.count else
               f"{found.count:,} differences")
        )  # fmt: skip
    if found.count:
        raise typer.Exit(1)


@app.command("export")
def export(
    out: Annotated[str, typer.Argument(help="File to write; - writes JSONL or CSV to stdout.")],
    kind: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv, parquet; else by the file's name.")
    ] = None,
    action: Did = None, proposed: Proposed = None, denied: Denied = False, failed: Failed = False,
    code: Code = None, failure: Failure = None, underlying: Underlying = None,
    symbol: Symbol = None, strike: Strike = None, source: Source = None, since: Since = None,
    until: Until = None, home: Home = None, config: ConfigFile = None, json_output: Json = False,
) -> None:  # fmt: skip
    """Write decisions to a file: records as JSONL, columns as CSV or Parquet."""
    where = _filter(
        action, proposed, denied, failed, code, failure, underlying, symbol, strike, source, since,
        until,
    )  # fmt: skip
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


_ACTIONS = {
    "open": "OPEN_COVERED_CALL",
    "roll": "ROLL_COVERED_CALL",
    "close": "CLOSE_COVERED_CALL",
    "hold": "DO_NOTHING",
}


def _filter(
    action: list[str] | None, proposed: list[str] | None, denied: bool, failed: bool,
    code: str | None, failure: str | None, underlying: str | None, symbol: str | None,
    strike: str | None, source: str | None, since: str | None, until: str | None,
) -> DecisionFilter:  # fmt: skip
    from callwright.domain.history import DecisionFilter

    found: DecisionFilter = _valid(
        DecisionFilter,
        action=tuple(_ACTIONS.get(name.lower(), name) for name in action or ()),
        proposed_action=tuple(_ACTIONS.get(name.lower(), name) for name in proposed or ()),
        verdict="denied" if denied else None,
        code=code,
        failure=failure or ("ANY" if failed else None),
        underlying=underlying and underlying.upper(),
        symbol=symbol and symbol.upper(),
        strike_usd=None if strike is None else _strike(strike),
        source=source,
        since=None if since is None else _time(since, is_end=False),
        until=None if until is None else _time(until, is_end=True),
    )
    return found


def _strike(text: str) -> float:
    clean = text.lower().lstrip("$").replace(",", "")
    with suppress(ValueError):
        return float(clean[:-1]) * 1000 if clean.endswith("k") else float(clean)
    raise ConfigError(f"{text!r} is no strike", remedy="as 97000, 97,000 or 97k")


def _time(text: str, *, is_end: bool) -> Any:
    from datetime import UTC, datetime, timedelta

    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ConfigError(
            f"{text!r} is no time", remedy="as 2026-01-05 or 2026-01-05T08:00, in UTC"
        ) from exc
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return at + timedelta(days=1) if is_end and len(text) == len("2026-01-05") else at


def _valid(model: Any, **fields: Any) -> Any:
    from pydantic import ValidationError

    try:
        return model(**fields)
    except ValidationError as exc:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'][:1])}: {each['msg']}"
            for each in exc.errors()
        )
        raise ConfigError(f"this cannot be asked: {wrong}", remedy="see --help") from exc


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
