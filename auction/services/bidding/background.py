"""What runs beside a process's bids: the ledger's memory, ended tokens and low bids are followed, refusals reported."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auction.services.context import AppContext


@asynccontextmanager
async def kept_up_to_date(context: AppContext) -> AsyncIterator[None]:
    """During the block, all that the bids of this process depend on is followed."""
    following = {
        asyncio.create_task(context.ledger_memory.run(context.ledger.redis), name="watch the ledger's memory"),
        asyncio.create_task(context.revocations.run(context.books), name="follow tokens taken back"),
        asyncio.create_task(context.seen_sessions.run(context.books), name="note when sessions were seen"),
    }
    following.add(asyncio.create_task(context.refusals.run(context.ledger), name="report refused bids"))
    if context.edge is not None:
        following.add(asyncio.create_task(context.edge.run(), name="follow lots with low bids"))
    try:
        yield
    finally:
        for task in following:
            task.cancel()
        await asyncio.wait(following)
