"""``callwright paper serve``: the paper exchange as a process of its own."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from callwright.cli.options import ConfigFile, Home, Json, Market, Step, settings_of
from callwright.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="The paper exchange as a server.")


@app.callback()
def group() -> None:
    """Keep ``serve`` a command of its own: a group of one would swallow its name."""


@app.command("serve")
def serve(
    market: Market = None,
    step: Step = None,
    home: Home = None,
    host: Annotated[str, typer.Option(help="Address on this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 8732,
    client_id: Annotated[
        str | None,
        typer.Option(
            "--client-id",
            help="Key that clients name (DERIBIT_CLIENT_ID), with DERIBIT_CLIENT_SECRET from the "
            "environment; without both it is paper, and the secret too.",
        ),
    ] = None,
    token_seconds: Annotated[
        int, typer.Option(min=1, help="Lifetime of an access token, in seconds.")
    ] = 900,
    rate_limit: Annotated[
        bool, typer.Option("--rate-limit", help="Count request credits as Deribit does.")
    ] = False,
    test_faults: Annotated[
        bool,
        typer.Option("--test-faults", help="Obey the header X-Callwright-Fault; for tests only."),
    ] = False,
    config: ConfigFile = None,
    json_output: Json = False,
) -> None:
    """Serve the paper exchange as a Deribit JSON-RPC API on this machine, until Ctrl-C.

    Its books are paper.db in the home folder. A desk trades on it with PAPER_URL set to the address
    that is printed; with --json the first line is {"url": …, "market": …}.
    """
    settings = settings_of(
        config=config, home=home, market=market, step=step, deribit_client_id=client_id
    )
    if client_id is not None and settings.deribit_client_secret is None:
        raise ConfigError(
            "--client-id needs a secret", remedy="set DERIBIT_CLIENT_SECRET in the environment"
        )
    # Heavy imports wait until the configuration is known to be right.
    import asyncio
    from contextlib import ExitStack

    from callwright.connect import open_exchange
    from callwright.paper.faults import FaultPlan
    from callwright.paper.server.app import PaperApp
    from callwright.paper.server.auth import Sessions
    from callwright.paper.server.credits import CreditBuckets
    from callwright.paper.server.dispatch import Dispatcher
    from callwright.paper.server.serving import PaperServer, listen, url_of

    with ExitStack() as stack:
        listener = stack.enter_context(listen(host, port))
        faults = FaultPlan() if test_faults else None
        exchange = open_exchange(settings, stack, faults=faults)
        dispatcher = Dispatcher(
            exchange,
            Sessions(*settings.paper_credentials(), token_seconds=token_seconds),
            faults=faults,
            credits=CreditBuckets() if rate_limit else None,
        )
        facts = {"url": url_of(listener), "market": exchange.source.name}
        server = PaperServer(
            PaperApp(dispatcher), listener, on_start=lambda: _announce(facts, as_json=json_output)
        )
        asyncio.run(server.run_until_stopped())


def _announce(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        import json

        print(json.dumps(facts), flush=True)
        return
    print(
        f"paper exchange on {facts['market']} at {facts['url']}; trade on it with "
        f"PAPER_URL={facts['url']} callwright run --no-dry-run, stop it with Ctrl-C",
        flush=True,
    )
