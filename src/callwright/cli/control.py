"""``halt``, ``reduce``, ``resume`` and ``status``: the person's hand on the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from callwright.cli.options import ConfigFile, Home, Json, settings_of

if TYPE_CHECKING:
    from rich.table import Table

Reason = Annotated[str, typer.Option("--reason", help="Why; shown with every denial.")]


def halt(
    reason: Reason = "by hand",
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Stop everything: no order of any kind is sent until callwright resume."""
    _set("HALTED", reason, home, config, as_json=json_output)


def reduce(
    reason: Reason = "by hand",
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Only close: open calls may be bought back, nothing is sold until callwright resume."""
    _set("REDUCING", reason, home, config, as_json=json_output)


def resume(
    reason: Reason = "by hand",
    home: Home = None,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Trade again, and release every tripped breaker."""
    _set("ACTIVE", reason, home, config, as_json=json_output)


def _set(state: str, reason: str, home: Home, config: ConfigFile, *, as_json: bool) -> None:
    settings = settings_of(config=config, home=home)
    from callwright.bootstrap import set_trading_state

    set_trading_state(settings, state, reason=reason)
    if as_json:
        import json

        home_name = str(settings.callwright_home)
        print(json.dumps({"home": home_name, "trading_state": state, "reason": reason}))
    else:
        print(f"{settings.callwright_home}: trading state is now {state}")


def _short(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name}={_short(each)}" for name, each in value.items())
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def status(home: Home = None, config: ConfigFile = None, json_output: Json = False) -> None:
    """Show trading state, breakers, unresolved orders and the last cycle. Changes nothing."""
    settings = settings_of(config=config, home=home)
    from callwright.status import read_status

    found = read_status(settings)
    if json_output:
        import json

        print(json.dumps(found))
        return
    from rich.console import Console

    Console().print(status_table(found))


def status_table(found: Mapping[str, Any]) -> Table:
    """Return a status as a table."""
    from rich.table import Table

    table = Table(show_header=False, padding=(0, 1))
    table.add_column("what", style="bold")
    table.add_column("value", overflow="fold")
    for key, value in found.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{k} {_short(v)}" for k, v in value.items()) or "-"
        elif isinstance(value, list):
            shown = "\n".join(str(item) for item in value) or "-"
        else:
            shown = "-" if value is None else str(value)
            if key == "equity_usd" and value is not None:
                shown = f"{value:,.2f}"
        table.add_row(key.replace("_", " "), shown)
    return table
