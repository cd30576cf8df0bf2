"""Embedded servers: Valkey for the ledger and PostgreSQL for the books, from wheels, under one data directory.

They run for as long as at least one process uses them::

    with embedded.running(Path("var")) as servers:
        ...  # servers.redis_url, servers.database_url

Servers that already run for the directory are shared. The last process to leave stops them; one that was killed counts
as having left, and its servers keep running until the next process leaves. Every failure is an `EmbeddedError` with
one sentence that names the path and what to do.

A process that uses a directory may restart its servers after they have died (`restartable`); a process that is started
by one that does so uses them without starting them (`joined`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from auction.embedded import postgres, valkey
from auction.embedded.errors import EmbeddedError, from_os_error
from auction.embedded.locks import FileLock
from auction.embedded.paths import make_folder
from auction.embedded.process import EmbeddedServer, RunningServer, start_server, stop_server
from auction.embedded.restart import RestartableServer

__all__ = ["EmbeddedError", "RestartableServer", "RunningServer", "Servers", "joined", "restartable", "running"]

T = TypeVar("T")

# longer than another process may take to stop them
_STOPPING_S = 180.0
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Servers:
    """The wanted servers, once they answer."""

    data_dir: Path
    ledger: RunningServer | None
    books: RunningServer | None

    @property
    def redis_url(self) -> str:
        """The ledger's address, for redis-py."""
        if self.ledger is None:
            raise LookupError("the embedded ledger was not wanted (want_ledger)")
        return self.ledger.url

    @property
    def database_url(self) -> str:
        """The database's address, for SQLAlchemy with asyncpg."""
        if self.books is None:
            raise LookupError("the embedded books were not wanted (want_books)")
        return self.books.url


@contextmanager
def running(
    data_dir: Path,
    *,
    ledger_binary: str | None = None,
    want_ledger: bool = True,
    want_books: bool = True,
    ledger_settings: Mapping[str, str] = _NO_SETTINGS,
    books_settings: Mapping[str, str] = _NO_SETTINGS,
    relaxed_books: bool = False,
) -> Iterator[Servers]:
    """Run the servers of `data_dir` at least as long as the block. Raises EmbeddedError.

    The settings are added to ours and apply only to a server that is started here. `relaxed_books` lets PostgreSQL
    answer before data is on disk: for tests only.
    """
    data_dir = data_dir.expanduser().absolute()
    make_folder(data_dir)
    ledger = valkey.ValkeyServer(valkey.paths(data_dir), ledger_binary, ledger_settings)
    wanted: list[EmbeddedServer] = [ledger] if want_ledger else []
    if want_books:
        wanted.append(postgres.new_server(postgres.paths(data_dir), books_settings, relaxed=relaxed_books))
    with _registered(data_dir):
        found = dict(zip((server.paths.name for server in wanted), _in_parallel(start_server, wanted), strict=True))
        yield Servers(data_dir, found.get("ledger"), found.get("books"))


@contextmanager
def joined(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Use the servers of `data_dir` that another process starts and restarts: the ledger's and the database's address.

    The database's is that of the role that may not change what is written once. Whether they answer is not waited
    for. They run at least as long as the block, unless they die. Raises EmbeddedError.
    """
    data_dir = data_dir.expanduser().absolute()
    make_folder(data_dir)
    with _registered(data_dir):
        ledger = valkey.ValkeyServer(valkey.paths(data_dir))
        books = postgres.PostgresServer(postgres.paths(data_dir))
        yield ledger.url(ledger.paths.sockets()), books.url(books.paths.sockets(), postgres.APPLICATION_USER)


def restartable(
    data_dir: Path,
    *,
    ledger_binary: str | None = None,
    want_ledger: bool = True,
    want_books: bool = True,
    ledger_settings: Mapping[str, str] = _NO_SETTINGS,
) -> Sequence[RestartableServer]:
    """The wanted servers, for a process within `running` to restart with the same settings. Raises EmbeddedError."""
    data_dir = data_dir.expanduser().absolute()
    ledger = valkey.ValkeyServer(valkey.paths(data_dir), ledger_binary, ledger_settings)
    wanted: list[EmbeddedServer] = [ledger] if want_ledger else []
    if want_books:
        wanted.append(postgres.new_server(postgres.paths(data_dir), _NO_SETTINGS, relaxed=False))
    return [RestartableServer(server) for server in wanted]


@contextmanager
def _registered(data_dir: Path) -> Iterator[None]:
    """Count as a user of the servers during the block; the last user to leave stops them. Raises EmbeddedError."""
    with _open_lock(data_dir / "users.lock") as users:
        try:
            # while it is held nobody stops them; a process that is stopping them now is waited for
            if not users.acquire(shared=True, wait_s=_STOPPING_S):
                raise EmbeddedError(
                    f"another process has been stopping the servers of {data_dir} for {_STOPPING_S:.0f} s: end what "
                    f"holds {users.path} open, or set AUCTION_DATA_DIR to another directory"
                )
            yield
        finally:
            _stop_unless_used(users)


def _stop_unless_used(users: FileLock) -> None:
    """Stop the servers, unless another process uses them or is stopping them already."""
    # released before the exclusive lock is tried: of two that leave together, one gets it
    users.close()
    data_dir = users.path.parent
    with _open_lock(users.path) as exclusive:
        if exclusive.acquire():
            ledger = valkey.ValkeyServer(valkey.paths(data_dir))
            books = postgres.PostgresServer(postgres.paths(data_dir))
            _in_parallel(stop_server, [ledger, books])


def _in_parallel(step: Callable[[EmbeddedServer], T], servers: Sequence[EmbeddedServer]) -> list[T]:
    """Call `step` for all servers at the same time; wait for all of them even where one fails."""
    with ThreadPoolExecutor(max_workers=len(servers) or 1, thread_name_prefix="embedded") as pool:
        futures = [pool.submit(step, server) for server in servers]
        # inside the block: an interrupt ends this wait, and leaving the block waits again
        wait(futures)
    return [future.result() for future in futures]


def _open_lock(path: Path) -> FileLock:
    try:
        return FileLock(path)
    except OSError as error:
        raise from_os_error(path, error) from error
