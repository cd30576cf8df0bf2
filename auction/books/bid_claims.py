"""Stores bidders' claims that a bid was accepted and lost, and what staff decided about each. Off the bid's way."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql

from auction.books.tables import bid_claims
from auction.books.tables.base import NOW_MS
from auction.books.unit_of_work import Transaction
from auction.domain.states import ClaimStatus


@dataclass(frozen=True, slots=True)
class BidClaim:
    """A claim. Columns: `auction.books.tables.recovery`."""

    claim_id: int
    lot_id: str
    seq: int
    bidder_id: str
    amount_fen: int
    at_ms: int
    receipt: str
    claimed_at_ms: int
    status: ClaimStatus
    decided_at_ms: int | None
    decided_by: str | None
    reason: str | None


async def add(
    tx: Transaction, *, lot_id: str, seq: int, bidder_id: str, amount_fen: int, at_ms: int, receipt: str
) -> tuple[BidClaim, bool]:
    """Add a claim; the same receipt once more adds nothing. The claim, and whether it is new."""
    values: dict[str, Any] = {"lot_id": lot_id, "seq": seq, "bidder_id": bidder_id, "receipt": receipt}
    insert = postgresql.insert(bid_claims).values(**values, amount_fen=amount_fen, at_ms=at_ms)
    added = await tx.row(insert.on_conflict_do_nothing().returning(*bid_claims.c))
    if added is not None:
        return BidClaim(**added), True
    return BidClaim(**await tx.returned(select(bid_claims).filter_by(**values))), False


async def lock(tx: Transaction, claim_id: int) -> BidClaim | None:
    """A claim, locked for a change, or None."""
    row = await tx.row(select(bid_claims).where(bid_claims.c.claim_id == claim_id).with_for_update())
    return None if row is None else BidClaim(**row)


async def decide(tx: Transaction, claim_id: int, status: ClaimStatus, *, by: str, reason: str) -> BidClaim:
    """Open -> accepted or declined."""
    statement = update(bid_claims).where(bid_claims.c.claim_id == claim_id, bid_claims.c.status == ClaimStatus.OPEN)
    values = {"status": status, "decided_at_ms": NOW_MS, "decided_by": by, "reason": reason}
    return BidClaim(**await tx.returned(statement.values(**values).returning(*bid_claims.c)))


async def count_open(tx: Transaction, lot_id: str | None = None) -> int:
    """How many claims wait for a decision, of a lot or of all."""
    statement = select(func.count()).select_from(bid_claims).where(bid_claims.c.status == ClaimStatus.OPEN)
    if lot_id is not None:
        statement = statement.where(bid_claims.c.lot_id == lot_id)
    return int(await tx.session.scalar(statement) or 0)


async def list_claims(tx: Transaction, *, limit: int | None) -> list[BidClaim]:
    """Claims, the open ones first, then the newest first; None: all of them."""
    order = (bid_claims.c.status != ClaimStatus.OPEN, bid_claims.c.claim_id.desc())
    return [BidClaim(**row) for row in await tx.rows(select(bid_claims).order_by(*order).limit(limit))]
