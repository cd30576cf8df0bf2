"""Finds out whether a server of a data directory has died, and starts it again with the same files and address.

For processes that use the directory (`auction.embedded.running`): nobody stops its servers meanwhile, so one that does
not run has died. Several processes may watch one server: the lock that starts it lets one of them do it.
"""

from threading import Event

from auction.embedded.locks import FileLock
from auction.embedded.process import EmbeddedServer, RunningServer, start_server


class RestartableServer:
    """One server, `ledger` or `books`, as it was started."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server

    @property
    def name(self) -> str:
        """`ledger` or `books`."""
        return self._server.paths.name

    def is_running(self) -> bool:
        """Whether any of its processes runs; that it answers is not checked. Raises OSError."""
        with FileLock(self._server.paths.alive) as alive:
            return not alive.acquire(shared=True)

    def restart(self, abandoned: Event) -> RunningServer:
        """Start it and wait until it answers, or until `abandoned` is set. Raises EmbeddedError."""
        return start_server(self._server, abandoned)
