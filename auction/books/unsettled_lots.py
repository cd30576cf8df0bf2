"""Finds lots that have ended and have no settlement yet, and which of them wait for a decision of staff.

After the bid's way: the settler opens the settlements of these lots (`auction.services.settlement.awards`).
"""

from collections.abc import Collection

from sqlalchemy import ColumnElement, all_, and_, exists, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.archive_queries import LotResult
from auction.books.frozen_lots import STILL_FROZEN
from auction.books.restored_lots import UNDECIDED
from auction.books.tables import Id, frozen_lots, lot_results, lots, restored_lots, settlements
from auction.books.unit_of_work import Transaction
from auction.domain.lot import LotStatus


async def results_to_settle(
    tx: Transaction, *, limit: int, without: Collection[str] = (), only: str | None = None
) -> list[LotResult]:
    """Results of lots without a settlement, the earliest first, locked; concurrent calls get different ones.

    A frozen lot is not settled, nor one that was restored after a loss: staff decide about it first. One that they have
    declared void is: everybody is refunded. `without` are left out; `only`: this one, if it waits.
    """
    statement = (
        select(*lot_results.c)
        .join(lots, lots.c.lot_id == lot_results.c.lot_id)
        .where(_is_waiting(without))
        .order_by(lot_results.c.closed_at_ms, lot_results.c.lot_id)
        .limit(limit)
        .with_for_update(of=lot_results, skip_locked=True)
    )
    if only is not None:
        statement = statement.where(lot_results.c.lot_id == only)
    return [LotResult(**row) for row in await tx.rows(statement)]


async def waiting_lots(tx: Transaction, *, limit: int, without: Collection[str] = ()) -> list[str]:
    """The lots of `results_to_settle`, not locked, and without reading their results."""
    statement = (
        select(lot_results.c.lot_id)
        .join(lots, lots.c.lot_id == lot_results.c.lot_id)
        .where(_is_waiting(without))
        .order_by(lot_results.c.closed_at_ms, lot_results.c.lot_id)
        .limit(limit)
    )
    return [row["lot_id"] for row in await tx.rows(statement)]


def _is_waiting(without: Collection[str]) -> ColumnElement[bool]:
    return and_(
        ~exists().where(settlements.c.lot_id == lot_results.c.lot_id),
        ~is_frozen(lot_results.c.lot_id),
        or_(lot_results.c.outcome == LotStatus.VOID, ~_is_undecided(lot_results.c.lot_id)),
        lot_results.c.lot_id != all_(literal(list(without), ARRAY(Id))),
    )


def is_frozen(lot_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a lot's record is not sound: nothing about it moves on."""
    return exists().where(frozen_lots.c.lot_id == lot_id, STILL_FROZEN)


def _is_undecided(lot_id: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(restored_lots.c.lot_id == lot_id, UNDECIDED)
