"""Stores sales and lots as staff enter them. Off the bid's way.

Once a lot is scheduled the ledger decides its status, and the archiver copies it here.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, and_, any_, exists, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.given_rows import is_given
from auction.books.tables import Id, ledger_entries, lots, sales
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused, WrongStatus
from auction.domain.text import is_id

DRAFT = "draft"
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True)
class Sale:
    """One launch event."""

    sale_id: str
    title: str
    created_by: str
    created_at_ms: int
    purse_until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LotRecord:
    """A lot as it was entered. `terms` is plain data, final once the lot is scheduled, like its SHA-256 and times."""

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
    ledger_keys_until_ms: int | None = None


async def add_sale(tx: Transaction, *, sale_id: str, title: str, actor: str) -> Sale:
    """Add a sale. Raises RequestRefused(sale-exists)."""
    statement = postgresql.insert(sales).values(sale_id=sale_id, title=title, created_by=actor)
    row = await tx.row(statement.on_conflict_do_nothing().returning(*sales.c))
    if row is None:
        raise RequestRefused(ProblemCode.SALE_EXISTS, f"There is a sale {sale_id} already.", {"sale_id": sale_id})
    return Sale(**row)


async def find_sale(tx: Transaction, sale_id: str) -> Sale:
    """A sale. Raises NotFound(sale-unknown)."""
    # text that no id can be, such as half a character, is not for the database
    row = await tx.row(select(sales).where(sales.c.sale_id == sale_id)) if is_id(sale_id) else None
    if row is None:
        raise _no_sale(sale_id)
    return Sale(**row)


async def list_sales(tx: Transaction) -> list[Sale]:
    """All sales, newest first."""
    statement = select(sales).order_by(sales.c.created_at_ms.desc(), sales.c.sale_id)
    return [Sale(**row) for row in await tx.rows(statement)]


async def page_of_sales(tx: Transaction, *, after: str | None, limit: int) -> list[Sale]:
    """At most `limit` sales, newest first: those after a sale, or the first. Raises NotFound(sale-unknown)."""
    statement = select(sales).order_by(sales.c.created_at_ms.desc(), sales.c.sale_id).limit(limit)
    if after is not None:
        last = await find_sale(tx, after)
        older = sales.c.created_at_ms < last.created_at_ms
        beside = and_(sales.c.created_at_ms == last.created_at_ms, sales.c.sale_id > last.sale_id)
        statement = statement.where(or_(older, beside))
    return [Sale(**row) for row in await tx.rows(statement)]


async def page_of_lots(tx: Transaction, sale_ids: Sequence[str], *, after_number: int, limit: int) -> list[LotRecord]:
    """Of each of these sales at most `limit` lots with numbers above `after_number`, by sale and number."""
    wanted = lots.c.sale_id == any_(literal(list(sale_ids), ARRAY(Id)))
    place = func.row_number().over(partition_by=lots.c.sale_id, order_by=lots.c.number)
    placed = select(lots.c.lot_id, place.label("place")).where(wanted, lots.c.number > after_number).subquery()
    statement = select(lots).join(placed, placed.c.lot_id == lots.c.lot_id).where(placed.c.place <= limit)
    return [LotRecord(**row) for row in await tx.rows(statement.order_by(lots.c.sale_id, lots.c.number))]


async def next_lot_number(tx: Transaction, sale_id: str) -> int:
    """The number of a sale's next lot; locks the sale until this transaction ends. Raises NotFound(sale-unknown)."""
    await lock_sale(tx, sale_id)
    highest = await tx.session.scalar(select(func.max(lots.c.number)).where(lots.c.sale_id == sale_id))
    return (highest or 0) + 1


async def titles_in_use(tx: Transaction, sale_id: str, titles: Sequence[str]) -> list[str]:
    """Those of the titles that lots of the sale have, by number."""
    named = lots.c.title == any_(literal(list(titles), ARRAY(Text)))
    statement = select(lots.c.title).where(lots.c.sale_id == sale_id, named).order_by(lots.c.number)
    return [str(title) for title in await tx.session.scalars(statement)]


