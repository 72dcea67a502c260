"""What the processes of a crash case do; imported once, by the process that they fork from."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

from callwright import crashpoints, model_brain
from callwright.bootstrap import open_desk
from callwright.connect import open_exchange
from callwright.domain.orders import Intent, IntentStatus
from callwright.execution import startup, submit
from callwright.loop import run_loop
from callwright.paper.server.app import PaperApp
from callwright.paper.server.auth import Sessions
from callwright.paper.server.dispatch import Dispatcher
from callwright.paper.server.serving import PaperServer, listen, url_of
from desks import desk_settings
from llm_servers import llm_server, well_behaved

LOADED_BEFORE_THE_FORK = model_brain
"""A desk imports this late, for it is heavy; here every child would pay for that."""


def serve_exchange(pipe: Connection, home: Path, seed: int) -> None:
    """Serve the paper exchange until SIGTERM."""
    settings = desk_settings(home, market=f"synthetic:{seed}")
    home.mkdir(parents=True)
    with ExitStack() as stack:
        listener = stack.enter_context(listen("127.0.0.1", 0))
        exchange = open_exchange(settings, stack)
        dispatcher = Dispatcher(
            exchange, Sessions(*settings.paper_credentials(), token_seconds=900)
        )
        server = PaperServer(
            PaperApp(dispatcher), listener, on_start=lambda: pipe.send(url_of(listener))
        )
        asyncio.run(server.run_until_stopped())


def serve_model(pipe: Connection) -> None:
    """Serve a model that proposes the first candidate that passes, until it is killed."""
    with llm_server(well_behaved()) as server:
        pipe.send(server.url)
        time.sleep(3600)


def run_desk(
    home: Path,
    seed: int,
    exchange_url: str,
    model_url: str | None,
    point: str,
    cycles: int,
    without_lookup: bool,
) -> None:
    """Run the desk for some cycles; ``point`` kills it on the way."""
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the process
    model = {} if model_url is None else {
        "llm_enabled": True, "llm_base_url": model_url, "llm_wire": "chat",
        "llm_allow_private_network": True,
    }  # fmt: skip
    settings = desk_settings(home, market=f"synthetic:{seed}", paper_url=exchange_url, **model)
    if without_lookup:
        startup.resolve = submit.resolve = _guess  # type: ignore[attr-defined]
    crashpoints.arm(point)
    with open_desk(settings) as home_desk:
        result = asyncio.run(
            run_loop(
                home_desk.desk, cycles=max(cycles, 0), interval_s=0.0, on_record=lambda record: None
            )
        )
    if result.ended_because == "halted":
        sys.exit(3)


async def _guess(intent: Intent, **_: object) -> Intent:
    """Take an order in doubt for one that never arrived, without a look at the venue."""
    return intent.model_copy(update={"status": IntentStatus.EXPIRED, "message": "guessed"})
