"""Runs the workers of one process concurrently and ends them in order. After the bid's way."""

import asyncio
import contextlib

import structlog

from auction.domain.errors import Unavailable
from auction.services.context import AppContext
from auction.workers.archiver import Archiver
from auction.workers.cashier import Cashier
from auction.workers.clerk import Clerk
from auction.workers.settler import Settler

log = structlog.get_logger()

CATCH_UP_S = 5.0
"""How long a stopping process still archives; the next process continues from there."""


async def run_workers(context: AppContext, stopping: asyncio.Event, *, keep_ms: int) -> None:
    """Run until `stopping` is set; then stop all, the archiver last, after it has stored what the ledger holds.

    An unexpected error of a worker is raised and ends the process, which its supervisor starts again.
    """
    archiver = Archiver(context.books, context.stream, keep_ms=keep_ms)
    others: dict[str, Clerk | Settler | Cashier] = {
        "clerk": Clerk(context),
        "settler": Settler(context),
        "cashier": Cashier(context),
    }
    log.info("workers_started", roles=["archiver", *others])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(archiver.run(), name="archiver")
        running = [tasks.create_task(worker.run(), name=name) for name, worker in others.items()]
        await stopping.wait()
        for task in running:
            task.cancel()
        archiver.stop()
    with contextlib.suppress(TimeoutError, Unavailable):
        await asyncio.wait_for(archiver.catch_up(), CATCH_UP_S)
    log.info("workers_stopped", entries=archiver.entries, bids=archiver.bids)
