"""How a process under a supervisor starts: on servers that the supervisor runs, and that may be away meanwhile.

Off the bid's way, above `auction.bootstrap`, which opens what answers.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

import structlog

from auction import embedded
from auction.bootstrap import open_context, running_servers
from auction.domain.errors import LedgerAway
from auction.services.context import AppContext
from auction.settings import Settings

RETRY_S_MIN, RETRY_S_MAX = 0.1, 1.0
"""Bounds of the random wait before a ledger that was away is tried again."""

log = structlog.get_logger("auction.startup")


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
async def open_context_when_ledger_answers(
    settings: Settings, stopping: asyncio.Event, *, on_away: Callable[[str], None] = lambda _: None
) -> AsyncIterator[AppContext | None]:
    """`open_context` that waits for a ledger that is away; gives None where `stopping` is set first.

    `on_away` is called once, with the reason, where it has to wait. Raises what `open_context` does, but LedgerAway.
    """
    async with AsyncExitStack() as stack:
        is_away = False
        context: AppContext | None = None
        while context is None and not stopping.is_set():
            try:
                context = await stack.enter_async_context(open_context(settings))
            except LedgerAway as error:
                if not is_away:
                    is_away = True
                    log.warning("start_waits_for_ledger", reason=error.detail)
                    on_away(error.detail)
                wait_s = random.uniform(RETRY_S_MIN, RETRY_S_MAX)  # noqa: S311 - jitter, no secret
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stopping.wait(), wait_s)
        if is_away and context is not None:
            log.info("ledger_answers")
        yield context
