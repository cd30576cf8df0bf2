"""Runs the workers of one process concurrently and ends them in order. After the bid's way."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from auction.domain.errors import Unavailable
from auction.ledger.cancellation import raise_if_cancelled
from auction.services.context import AppContext
from auction.services.recovery.frozen import stop_frozen_lots
from auction.workers.archiver import Archiver
from auction.workers.audit_chain import AuditChainWriter
from auction.workers.cashier import Cashier
from auction.workers.clerk import Clerk
from auction.workers.settler import Settler

log = structlog.get_logger()

RESTART_S_MIN, RESTART_S_MAX = 0.5, 30.0
"""A worker that failed is run again after a random wait, whose upper bound doubles with each failure in a row."""
STABLE_S = 60.0
"""A run of this length ends the row."""
CATCH_UP_S = 5.0
"""How long a stopping process still archives; the next process continues from there."""


async def run_workers(context: AppContext, stopping: asyncio.Event, *, keep_ms: int) -> None:
    """Run until `stopping` is set; then stop all, the archiver last, after it has stored what the ledger holds.

    An unexpected error of a worker is logged with its traceback; that worker is run again, the others go on.
    """
    archiver = Archiver(context.books, context.stream, keep_ms=keep_ms, stop_frozen=lambda: stop_frozen_lots(context))
    others: dict[str, Clerk | Settler | Cashier | AuditChainWriter] = {
        "clerk": Clerk(context),
        "settler": Settler(context),
        "cashier": Cashier(context),
        "audit chain": AuditChainWriter(context.books),
    }
    log.info("workers_started", roles=["archiver", *others])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_keep_running("archiver", archiver.run, stopping), name="archiver")
        running = [
            tasks.create_task(_keep_running(name, worker.run, stopping), name=name) for name, worker in others.items()
        ]
        await stopping.wait()
        for task in running:
            task.cancel()
        archiver.stop()
    with contextlib.suppress(TimeoutError, Unavailable):
        await asyncio.wait_for(archiver.catch_up(), CATCH_UP_S)
    log.info("workers_stopped", entries=archiver.entries, bids=archiver.bids)


async def _keep_running(name: str, run: Callable[[], Coroutine[Any, Any, None]], stopping: asyncio.Event) -> None:
    """Run one worker, again after each unexpected error, until it returns, is cancelled, or `stopping` is set."""
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        raise_if_cancelled()
        started_s = loop.time()
        try:
            # in a task of its own: a task group that failed leaves its task marked as cancelled (Python 3.11)
            await asyncio.create_task(run(), name=name)
        except Exception:
            failures = 1 if loop.time() - started_s >= STABLE_S else failures + 1
            wait_s_max = min(RESTART_S_MAX, RESTART_S_MIN * 2 ** min(failures, 10))
            wait_s = random.uniform(RESTART_S_MIN, wait_s_max)  # noqa: S311 - jitter, no secret
            log.exception("worker_failed", worker=name, failures=failures, restart_in_s=round(wait_s, 2))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), wait_s)
            if stopping.is_set():
                return
        else:
            return
