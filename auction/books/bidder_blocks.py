"""Stores which bidders staff have blocked. Beside the bid's way."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql

from auction.books.given_rows import is_given
from auction.books.tables import bidder_blocks
from auction.books.unit_of_work import Transaction

_AMONG = select(bidder_blocks.c.bidder_id).where(is_given(bidder_blocks.c.bidder_id))


@dataclass(frozen=True, slots=True)
class Block:
    """Who is blocked, why, by whom and since when (UTC ms)."""

    bidder_id: str
    reason: str
    blocked_by: str
    blocked_at_ms: int


async def blocked_among(tx: Transaction, bidder_ids: Collection[str]) -> set[str]:
    """Those of these bidders who are blocked."""
    return {row["bidder_id"] for row in await tx.rows(_AMONG, {"ids": list(bidder_ids)})}


async def find(tx: Transaction, bidder_id: str) -> Block | None:
    """The block of a bidder; None: they are not blocked."""
    row = await tx.row(select(bidder_blocks).where(bidder_blocks.c.bidder_id == bidder_id))
    return None if row is None else Block(**row)


async def add(tx: Transaction, block: Block) -> bool:
    """Block a bidder; False where they were blocked before, which stays as it was."""
    statement = postgresql.insert(bidder_blocks).values(
        bidder_id=block.bidder_id,
        reason=block.reason,
        blocked_by=block.blocked_by,
        blocked_at_ms=block.blocked_at_ms,
    )
    return await tx.row(statement.on_conflict_do_nothing().returning(bidder_blocks.c.bidder_id)) is not None


async def remove(tx: Transaction, bidder_id: str) -> bool:
    """End the block of a bidder; False where there was none."""
    statement = delete(bidder_blocks).where(bidder_blocks.c.bidder_id == bidder_id)
    return await tx.row(statement.returning(bidder_blocks.c.bidder_id)) is not None
