"""Stores which lots were restored after a loss, what of their record was lost, and what staff decided about it.

Off the bid's way. The archive adds a row for each `restored` event, in the transaction that stores the event. A result
of a lot with an undecided row is not settled.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import any_, exists, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, lot_results, restored_lots, settlements
from auction.books.tables.base import NOW_MS
from auction.books.unit_of_work import Transaction
from auction.domain.lot import LotStatus

UNDECIDED = restored_lots.c.decided_at_ms.is_(None)


@dataclass(frozen=True, slots=True)
class RestoredLot:
    """A restoring of a lot. Columns: `auction.books.tables.recovery`."""

    lot_id: str
    seq: int
    epoch: int
    at_ms: int
    archived_seq: int
    lost_to_seq: int
    decided_at_ms: int | None
    decided_by: str | None
    reason: str | None

    @property
    def lost_seqs(self) -> tuple[int, int] | None:
        """The first and the last seq that were acknowledged and are lost; None: none is known."""
        return None if self.lost_to_seq <= self.archived_seq else (self.archived_seq + 1, self.lost_to_seq)


async def list_restored(tx: Transaction) -> list[RestoredLot]:
    """Every restoring, the newest first."""
    order = (restored_lots.c.at_ms.desc(), restored_lots.c.lot_id, restored_lots.c.seq.desc())
    return [RestoredLot(**row) for row in await tx.rows(select(restored_lots).order_by(*order))]


async def held_among(tx: Transaction, lot_ids: Iterable[str]) -> set[str]:
    """Those of these lots that have ended and whose settlement is held for a loss that nobody has decided about."""
    is_open = exists().where(settlements.c.lot_id == restored_lots.c.lot_id)
    statement = (
        select(restored_lots.c.lot_id)
        .join(lot_results, lot_results.c.lot_id == restored_lots.c.lot_id)
        .where(restored_lots.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
        .where(UNDECIDED, ~is_open, lot_results.c.outcome != LotStatus.VOID)
    )
    return {row["lot_id"] for row in await tx.rows(statement)}


async def held_lots(tx: Transaction) -> list[str]:
    """Every lot whose settlement is held so, by id."""
    undecided = await tx.rows(select(restored_lots.c.lot_id).where(UNDECIDED).distinct())
    return sorted(await held_among(tx, [row["lot_id"] for row in undecided]))


async def is_in_gap(tx: Transaction, lot_id: str, seq: int) -> bool:
    """Whether a restoring left that seq out of a lot's record."""
    left_out = exists().where(
        restored_lots.c.lot_id == lot_id, restored_lots.c.archived_seq < seq, restored_lots.c.seq > seq
    )
    return bool(await tx.session.scalar(select(left_out)))


async def decide(tx: Transaction, lot_id: str, *, by: str, reason: str) -> list[RestoredLot]:
    """Note that staff have decided about every loss of a lot; those that were undecided."""
    statement = update(restored_lots).where(restored_lots.c.lot_id == lot_id, UNDECIDED)
    decided = statement.values(decided_at_ms=NOW_MS, decided_by=by, reason=reason).returning(*restored_lots.c)
    return [RestoredLot(**row) for row in await tx.rows(decided)]
