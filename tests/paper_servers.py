"""The paper server for tests: in a thread of this process, or as the command in its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from callwright.connect import open_exchange
from callwright.paper.exchange import PaperExchange
from callwright.paper.faults import FaultPlan
from callwright.paper.server.app import PaperApp
from callwright.paper.server.auth import Sessions
from callwright.paper.server.credits import CreditBuckets
from callwright.paper.server.dispatch import Dispatcher
from callwright.paper.server.serving import PaperServer, listen, url_of
from desks import desk_settings

T = TypeVar("T")
CLIENT_ID = CLIENT_SECRET = "paper"
WAIT_S = 60


@dataclass(frozen=True)
class ThreadServer:
    """A server in a thread. ``faults`` may be armed from anywhere; the exchange may not be touched
    from other threads: ``ask`` runs a function of it where it lives."""

    url: str
    home: Path
    faults: FaultPlan
    _exchange: PaperExchange
    _loop: asyncio.AbstractEventLoop

    def ask(self, question: Callable[[PaperExchange], T]) -> T:
        async def asked() -> T:
            return question(self._exchange)

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(WAIT_S)


@contextmanager
def serving(
    home: Path,
    *,
    market: str = "synthetic:7",
    step: str = "6h",
    faults: bool = True,
    token_seconds: int = 900,
    rate_limit: bool = False,
    durable: bool = False,
    exchange: Callable[[FaultPlan | None], PaperExchange] | None = None,
    **settings: Any,
) -> Iterator[ThreadServer]:
    """Serve the paper exchange of ``home`` on a free port for the duration of the block.

    Args:
        faults: Whether the fault header is obeyed; ``server.faults`` works in any case.
        exchange: Makes another exchange than the home's, in the server's thread.
        settings: Further settings of the exchange, as ``paper_deposit``.
    """
    plan = FaultPlan()
    chosen = desk_settings(home, market=market, step=step, **settings)
    home.mkdir(parents=True, exist_ok=True)
    started: Future[ThreadServer] = Future()
    stop: list[Callable[[], object]] = []

    async def serve(stack: ExitStack) -> None:
        listener = stack.enter_context(listen("127.0.0.1", 0))
        if exchange is None:
            served = open_exchange(chosen, stack, durable=durable, faults=plan)
        else:
            served = exchange(plan)
            stack.callback(served.close)
        sessions = Sessions(
            SecretStr(CLIENT_ID), SecretStr(CLIENT_SECRET), token_seconds=token_seconds
        )
        dispatcher = Dispatcher(
            served,
            sessions,
            faults=plan if faults else None,
            credits=CreditBuckets() if rate_limit else None,
        )
        loop = asyncio.get_running_loop()
        running = ThreadServer(url_of(listener), home, plan, served, loop)
        server = PaperServer(
            PaperApp(dispatcher), listener, on_start=lambda: started.set_result(running)
        )
        stop.append(lambda: loop.call_soon_threadsafe(server.stop))
        await server.run_until_stopped()

    def run() -> None:
        try:
            with ExitStack() as stack:
                asyncio.run(serve(stack))
        except BaseException as exc:
            if started.done():
                raise
            started.set_exception(exc)

    thread = threading.Thread(target=run, name="paper-server")
    thread.start()
    try:
        yield started.result(WAIT_S)
    finally:
        for end in stop:
            end()
        thread.join(WAIT_S)
        assert not thread.is_alive()


@dataclass(frozen=True)
class ProcessServer:
    """``callwright paper serve`` as a process of its own."""

    url: str
    home: Path
    market: str
    process: subprocess.Popen[str]

    def stop(self) -> int:
        """Ask it to end (SIGTERM) and return its exit code."""
        self.process.terminate()
        return self.process.wait(WAIT_S)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(WAIT_S)


@contextmanager
def serving_process(
    home: Path,
    *options: str,
    market: str = "synthetic:7",
    step: str = "6h",
    faults: bool = True,
    port: int = 0,
) -> Iterator[ProcessServer]:
    """Run the command for the duration of the block; one that was not stopped is killed."""
    command = [
        *(sys.executable, "-m", "callwright", "paper", "serve", "--json", "--port", str(port)),
        *("--home", str(home), "--market", market, "--step", step, *options),
    ]
    if faults:
        command.append("--test-faults")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=_clean_environment(), cwd=home.parent
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"the server ended with {process.wait(WAIT_S)}"
            facts = json.loads(line)
            yield ProcessServer(facts["url"], home, facts["market"], process)
        finally:
            if process.poll() is None:
                process.kill()


def _clean_environment() -> dict[str, str]:
    """This process's environment without keys that would change the server's credentials."""
    return {name: value for name, value in os.environ.items() if not name.startswith("DERIBIT_")}
