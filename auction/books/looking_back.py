"""A lot's archived entries read from their end, for staff who look at what has just happened."""

from sqlalchemy import select

from auction.books.archive_queries import ArchivedEntry
from auction.books.tables import ledger_entries
from auction.books.unit_of_work import Transaction


async def entries_before(tx: Transaction, lot_id: str, *, before_seq: int, limit: int) -> list[ArchivedEntry]:
    """A page of a lot's entries, newest first, from the last that begins before a seq."""
    statement = (
        select(ledger_entries)
        .where(ledger_entries.c.lot_id == lot_id, ledger_entries.c.first_seq < before_seq)
        .order_by(ledger_entries.c.first_seq.desc())
        .limit(limit)
    )
    return [ArchivedEntry(**row) for row in await tx.rows(statement)]
