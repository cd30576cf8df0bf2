"""Stores until when the ledger keeps the keys of lots that are over, and the purses of their sales.

After the bid's way. What the archive has not stored is never among them: a lot's status here is the archived one.
"""

from collections.abc import Sequence

from sqlalchemy import and_, any_, exists, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.frozen_lots import STILL_FROZEN
from auction.books.tables import Id, frozen_lots, lots, sales, settlements
from auction.books.unit_of_work import Transaction
from auction.domain.lot import LotStatus
from auction.domain.states import SettlementState

ENDED = (LotStatus.CLOSED, LotStatus.VOID)
OPEN_AWARDS = (SettlementState.AWARDED, SettlementState.PAID, SettlementState.DEFAULTED, SettlementState.OFFERED)
"""States of a settlement whose award has not ended."""


async def ended_lots(tx: Transaction, *, limit: int) -> list[str]:
    """Lots whose end is archived and whose keys have no end yet, by id; not those whose record is not sound."""
    is_frozen = exists().where(frozen_lots.c.lot_id == lots.c.lot_id, STILL_FROZEN)
    statement = select(lots.c.lot_id).where(lots.c.status.in_(ENDED), lots.c.ledger_keys_until_ms.is_(None), ~is_frozen)
    return [row["lot_id"] for row in await tx.rows(statement.order_by(lots.c.lot_id).limit(limit))]


async def finished_sales(tx: Transaction, *, limit: int) -> list[str]:
    """Sales whose purses have no end yet, and of which no lot is bid for and no award is open, by id."""
    of_sale = lots.c.sale_id == sales.c.sale_id
    goes_on = exists().where(of_sale, lots.c.status != "draft", lots.c.ledger_keys_until_ms.is_(None))
    owes = exists().where(of_sale, settlements.c.lot_id == lots.c.lot_id, settlements.c.state.in_(OPEN_AWARDS))
    has_begun = exists().where(of_sale, lots.c.status != "draft")
    statement = select(sales.c.sale_id).where(and_(sales.c.purse_until_ms.is_(None), has_begun, ~goes_on, ~owes))
    return [row["sale_id"] for row in await tx.rows(statement.order_by(sales.c.sale_id).limit(limit))]


async def with_an_end(tx: Transaction, lot_ids: Sequence[str]) -> set[str]:
    """Those of these lots that the ledger may have dropped by now, or that have a time at which it will."""
    wanted = lots.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    rows = await tx.rows(select(lots.c.lot_id).where(wanted, lots.c.ledger_keys_until_ms.is_not(None)))
    return {row["lot_id"] for row in rows}


async def note_lots(tx: Transaction, lot_ids: Sequence[str], until_ms: int | None) -> None:
    """Store until when the keys of these lots are kept (UTC ms); None: they have been put back, and have no end."""
    wanted = lots.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    await tx.session.execute(update(lots).where(wanted).values(ledger_keys_until_ms=until_ms))


async def note_sales(tx: Transaction, sale_ids: Sequence[str], until_ms: int | None) -> None:
    """Store until when the purses of these sales are kept (UTC ms); None: they are bid with again."""
    wanted = sales.c.sale_id == any_(literal(list(sale_ids), ARRAY(Id)))
    await tx.session.execute(update(sales).where(wanted).values(purse_until_ms=until_ms))
