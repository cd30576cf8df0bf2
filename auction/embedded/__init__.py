"""Real servers without an installation: the bid ledger (Valkey) and the books (PostgreSQL) under one data directory.

They stand where a bid is decided and where it is kept, for as long as somebody uses them::

    with embedded.running(Path("var")) as servers:
        ...  # servers.redis_url, servers.database_url

Servers that already run for the directory are used as they are. The last user to leave stops them, and a user that
was killed counts as gone: its servers live on unharmed until the next one leaves. Everything that can go wrong is an
`EmbeddedError` with one sentence that names the path and what to do.
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

__all__ = ["EmbeddedError", "RunningServer", "Servers", "running"]

Outcome = TypeVar("Outcome")

# longer than it takes anybody to stop them
_STOPPING_S = 180.0
_NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers that were asked for, answering."""

    data_dir: Path
    ledger: RunningServer | None
    books: RunningServer | None

    @property
    def redis_url(self) -> str:
        """The bid ledger's address, for redis-py."""
        if self.ledger is None:
            raise LookupError("the embedded ledger was not asked for")
        return self.ledger.url

    @property
    def database_url(self) -> str:
        """The books' address, for SQLAlchemy with asyncpg."""
        if self.books is None:
            raise LookupError("the embedded books were not asked for")
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
    """Have the servers of `data_dir` run while the block does.

    The settings go on top of ours and count only for a server that starts here. `relaxed_books` lets PostgreSQL
    answer before the disk does: for tests alone.
    """
    data_dir = data_dir.expanduser().absolute()
    make_folder(data_dir)
    wanted: list[EmbeddedServer] = []
    if want_ledger:
        wanted.append(valkey.ValkeyServer(valkey.paths(data_dir), ledger_binary, ledger_settings))
    if want_books:
        wanted.append(postgres.new_server(postgres.paths(data_dir), books_settings, relaxed=relaxed_books))
    with _lock(data_dir / "users.lock") as presence:
        try:
            # from here on nobody stops them; whoever is stopping them just now is waited for
            if not presence.take(shared=True, wait_s=_STOPPING_S):
                raise EmbeddedError(
                    f"another process has been stopping the servers of {data_dir} for {_STOPPING_S:.0f} s: see what "
                    f"holds {presence.path} open, or set AUCTION_DATA_DIR to another directory"
                )
            found = dict(zip((server.paths.name for server in wanted), _at_once(start_server, wanted), strict=True))
            yield Servers(data_dir, found.get("ledger"), found.get("books"))
        finally:
            _leave(presence)


def _leave(presence: FileLock) -> None:
    """Stop what runs there, unless somebody else still uses it, or is stopping it already."""
    # let go first and then ask: of two who leave together, the later one to ask finds nobody
    presence.close()
    data_dir = presence.path.parent
    with _lock(presence.path) as alone:
        if alone.take():
            ledger = valkey.ValkeyServer(valkey.paths(data_dir))
            books = postgres.PostgresServer(postgres.paths(data_dir))
            _at_once(stop_server, [ledger, books])


def _at_once(step: Callable[[EmbeddedServer], Outcome], servers: Sequence[EmbeddedServer]) -> list[Outcome]:
    """Do one thing to all servers at the same time, and wait for all of it even where one fails."""
    with ThreadPoolExecutor(max_workers=len(servers) or 1, thread_name_prefix="embedded") as pool:
        done = [pool.submit(step, server) for server in servers]
        # in here: an interrupt ends this wait, and leaving the block waits once more
        wait(done)
    return [outcome.result() for outcome in done]


def _lock(path: Path) -> FileLock:
    try:
        return FileLock(path)
    except OSError as error:
        raise from_os_error(path, error) from error
