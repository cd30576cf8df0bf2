"""Keeps a worker's task going: at the pace it asks for, waiting for servers that are away, saying so once."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from auction.domain.errors import AuctionError, Unavailable
from auction.workers.cancellation import honour_cancellation

log = structlog.get_logger()

AWAY_MS_MAX = 2_000
"""The longest wait for a server that is away."""


async def keep_doing(worker: str, what: str, step: Callable[[], Awaitable[float]]) -> None:
    """Do a step for ever; it answers how many seconds until it is worth doing again."""
    away = False
    while True:
        honour_cancellation()
        try:
            wait_s = await step()
            if away:
                away = False
                log.info("worker_goes_on", worker=worker, what=what)
        except Unavailable as error:
            if not away:
                away = True
                log.warning("worker_waits", worker=worker, what=what, code=error.code, reason=error.detail)
            wait_s = random.uniform(0.1, AWAY_MS_MAX / 1000)  # noqa: S311 - jitter, no secret
        except AuctionError as error:
            log.error("worker_refused", worker=worker, what=what, code=error.code, reason=error.detail)
            wait_s = AWAY_MS_MAX / 1000
        await asyncio.sleep(wait_s)