async def lock_sale(tx: Transaction, sale_id: str) -> None:
    """Lock a sale for numbering its lots. Raises NotFound(sale-unknown)."""
    # not FOR UPDATE, which would block every insert that refers to the sale
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
    """Add a draft under the number that `next_lot_number` returned in this transaction."""
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


async def change_draft(
    tx: Transaction, lot_id: str, *, title: str, list_price_fen: int | None, terms: Mapping[str, Any]
) -> LotRecord:
    """Replace what was entered of a draft. Raises WrongStatus, NotFound."""
    statement = update(lots).where(lots.c.lot_id == lot_id, lots.c.status == DRAFT)
    row = await tx.row(
        statement.values(title=title, list_price_fen=list_price_fen, terms=dict(terms)).returning(*lots.c)
    )
    if row is None:
        raise WrongStatus("edit it", (await find_lot(tx, lot_id)).status, (DRAFT,))
    return LotRecord(**row)


async def find_lot(tx: Transaction, lot_id: str) -> LotRecord:
    """A lot. Raises NotFound(lot-unknown)."""
    row = await tx.row(select(lots).where(lots.c.lot_id == lot_id))
    if row is None:
        raise no_lot(lot_id)
    return LotRecord(**row)


async def lock_lot_statuses(tx: Transaction, lot_ids: Collection[str]) -> dict[str, LotRecord]:
    """Lot id -> lot, locked against changes of its status until this transaction ends; for the lots that exist."""
    return {row["lot_id"]: LotRecord(**row) for row in await tx.rows(_LOCK_STATUSES, {"ids": list(lot_ids)})}


_LOCK_STATUSES = select(lots).where(is_given(lots.c.lot_id)).order_by(lots.c.lot_id).with_for_update(read=True)


async def lock_lot(tx: Transaction, lot_id: str) -> LotRecord:
    """A lot, locked for a change by this transaction. Raises NotFound(lot-unknown)."""
    statement = select(lots).where(lots.c.lot_id == lot_id).with_for_update(key_share=True)
    row = await tx.row(statement)
    if row is None:
        raise no_lot(lot_id)
    return LotRecord(**row)


async def lots_by_id(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, LotRecord]:
    """Lot id -> lot, for the lots that exist."""
    statement = select(lots).where(lots.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
    return {row["lot_id"]: LotRecord(**row) for row in await tx.rows(statement)}


async def relisted_as(tx: Transaction, lot_id: str) -> str | None:
    """The id of the lot that a lot was relisted as; None where it was not."""
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
    """Schedule a draft: stores its final terms, their SHA-256 and its times (UTC ms). Raises WrongStatus, NotFound.

    Must be committed before the lot enters the ledger; `lots_to_install` finds lots that did not get there.
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
    if row is not None:
        has_end = update(sales).where(sales.c.sale_id == row["sale_id"], sales.c.purse_until_ms.is_not(None))
        await tx.session.execute(has_end.values(purse_until_ms=None))
    if row is None:
        raise WrongStatus("schedule", (await find_lot(tx, lot_id)).status, (DRAFT,))
    return LotRecord(**row)


async def lots_to_install(tx: Transaction, *, limit: int = 100) -> list[LotRecord]:
    """Scheduled lots without an archived entry, which may not have entered the ledger yet."""
    archived = exists().where(ledger_entries.c.lot_id == lots.c.lot_id)
    statement = select(lots).where(lots.c.status == SCHEDULED, ~archived).order_by(lots.c.lot_id).limit(limit)
    return [LotRecord(**row) for row in await tx.rows(statement)]


def _no_sale(sale_id: str) -> NotFound:
    return NotFound(ProblemCode.SALE_UNKNOWN, f"There is no sale {sale_id}.", {"sale_id": sale_id})


def no_lot(lot_id: str) -> NotFound:
    """The answer about a lot that does not exist."""
    return NotFound(ProblemCode.LOT_UNKNOWN, f"There is no lot {lot_id}.", {"lot_id": lot_id})
