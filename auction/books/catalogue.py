"""Sales and lots as staff enter them. Once a lot is scheduled the ledger leads and the archive keeps its status here.

Off the bid's way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import any_, exists, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, ledger_entries, lots, sales
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongStatus

DRAFT = "draft"
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True)
class Sale:
    """One launch event."""

    sale_id: str
    title: str
    created_by: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class LotRecord:
    """A lot as it was entered: `terms` is plain data, frozen with its hash and times when the lot is scheduled."""

    lot_id: str
    sale_id: str
    number: int
    title: str
    list_price_fen: int | None
    preset: str | None
    terms: Mapping[str, Any]
    terms_sha256: str | None
    status: str
    opens_at_ms: int | None
    closes_at_ms: int | None
    created_by: str
    created_at_ms: int
    relisted_from: str | None = None


async def add_sale(tx: Transaction, *, sale_id: str, title: str, actor: str) -> Sale:
    """Enter a sale; RequestRefused (sale-exists) where the id is taken."""
    statement = postgresql.insert(sales).values(sale_id=sale_id, title=title, created_by=actor)
    row = await tx.row(statement.on_conflict_do_nothing().returning(*sales.c))
    if row is None:
        raise RequestRefused(ProblemCode.SALE_EXISTS, f"There is a sale {sale_id} already.", {"sale_id": sale_id})
    return Sale(**row)


async def find_sale(tx: Transaction, sale_id: str) -> Sale:
    """A sale; NotFound (sale-unknown)."""
    row = await tx.row(select(sales).where(sales.c.sale_id == sale_id))
    if row is None:
        raise _no_sale(sale_id)
    return Sale(**row)


async def list_sales(tx: Transaction) -> list[Sale]:
    """Every sale, newest first."""
    statement = select(sales).order_by(sales.c.created_at_ms.desc(), sales.c.sale_id)
    return [Sale(**row) for row in await tx.rows(statement)]


async def next_lot_number(tx: Transaction, sale_id: str) -> int:
    """The number of the sale's next lot, kept for this transaction; NotFound (sale-unknown)."""
    await lock_sale(tx, sale_id)
    highest = await tx.session.scalar(select(func.max(lots.c.number)).where(lots.c.sale_id == sale_id))
    return (highest or 0) + 1


async def lock_sale(tx: Transaction, sale_id: str) -> None:
    """Let one transaction at a time number lots or paddles of a sale; NotFound (sale-unknown)."""
    # not FOR UPDATE: that would also stop every insert that refers to the sale
    statement = select(sales.c.sale_id).where(sales.c.sale_id == sale_id).with_for_update(key_share=True)
    if await tx.session.scalar(statement) is None:
        raise _no_sale(sale_id)


async def add_lot(
    tx: Transaction,
    *,
    lot_id: str,
    sale_id: str,
    number: int,
    title: str,
    terms: Mapping[str, Any],
    actor: str,
    list_price_fen: int | None = None,
    preset: str | None = None,
    relisted_from: str | None = None,
) -> LotRecord:
    """Enter a draft under the number that `next_lot_number` gave in this transaction."""
    statement = insert(lots).values(
        lot_id=lot_id,
        sale_id=sale_id,
        number=number,
        title=title,
        terms=dict(terms),
        created_by=actor,
        list_price_fen=list_price_fen,
        preset=preset,
        relisted_from=relisted_from,
    )
    row = await tx.returned(statement.returning(*lots.c))
    return LotRecord(**row)


async def find_lot(tx: Transaction, lot_id: str) -> LotRecord:
    """A lot; NotFound (lot-unknown)."""
    row = await tx.row(select(lots).where(lots.c.lot_id == lot_id))
    if row is None:
        raise _no_lot(lot_id)
    return LotRecord(**row)


async def hold_status(tx: Transaction, lot_id: str) -> LotRecord:
    """A lot whose status stays as it is until this transaction ends; others may hold it too. NotFound (lot-unknown)."""
    row = await tx.row(select(lots).where(lots.c.lot_id == lot_id).with_for_update(read=True))
    if row is None:
        raise _no_lot(lot_id)
    return LotRecord(**row)


async def lock_lot(tx: Transaction, lot_id: str) -> LotRecord:
    """A lot, for this transaction alone to change; NotFound (lot-unknown)."""
    statement = select(lots).where(lots.c.lot_id == lot_id).with_for_update(key_share=True)
    row = await tx.row(statement)
    if row is None:
        raise _no_lot(lot_id)
    return LotRecord(**row)


async def lots_by_id(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, LotRecord]:
    """Lot id -> lot, of those there are."""
    statement = select(lots).where(lots.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
    return {row["lot_id"]: LotRecord(**row) for row in await tx.rows(statement)}


async def relisted_as(tx: Transaction, lot_id: str) -> str | None:
    """The lot that a lot was relisted as, if it was."""
    statement = select(lots.c.lot_id).where(lots.c.relisted_from == lot_id).order_by(lots.c.number.desc()).limit(1)
    return await tx.session.scalar(statement)


async def lots_of_sales(tx: Transaction, sale_ids: Sequence[str]) -> list[LotRecord]:
    """The lots of these sales, by sale and number."""
    wanted = lots.c.sale_id == any_(literal(list(sale_ids), ARRAY(Id)))
    statement = select(lots).where(wanted).order_by(lots.c.sale_id, lots.c.number)
    return [LotRecord(**row) for row in await tx.rows(statement)]


async def freeze_terms(
    tx: Transaction, lot_id: str, *, terms: Mapping[str, Any], terms_sha256: str, opens_at_ms: int, closes_at_ms: int
) -> LotRecord:
    """Make a draft scheduled: its terms, their hash and its times stand from here. WrongStatus where it is no draft.

    Commit this before the ledger is told; a lot that it was not told of is found by `lots_to_install`.
    """
    statement = (
        update(lots)
        .where(lots.c.lot_id == lot_id, lots.c.status == DRAFT)
        .values(
            terms=dict(terms),
            terms_sha256=terms_sha256,
            opens_at_ms=opens_at_ms,
            closes_at_ms=closes_at_ms,
            status=SCHEDULED,
        )
        .returning(*lots.c)
    )
    row = await tx.row(statement)
    if row is None:
        raise WrongStatus("schedule", (await find_lot(tx, lot_id)).status, (DRAFT,))
    return LotRecord(**row)


async def lots_to_install(tx: Transaction, *, limit: int = 100) -> list[LotRecord]:
    """Scheduled lots of which the archive has no entry: the ledger may never have been told of them.

    Telling it again changes nothing.
    """
    written_down = exists().where(ledger_entries.c.lot_id == lots.c.lot_id)
    statement = select(lots).where(lots.c.status == SCHEDULED, ~written_down).order_by(lots.c.lot_id).limit(limit)
    return [LotRecord(**row) for row in await tx.rows(statement)]


def _no_sale(sale_id: str) -> NotFound:
    return NotFound(ProblemCode.SALE_UNKNOWN, f"There is no sale {sale_id}.", {"sale_id": sale_id})


def _no_lot(lot_id: str) -> NotFound:
    return NotFound(ProblemCode.LOT_UNKNOWN, f"There is no lot {lot_id}.", {"lot_id": lot_id})
