"""Serves the API on a socket until told to stop: then takes no more connections, and finishes what it has begun."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

BACKLOG = 4096
"""Connections that may wait to be accepted: a storm arrives at once."""
KEEP_ALIVE_S = 75
"""Longer than a proxy keeps an idle connection, so that the proxy is the one to close it."""
DRAIN_S = 10
"""The longest that begun requests are waited for; a bid takes a ledger's time-out at the most."""
STOPPING = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger("api.http.server")


class ApiServer(uvicorn.Server):
    """Uvicorn, stopped by `stop` or by a signal, without ending the process: the house is closed after it."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                # nobody looks at client addresses here
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `serve`: uvicorn would raise them again, and the house would not be closed."""
        yield

    def stop(self) -> None:
        """Take no more connections and finish what has begun."""
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """A socket to serve on, port 0 for any; OSError where the address is taken."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    return listener


async def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = ApiServer(app)
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, server.stop)
    try:
        _log.info("listening", address=":".join(map(str, listener.getsockname()[:2])))
        await server.serve(sockets=[listener])
        _log.info("stopped")
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
