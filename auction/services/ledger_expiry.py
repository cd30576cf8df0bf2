"""Gives the keys of lots that are over, and the purses of finished sales, an end in the ledger. After the bid's way.

A lot's keys are kept for KEEP_MS after its end is archived. Whoever asks later is answered from the archive
(`auction.services.ended_lots`).
"""

from auction.books import ledger_expiry
from auction.services.context import AppContext

KEEP_MS = 7 * 24 * 3_600_000
LOTS_AT_ONCE = 200


async def expire_ended_lots(context: AppContext) -> int:
    """Set the end of whatever is over and archived and has none yet; how many lots. Raises LedgerAway, BooksAway.

    Setting it twice, as after a crash between ledger and database, moves it later and harms nothing.
    """
    async with context.books.reading() as tx:
        lot_ids = await ledger_expiry.ended_lots(tx, limit=LOTS_AT_ONCE)
        sale_ids = await ledger_expiry.finished_sales(tx, limit=LOTS_AT_ONCE)
    if not lot_ids and not sale_ids:
        return 0
    until_ms = await context.ledger.now_ms() + KEEP_MS
    await context.ledger.expire(lot_ids, sale_ids, at_ms=until_ms)
    async with context.books.transaction() as tx:
        await ledger_expiry.note_lots(tx, lot_ids, until_ms)
        await ledger_expiry.note_sales(tx, sale_ids, until_ms)
    return len(lot_ids)
