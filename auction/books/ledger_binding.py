"""Binds the database to its ledger: stores the number of shards and the key layout, compared at every later start.

Off the bid's way. A lot's shard follows from the number of shards; with another number its keys would not be found.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from auction.books.tables import ledger_identity
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused
from auction.domain.ledger_layout import LAYOUT


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """The number of shards and the key layout of a ledger."""

    shards: int
    layout: str


async def claim_identity(tx: Transaction, *, shards: int, layout: str = LAYOUT) -> LedgerIdentity:
    """Bind a new database to a ledger, or check that it is bound to this one. Raises RequestRefused(wrong-shards)."""
    first = postgresql.insert(ledger_identity).values(shards=shards, layout=layout)
    await tx.session.execute(first.on_conflict_do_nothing())
    row = await tx.returned(select(ledger_identity.c.shards, ledger_identity.c.layout))
    bound = LedgerIdentity(**row)
    if bound != LedgerIdentity(shards, layout):
        raise RequestRefused(
            ProblemCode.WRONG_SHARDS,
            f"These books belong to a ledger of {bound.shards} shards, layout {bound.layout}; "
            f"this one has {shards}, layout {layout}. Set AUCTION_LEDGER_SHARDS to {bound.shards}.",
            {"shards": bound.shards, "layout": bound.layout},
        )
    return bound
