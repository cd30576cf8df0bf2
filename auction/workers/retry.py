"""Runs a worker's step again and again: waits as long as it asks, retries while a server is away, logs that once."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import structlog

from auction.domain.errors import AuctionError, Unavailable
from auction.ledger.cancellation import raise_if_cancelled

log = structlog.get_logger()

RETRY_S_MIN, RETRY_S_MAX = 0.1, 2.0
"""Bounds of the random wait before a failed step is repeated."""


async def run_repeatedly(worker: str, what: str, step: Callable[[], Awaitable[float]]) -> None:
    """Run a step until cancelled; it returns the seconds to wait before the next time."""
    away = False
    while True:
        raise_if_cancelled()
        try:
            wait_s = await step()
            if away:
                away = False
                log.info("worker_resumed", worker=worker, what=what)
        except Unavailable as error:
            if not away:
                away = True
                log.warning("worker_waiting", worker=worker, what=what, code=error.code, reason=error.detail)
            wait_s = random.uniform(RETRY_S_MIN, RETRY_S_MAX)  # noqa: S311 - jitter, no secret
        except AuctionError as error:
            log.error("worker_step_refused", worker=worker, what=what, code=error.code, reason=error.detail)
            wait_s = RETRY_S_MAX
        await asyncio.sleep(wait_s)
