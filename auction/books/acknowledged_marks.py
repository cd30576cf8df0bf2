"""Stores the newest entry of each lot that was acknowledged to anybody. Beside the bid's way.

A ledger whose lot ends before its mark has lost acknowledged bids.
"""

from collections.abc import Mapping

from sqlalchemy import any_, literal, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, acknowledged_marks, lots
from auction.books.tables.base import NOW_MS
from auction.books.unit_of_work import Transaction
from auction.domain.ledger_layout import Mark
from auction.domain.lot import ADMITTING, LotStatus

UNFINISHED = (*ADMITTING, LotStatus.FROZEN)


async def record(tx: Transaction, marks: Mapping[str, Mark]) -> None:
    """Store marks by lot; a stored one that is higher stays."""
    insert = postgresql.insert(acknowledged_marks)
    new, old = insert.excluded, acknowledged_marks.c
    is_higher = or_(new.epoch > old.epoch, (new.epoch == old.epoch) & (new.seq > old.seq))
    rows = [{"lot_id": lot_id, **mark._asdict()} for lot_id, mark in sorted(marks.items())]
    await tx.session.execute(
        insert.on_conflict_do_update(
            index_elements=[old.lot_id],
            set_={"epoch": new.epoch, "seq": new.seq, "chain": new.chain, "noted_at_ms": NOW_MS},
            where=is_higher,
        ),
        rows,
    )


async def of_lots(tx: Transaction, lot_ids: list[str]) -> dict[str, Mark]:
    """Lot -> its mark, for those of these lots that have one."""
    statement = select(acknowledged_marks).where(acknowledged_marks.c.lot_id == any_(literal(lot_ids, ARRAY(Id))))
    return {row["lot_id"]: Mark(row["epoch"], row["seq"], row["chain"]) for row in await tx.rows(statement)}


async def unfinished_lots(tx: Transaction) -> list[str]:
    """The lots that were scheduled and are not over, as far as the database knows."""
    statement = select(lots.c.lot_id).where(lots.c.status.in_(UNFINISHED)).order_by(lots.c.lot_id)
    return [row["lot_id"] for row in await tx.rows(statement)]
