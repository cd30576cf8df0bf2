"""Which ledger these books belong to: written at the first start, and compared at every later one.

A lot's shard follows from the number of shards; with another number the ledger's keys would be looked for elsewhere.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects import postgresql

from auction.books.tables import ledger_identity
from auction.books.unit_of_work import Transaction
from auction.domain.errors import ProblemCode, RequestRefused

LAYOUT = "a1"
"""The version of the ledger's key layout that these books are written from."""


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    """Into how many shards the ledger was cut, under which key layout."""

    shards: int
    layout: str


async def claim_identity(tx: Transaction, *, shards: int, layout: str = LAYOUT) -> LedgerIdentity:
    """Bind new books to a ledger, or check that they are bound to it. Raises RequestRefused (wrong-shards)."""
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
