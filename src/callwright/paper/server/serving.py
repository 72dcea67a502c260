"""Running the server: one process, one event loop, one address on this machine."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from callwright.domain.hosts import is_loopback
from callwright.errors import ConfigError, StorageError
from callwright.paper.server.app import TRANSPORT, PaperApp

_KEEP_ALIVE_S = 900
"""As Deribit's: an idle connection that we cut would look to a client like a lost reply."""
_GRACE_S = 2
_BACKLOG = 64


class PaperServer(uvicorn.Server):
    """A server of one application on a listening socket.

    Args:
        app: The application.
        listener: See ``listen``; the server closes it.
        on_start: Called once requests are answered.
    """

    def __init__(
        self, app: PaperApp, listener: socket.socket, *, on_start: Callable[[], object]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                lifespan="off",
                interface="asgi3",
                loop="asyncio",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_S,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        self._app = app
        self._listener = listener
        self._on_start = on_start

    async def run_until_stopped(self) -> None:
        """Serve until SIGINT or SIGTERM (in the main thread) or ``stop``."""
        await self.serve(sockets=[self._listener])

    def stop(self) -> None:
        """Finish what is being answered, then end."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then tell."""
        await super().startup(sockets)
        self._on_start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what a fault holds up, then the rest in order."""
        self._app.hang_up()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM; the process then ends as it wishes, not by the signal."""
        try:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.stop)
        except (ValueError, RuntimeError):
            # Not in the main thread: signals are not ours.
            yield
            return
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on this machine; port 0 takes a free one.

    Raises:
        ConfigError: The host is not loopback.
        StorageError: The port is taken or cannot be used.
    """
    if not is_loopback(host):
        raise ConfigError(
            f"the paper server does not listen on {host}",
            remedy="use 127.0.0.1: it has no encryption and trades for whoever can reach it",
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as exc:
        raise StorageError(
            f"cannot listen on {host} port {port}: {exc}",
            remedy="stop what listens there, or choose another --port (0 takes a free one)",
        ) from exc


def url_of(listener: socket.socket) -> str:
    """Return the address at which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Connection(H11Protocol):
    """Shows each request its connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Head and body leave as two writes: with Nagle's algorithm each answer would wait 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        inner = self.app

        async def with_transport(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await inner(scope, receive, send)

        self.app = with_transport
