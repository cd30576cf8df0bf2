"""Stores bidders' numbers on a sale, from 1 without gaps: the only names that the public sees. Off the bid's way."""

from collections.abc import Collection

from sqlalchemy import bindparam, exists, func, insert, select, true, tuple_

from auction.books.catalogue import find_sale
from auction.books.given_rows import GivenRows, is_given
from auction.books.tables import Id, paddles, sales
from auction.books.unit_of_work import Transaction

_SALE_ID = bindparam("sale", type_=Id)
_ASSIGNED = select(paddles.c.bidder_id, paddles.c.paddle).where(
    paddles.c.sale_id == _SALE_ID, is_given(paddles.c.bidder_id)
)
_LOCK_NUMBERS = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("name", type_=Id), 0)))

_NEW = GivenRows(("bidder_id", Id))
_HAS_ONE = exists().where(paddles.c.sale_id == _SALE_ID, paddles.c.bidder_id == _NEW.c.bidder_id)
_HIGHEST = select(func.coalesce(func.max(paddles.c.paddle), 0)).where(paddles.c.sale_id == _SALE_ID)
_ADD = (
    insert(paddles)
    .from_select(
        ["sale_id", "bidder_id", "paddle"],
        select(
            sales.c.sale_id,
            _NEW.c.bidder_id,
            _HIGHEST.scalar_subquery() + func.row_number().over(order_by=_NEW.c.place),
        )
        .select_from(sales.join(_NEW.table, true()))
        .where(sales.c.sale_id == _SALE_ID, ~_HAS_ONE),
    )
    .returning(paddles.c.bidder_id, paddles.c.paddle)
)

_PAIRS = GivenRows(("sale_id", Id), ("bidder_id", Id))
_LOCK = (
    select(paddles)
    .where(tuple_(paddles.c.sale_id, paddles.c.bidder_id).in_(select(_PAIRS.c.sale_id, _PAIRS.c.bidder_id)))
    .order_by(paddles.c.sale_id, paddles.c.bidder_id)
    .with_for_update(key_share=True, of=paddles)
)


async def assign(tx: Transaction, *, sale_id: str, bidder_ids: Collection[str]) -> dict[str, int]:
    """Bidder -> their number on a sale: the one they have, or the next. Raises NotFound(sale-unknown).

    Who gives new numbers holds a lock, named for the paddles of the sale, until this transaction ends: so a failed
    transaction loses no number, and they are best given just before it ends. The sale itself is not locked.
    """
    found = await _assigned(tx, sale_id, bidder_ids)
    wanted = [bidder_id for bidder_id in dict.fromkeys(bidder_ids) if bidder_id not in found]
    if not wanted:
        return found
    await tx.rows(_LOCK_NUMBERS, {"name": f"paddles of {sale_id}"})
    new = await tx.rows(_ADD, {"sale": sale_id, **_NEW.values([(bidder_id,) for bidder_id in wanted])})
    found |= {row["bidder_id"]: row["paddle"] for row in new}
    if len(new) < len(wanted):
        # they have got one while this transaction waited, or there is no such sale
        await find_sale(tx, sale_id)
        found |= await _assigned(tx, sale_id, wanted)
    return found


async def lock(tx: Transaction, pairs: Collection[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Lock the bidding power of bidders on sales until this transaction ends: (sale, bidder) -> their number."""
    rows = await tx.rows(_LOCK, _PAIRS.values(sorted(pairs)))
    return {(row["sale_id"], row["bidder_id"]): row["paddle"] for row in rows}


async def lock_all_of(tx: Transaction, bidder_id: str) -> None:
    """Lock a bidder's bidding power on every sale until this transaction ends."""
    statement = select(paddles.c.sale_id).where(paddles.c.bidder_id == bidder_id).order_by(paddles.c.sale_id)
    await tx.rows(statement.with_for_update(key_share=True))


async def lock_paddle(tx: Transaction, *, sale_id: str, bidder_id: str) -> None:
    """Lock a bidder's bidding power on a sale until this transaction ends."""
    await lock(tx, [(sale_id, bidder_id)])


async def _assigned(tx: Transaction, sale_id: str, bidder_ids: Collection[str]) -> dict[str, int]:
    rows = await tx.rows(_ASSIGNED, {"sale": sale_id, "ids": list(bidder_ids)})
    return {row["bidder_id"]: row["paddle"] for row in rows}
