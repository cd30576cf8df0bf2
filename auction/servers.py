"""The servers of a process: finds the configured ones or runs embedded ones, and opens the ledger alone.

Imports nothing of the database, which a live gateway has no use for.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from auction import embedded
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from auction.settings import Settings


@contextmanager
def running_servers(settings: Settings, *, books: bool = True) -> Iterator[Settings]:
    """Give the settings with the addresses of servers that answer; without `books`, of the ledger's server alone.

    An embedded database's address is its owner's.

    Configured servers are taken as they are; embedded ones of the data directory run at least as long as the block.
    Raises EmbeddedError.
    """
    want_ledger, want_books = settings.redis_url is None, books and settings.database_url is None
    if not want_ledger and not want_books:
        yield settings
        return
    with embedded.running(
        settings.data_dir,
        ledger_binary=settings.ledger_binary,
        want_ledger=want_ledger,
        want_books=want_books,
        ledger_settings=settings.embedded_ledger_settings,
    ) as servers:
        found = {}
        if want_ledger:
            found["redis_url"] = servers.redis_url
        if want_books:
            found["database_url"] = found["database_owner_url"] = servers.database_url
        yield settings.model_copy(update=found)


@contextmanager
def servers_of_process(settings: Settings, *, supervised: bool, books: bool = True) -> Iterator[Settings]:
    """`running_servers` for a process that serves: where it is `supervised`, its supervisor starts the embedded ones.

    They may be away then, and run at least as long as the block unless they die. Raises EmbeddedError.
    """
    want_ledger, want_books = settings.redis_url is None, books and settings.database_url is None
    if not supervised or not (want_ledger or want_books):
        with running_servers(settings, books=books) as found:
            yield found
        return
    with embedded.joined(settings.data_dir) as (redis_url, database_url):
        addresses = {"redis_url": redis_url} if want_ledger else {}
        if want_books:
            addresses["database_url"] = database_url
        yield settings.model_copy(update=addresses)


def restartable_servers(settings: Settings, *, books: bool = True) -> Sequence[embedded.RestartableServer]:
    """The embedded servers of `running_servers`, for a supervisor to restart. Raises EmbeddedError."""
    return embedded.restartable(
        settings.data_dir,
        ledger_binary=settings.ledger_binary,
        want_ledger=settings.redis_url is None,
        want_books=books and settings.database_url is None,
        ledger_settings=settings.embedded_ledger_settings,
    )


@asynccontextmanager
async def open_ledger(settings: Settings) -> AsyncIterator[BidLedger]:
    """Open the ledger alone, for processes that only follow it. Raises LedgerAway, RequestRefused (shards differ)."""
    if settings.redis_url is None:
        raise ValueError("open_ledger needs the ledger's address; see running_servers")
    redis = connect(settings.redis_url, timeout_ms=settings.ledger_timeout_ms)
    try:
        yield await BidLedger.open(redis, settings.ledger_shards, lineage="")
    finally:
        await asyncio.shield(redis.aclose())
