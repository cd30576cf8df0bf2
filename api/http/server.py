"""Runs the API under uvicorn on a socket; on SIGTERM or SIGINT accepts no more connections and finishes requests."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from api.http.connection import ConnectionRules, LimitedConnection
from auction.serving.sockets import BACKLOG

DRAIN_S = 10
"""The longest that requests in progress are waited for; a bid takes the ledger's time-out at most."""
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger("api.http.server")


class ApiServer(uvicorn.Server):
    """A uvicorn server that `stop` or a signal ends without ending the process, so that the context can be closed."""

    def __init__(
        self,
        app: ASGIApp,
        protocol: type[LimitedConnection] = LimitedConnection,
        rules: ConnectionRules | None = None,
    ) -> None:
        """Takes the class of connections, and the deadlines and bounds that they keep to."""
        ruled = type(protocol.__name__, (protocol,), {"rules": rules or ConnectionRules()})
        super().__init__(
            uvicorn.Config(
                app,
                http=ruled,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                # client addresses are not used
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=DRAIN_S,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals to `serve`: uvicorn would raise them again, which ends the process."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; closes connections whose deadline has passed."""
        if counter % 10 == 0:
            now_s = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, LimitedConnection):
                    connection.close_if_late(now_s)
        return await super().on_tick(counter)

    def stop(self) -> None:
        """Accepts no more connections and finishes requests in progress."""
        self.should_exit = True


def bind(host: str, port: int) -> socket.socket:
    """A bound socket to serve on; port 0 means any free port. Raises OSError where the address is in use."""
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


async def serve(server: ApiServer, listener: socket.socket) -> None:
    """Serves until `stop`, SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, server.stop)
    try:
        _log.info("listening", address=":".join(map(str, listener.getsockname()[:2])))
        await server.serve(sockets=[listener])
        _log.info("stopped")
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
