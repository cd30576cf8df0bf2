"""Binds the database to its ledger: stores the number of shards and the key layout, compared at every later start.

Off the bid's way. A lot's shard follows from the number of shards; with another number its keys would not be found.
"""

from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql

from auction.books.tables import ledger_identity
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.ledger_layout import LAYOUT


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """The number of shards, the key layout and the id of a ledger."""

    shards: int
    layout: str
    lineage: str | None


async def bound_lineage(tx: Transaction) -> str | None:
    """The id of the ledger that the database is bound to; None where it is not bound yet."""
    return await tx.session.scalar(select(ledger_identity.c.lineage))


async def claim_identity(
    tx: Transaction, *, shards: int, layout: str = LAYOUT, lineage: str | None = None
) -> LedgerIdentity:
    """Bind a new database to a ledger, or check that it is bound to one of these shards.

    A database that is bound to another lineage stays so; the caller sees it in what is returned. Raises
    RequestRefused(wrong-shards).
    """
    first = postgresql.insert(ledger_identity).values(shards=shards, layout=layout, lineage=lineage)
    await tx.session.execute(first.on_conflict_do_nothing())
    if lineage is not None:
        unbound = update(ledger_identity).where(ledger_identity.c.lineage.is_(None))
        await tx.session.execute(unbound.values(lineage=lineage))
    row = await tx.returned(select(ledger_identity.c.shards, ledger_identity.c.layout, ledger_identity.c.lineage))
    bound = LedgerIdentity(**row)
    if (bound.shards, bound.layout) != (shards, layout):
        raise RequestRefused(
            ProblemCode.WRONG_SHARDS,
            f"These books belong to a ledger of {bound.shards} shards, layout {bound.layout}; "
            f"this one has {shards}, layout {layout}. Set AUCTION_LEDGER_SHARDS to {bound.shards}.",
            {"shards": bound.shards, "layout": bound.layout},
        )
    return bound
