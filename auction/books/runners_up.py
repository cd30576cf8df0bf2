"""Stores which losers of a lot may still be offered it: their deposits stay held until the cascade has ended.

After the bid's way. A row is added when the settlement is opened, and closed when the bidder has answered an offer, or
when the lot is paid, relisted, given up or void. Changed under the lock of the lot's settlement.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select, update

from auction.books.tables import lots, runners_up
from auction.books.unit_of_work import Transaction

KEPT = runners_up.c.released_at_ms.is_(None)


async def keep(tx: Transaction, kept: Mapping[str, Sequence[str]], *, at_ms: int) -> None:
    """Keep these bidders, by lot."""
    rows = [
        {"lot_id": lot_id, "bidder_id": bidder_id, "kept_at_ms": at_ms}
        for lot_id, bidder_ids in kept.items()
        for bidder_id in bidder_ids
    ]
    if rows:
        await tx.session.execute(insert(runners_up), rows)


async def release(tx: Transaction, lot_id: str, *, at_ms: int, bidder_id: str | None = None) -> None:
    """Keep a bidder, or everybody, of a lot no longer; those who are not kept stay as they are."""
    statement = update(runners_up).where(runners_up.c.lot_id == lot_id, KEPT).values(released_at_ms=at_ms)
    if bidder_id is not None:
        statement = statement.where(runners_up.c.bidder_id == bidder_id)
    await tx.session.execute(statement)


async def kept_of_lot(tx: Transaction, lot_id: str) -> set[str]:
    """The bidders who may still be offered a lot."""
    statement = select(runners_up.c.bidder_id).where(runners_up.c.lot_id == lot_id, KEPT)
    return {row["bidder_id"] for row in await tx.rows(statement)}


async def kept_lots_of_bidder(tx: Transaction, bidder_id: str) -> dict[str, str]:
    """The lots that a bidder may still be offered -> their sale."""
    statement = (
        select(runners_up.c.lot_id, lots.c.sale_id)
        .join(lots, lots.c.lot_id == runners_up.c.lot_id)
        .where(runners_up.c.bidder_id == bidder_id, KEPT)
    )
    return {row["lot_id"]: row["sale_id"] for row in await tx.rows(statement)}
