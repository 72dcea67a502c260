"""``callwright gate``: which combination of prompt, tools, settings and model may trade."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from callwright.cli.evals import Every, Globs, progress
from callwright.cli.options import ConfigFile, Home, Json, Model, asking_settings_of
from callwright.errors import ConfigError

if TYPE_CHECKING:
    from callwright.gate.approvals import Approval
    from callwright.gate.approving import Trialled

app = typer.Typer(
    no_args_is_help=True,
    help="Which combinations of prompt, tools, settings and model may trade in MODE=production.",
)


@app.command("check")
def check(model: Model = None, config: ConfigFile = None, json_output: Json = False) -> None:
    """Say whether the combination in use is approved, and what differs. Asks no model.

    Exit code 0: it is approved. 1: it is not; in MODE=production the rules decide.
    """
    settings = asking_settings_of(config=config, llm_model_name=model)
    from callwright.gate.opening import standing_in

    standing = standing_in(settings)
    if json_output:
        import json

        from callwright.cli.gate_table import standing_json

        print(json.dumps(standing_json(standing, settings)))
    else:
        from rich.console import Console

        from callwright.cli.gate_table import standing_view
        from callwright.cli.tables import print_uncut

        print_uncut(Console(), *standing_view(standing, settings))
    if not standing.is_approved:
        raise typer.Exit(1)


@app.command("approve")
def approve(
    model: Model = None,
    situations: Globs = None,
    every: Every = 1,
    repeat: Annotated[
        int, typer.Option(min=1, max=100, help="How often each situation is asked.")
    ] = 1,
    jobs: Annotated[
        int, typer.Option(min=1, max=32, help="How many questions the model has at a time.")
    ] = 1,
    despite: Annotated[
        str | None,
        typer.Option(metavar="REASON", help="Approve below the bar; the reason is recorded."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is written.")] = False,
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Ask the model in use the suite, show its scores, and write the approval into gate.toml.

    Nothing is written when questions stayed unasked, or when the scores miss the bar and --despite
    gives no reason. A part of the suite always misses it. Requests are booked in a temporary home
    under fresh budgets, or in --home's.
    """
    settings = asking_settings_of(config=config, home=home, llm_model_name=model)
    if not yes and (json_output or not sys.stdin.isatty()):
        raise ConfigError(
            "an approval wants a confirmation, and there is nobody to ask",
            remedy="add --yes when you mean it",
        )
    from callwright.evaluation.situations import matching
    from callwright.gate.approvals import read_approvals, require_writable
    from callwright.gate.approving import approval_of, askings, reason_of, trialled

    reason = None if despite is None else reason_of(despite)
    approvals = read_approvals(settings.llm_gate_file)
    require_writable(settings.llm_gate_file)
    chosen = matching(situations or ())[::every]
    with progress(askings(chosen, repeat), is_shown=True) as on_trial:
        found = trialled(settings, chosen, repeat=repeat, jobs=jobs, home=home, on_trial=on_trial)
    approval = approval_of(found, despite=reason or "" if found.shortfalls else "")
    before = approvals.nearest(approval.parts)
    is_good = not found.shortfalls or reason is not None
    if not json_output:
        _print_view(found, approval, before)
    is_written = False
    try:
        if is_good and (yes or typer.confirm("Let it trade?", err=True)):
            _write(approval, settings.llm_gate_file)
            is_written = True
    finally:
        # Only now: what it says of the file is what became of it.
        if json_output:
            _print_json(found, approval, before, is_written=is_written)
    if not is_written:
        raise typer.Exit(1)
    print(
        f"Approved {approval.model} as {approval.version} in {settings.llm_gate_file}.",
        file=sys.stderr,
    )


def _write(approval: Approval, path: Path) -> None:
    from callwright.errors import CallwrightError
    from callwright.gate.approvals import Approvals, read_approvals, to_toml, write_approvals

    try:
        # Read again: the suite takes long, and somebody else may have approved meanwhile.
        write_approvals(path, read_approvals(path).with_(approval))
    except CallwrightError:
        # What was paid for can still be put there by hand.
        print(to_toml(Approvals(approved=(approval,))), file=sys.stderr)
        raise


def _print_json(
    found: Trialled, approval: Approval, before: Approval | None, *, is_written: bool
) -> None:
    import json

    from callwright.cli.gate_table import approval_json

    print(json.dumps(approval_json(found, approval, before, is_written=is_written)))


def _print_view(found: Trialled, approval: Approval, before: Approval | None) -> None:
    from rich.console import Console

    from callwright.cli.gate_table import approval_view
    from callwright.cli.tables import print_uncut

    print_uncut(Console(), *approval_view(found, approval, before))
