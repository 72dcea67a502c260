"""The command line: thin commands over ``bootstrap``. ``--help`` imports neither SDK nor numpy.

Results go to stdout, progress and errors to stderr. Exit codes: 0 fine, 1 failed, 2 wrong usage or
configuration.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from callwright import __version__
from callwright.cli import (
    backtest,
    chain,
    chat,
    control,
    costs,
    decisions,
    doctor,
    evals,
    gate,
    local,
    paper,
    replay,
    run,
    what_if,
)
from callwright.errors import CallwrightError, ConfigError, QueryInvalid

app = typer.Typer(
    name="callwright",
    help="An options desk that agents propose to and code disposes of. Testnet and research only; "
    "not financial advice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("backtest")(backtest.backtest)
app.command("chain")(chain.chain)
app.command("status")(control.status)
app.command("what-if")(what_if.what_if)
app.command("replay")(replay.replay)
app.command("chat")(chat.chat)
app.command("costs")(costs.costs)
app.command("halt")(control.halt)
app.command("reduce")(control.reduce)
app.command("resume")(control.resume)
app.command("doctor")(doctor.doctor)
app.add_typer(decisions.app, name="decisions")
app.add_typer(paper.app, name="paper")
app.add_typer(local.app, name="local")
app.add_typer(evals.app, name="evals")
app.add_typer(gate.app, name="gate")


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Show the version and leave.")] = False,
) -> None:
    """Show the version; every other word is a command."""
    if show:
        print(f"callwright {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


def main() -> None:
    """Run the command line; errors of ours become one clear message, never a traceback."""
    try:
        app()
    except CallwrightError as exc:
        from callwright.cli.tables import printable

        sys.stdout.flush()
        print(f"callwright: {printable(exc.message, lines=True)}", file=sys.stderr)
        if exc.remedy:
            print(f"  what to do: {printable(exc.remedy, lines=True)}", file=sys.stderr)
        sys.exit(2 if isinstance(exc, (ConfigError, QueryInvalid)) else 1)
    except BrokenPipeError:
        # The reader of our output went away (head, less): nothing is wrong with us.
        sys.stderr.close()
        sys.exit(0)
