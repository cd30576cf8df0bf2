"""How a process that serves starts while its ledger may be away.

Off the bid's way, above `auction.bootstrap`, which opens what answers.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog

from auction.bootstrap import open_context
from auction.domain.errors import LedgerAway
from auction.services.context import AppContext
from auction.settings import Settings

RETRY_S_MIN, RETRY_S_MAX = 0.1, 1.0
"""Bounds of the random wait before a ledger that was away is tried again."""

log = structlog.get_logger("auction.startup")


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
