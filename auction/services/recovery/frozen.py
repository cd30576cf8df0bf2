"""Stops in the ledger the lots that are frozen in the database. After the bid's way.

The archiver calls it when it freezes a lot, and the clerk repeats it until the ledger has answered.
"""

import structlog

from auction.books import frozen_lots
from auction.domain.errors import LedgerChanged
from auction.services.context import AppContext

log = structlog.get_logger()


async def stop_frozen_lots(context: AppContext) -> int:
    """Stop every lot that is frozen in the database and not yet in the ledger; how many. Raises LedgerAway, BooksAway.

    A lot that the ledger does not know, or that is over there, takes no bids anyway.
    """
    async with context.books.reading() as tx:
        waiting = await frozen_lots.not_entered(tx)
    stopped = 0
    for lot in waiting:
        try:
            code, _ = await context.ledger.freeze(lot.lot_id, lot.cause)
        except LedgerChanged:
            continue  # its shard is stopped, and takes no bids either
        async with context.books.transaction() as tx:
            await frozen_lots.mark_entered(tx, lot.lot_id)
        log.error("lot_stopped", lot=lot.lot_id, cause=str(lot.cause), code=code)
        stopped += 1
    return stopped
