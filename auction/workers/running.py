"""Runs the workers of one process side by side, and ends them in order. After the bid's way."""

import asyncio
import contextlib

import structlog

from auction.domain.errors import Unavailable
from auction.services.house import House
from auction.workers.archiver import Archiver
from auction.workers.cashier import Cashier
from auction.workers.clerk import Clerk
from auction.workers.settler import Settler

log = structlog.get_logger()

CATCH_UP_S = 5.0
"""How long a stopping process still writes down what was accepted; the next one goes on from there."""


async def run_workers(house: House, stopping: asyncio.Event, *, keep_ms: int) -> None:
    """Work until `stopping` is set; then the others leave, and the archiver finishes what the ledger holds.

    A worker that fails in a way it does not know itself ends the process: its supervisor starts another.
    """
    archiver = Archiver(house.books, house.feed, keep_ms=keep_ms)
    others: dict[str, Clerk | Settler | Cashier] = {
        "clerk": Clerk(house),
        "settler": Settler(house),
        "cashier": Cashier(house),
    }
    log.info("workers_started", roles=["archiver", *others])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(archiver.run(), name="archiver")
        at_work = [tasks.create_task(worker.run(), name=name) for name, worker in others.items()]
        await stopping.wait()
        for task in at_work:
            task.cancel()
        archiver.stop()
    with contextlib.suppress(TimeoutError, Unavailable):
        await asyncio.wait_for(archiver.catch_up(), CATCH_UP_S)
    log.info("workers_stopped", entries=archiver.entries, bids=archiver.bids)
