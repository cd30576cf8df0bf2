"""Bidders, their paddles, their registrations and deposits. Written before the ledger admits anyone.

Bidding power in the ledger never exceeds what these tables hold: they are committed first.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql

from auction.books.catalogue import lock_sale
from auction.books.tables import bidders, deposits, lots, paddles, registrations
from auction.books.unit_of_work import Work
from auction.domain.lot import ADMITTING


@dataclass(frozen=True, slots=True)
class Deposit:
    """What a bidder put down for a lot, in fen, and where it is now."""

    deposit_id: str
    lot_id: str
    bidder_id: str
    policy: str
    amount_fen: int
    status: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Registration:
    """A bidder's right to bid on a lot; limit and purse in fen, None: without. `deposit` None: none was asked."""

    lot_id: str
    bidder_id: str
    paddle: int
    limit_fen: int | None
    purse_fen: int | None
    terms_sha256: str
    registered_at_ms: int
    admitted_at_ms: int | None
    deposit: Deposit | None = None


async def ensure_bidder(work: Work, *, bidder_id: str, name: str) -> None:
    """Know a bidder, under the name they gave last."""
    statement = postgresql.insert(bidders).values(bidder_id=bidder_id, name=name)
    await work.session.execute(
        statement.on_conflict_do_update(
            index_elements=[bidders.c.bidder_id], set_={"name": name}, where=bidders.c.name != name
        )
    )


async def assign_paddle(work: Work, *, sale_id: str, bidder_id: str) -> int:
    """The bidder's number on a sale: the one they have, or the next, from 1 without a hole. NotFound (sale-unknown).

    A new number keeps the sale to this transaction until it ends, so that numbers of failed ones are not lost.
    """
    mine = select(paddles.c.paddle).where(paddles.c.sale_id == sale_id, paddles.c.bidder_id == bidder_id)
    paddle = await work.session.scalar(mine)
    if paddle is not None:
        return paddle
    await lock_sale(work, sale_id)
    # once more: the same bidder may have got it while this one waited
    paddle = await work.session.scalar(mine)
    if paddle is not None:
        return paddle
    highest = await work.session.scalar(select(func.max(paddles.c.paddle)).where(paddles.c.sale_id == sale_id))
    paddle = (highest or 0) + 1
    await work.session.execute(insert(paddles).values(sale_id=sale_id, bidder_id=bidder_id, paddle=paddle))
    return paddle


async def add_registration(
    work: Work,
    *,
    lot_id: str,
    bidder_id: str,
    paddle: int,
    limit_fen: int | None,
    purse_fen: int | None,
    terms_sha256: str,
) -> tuple[Registration, bool]:
    """Register a bidder for a lot, once: the registration, and whether it is new. One that exists stays as it is."""
    statement = (
        postgresql.insert(registrations)
        .values(
            lot_id=lot_id,
            bidder_id=bidder_id,
            paddle=paddle,
            limit_fen=limit_fen,
            purse_fen=purse_fen,
            terms_sha256=terms_sha256,
        )
        .on_conflict_do_nothing()
        .returning(*registrations.c)
    )
    row = await work.row(statement)
    if row is not None:
        return Registration(**row), True
    found = await find_registration(work, lot_id=lot_id, bidder_id=bidder_id)
    if found is None:
        raise RuntimeError(f"the registration of {bidder_id} for {lot_id} was removed under our hands")
    return found, False


async def change_power(
    work: Work, *, lot_id: str, bidder_id: str, limit_fen: int | None, purse_fen: int | None
) -> None:
    """Another limit or purse after a top-up; the ledger is told after the commit."""
    statement = update(registrations).where(_mine(lot_id, bidder_id)).values(limit_fen=limit_fen, purse_fen=purse_fen)
    await work.session.execute(statement)


async def find_registration(work: Work, *, lot_id: str, bidder_id: str) -> Registration | None:
    """A bidder's registration for a lot with its deposit, or None."""
    found = await _registrations(work, _mine(lot_id, bidder_id), limit=1)
    return found[0] if found else None


async def registrations_of(work: Work, bidder_id: str, *, limit: int = 1000) -> list[Registration]:
    """A bidder's registrations with their deposits, newest first."""
    return await _registrations(work, registrations.c.bidder_id == bidder_id, limit=limit)


async def registrations_to_admit(work: Work, *, before_ms: int, limit: int = 1000) -> list[Registration]:
    """Registrations from before a time that the archive has not seen admitted, oldest first; of lots not over.

    The ledger may never have been told of them; telling it again changes nothing.
    """
    waiting = and_(
        registrations.c.admitted_at_ms.is_(None),
        registrations.c.registered_at_ms < before_ms,
        exists().where(lots.c.lot_id == registrations.c.lot_id, lots.c.status.in_(ADMITTING)),
    )
    return await _registrations(work, waiting, limit=limit, newest_first=False)


async def hold_deposit(work: Work, *, lot_id: str, bidder_id: str, policy: str, amount_fen: int) -> Deposit:
    """Note a deposit as held, once for a bidder and lot; one that exists stays as it is."""
    statement = (
        postgresql.insert(deposits)
        .values(
            deposit_id=f"d{secrets.token_hex(8)}",
            lot_id=lot_id,
            bidder_id=bidder_id,
            policy=policy,
            amount_fen=amount_fen,
        )
        .on_conflict_do_nothing(index_elements=[deposits.c.lot_id, deposits.c.bidder_id])
        .returning(*deposits.c)
    )
    row = await work.row(statement)
    if row is None:
        theirs = (deposits.c.lot_id == lot_id) & (deposits.c.bidder_id == bidder_id)
        row = await work.returned(select(deposits).where(theirs))
    return Deposit(**row)


async def held_on_sale_fen(work: Work, *, sale_id: str, bidder_id: str) -> int:
    """What a bidder holds in purse deposits over the lots of a sale, in fen.

    Keeps the bidder's paddle to this transaction: two registrations of one bidder add up, whichever comes first.
    """
    paddle = select(paddles.c.paddle).where(paddles.c.sale_id == sale_id, paddles.c.bidder_id == bidder_id)
    await work.session.execute(paddle.with_for_update(key_share=True))
    statement = (
        select(func.sum(deposits.c.amount_fen))
        .join(lots, lots.c.lot_id == deposits.c.lot_id)
        .where(
            lots.c.sale_id == sale_id,
            deposits.c.bidder_id == bidder_id,
            deposits.c.policy == "purse",
            deposits.c.status == "held",
        )
    )
    return int(await work.session.scalar(statement) or 0)


def _mine(lot_id: str, bidder_id: str) -> ColumnElement[bool]:
    return and_(registrations.c.lot_id == lot_id, registrations.c.bidder_id == bidder_id)


async def _registrations(
    work: Work, which: ColumnElement[bool], *, limit: int, newest_first: bool = True
) -> list[Registration]:
    order = registrations.c.registered_at_ms
    theirs = and_(deposits.c.lot_id == registrations.c.lot_id, deposits.c.bidder_id == registrations.c.bidder_id)
    statement = (
        select(registrations, deposits.c.deposit_id, deposits.c.policy, deposits.c.amount_fen)
        .add_columns(deposits.c.status, deposits.c.created_at_ms)
        .outerjoin(deposits, theirs)
        .where(which)
        .order_by(order.desc() if newest_first else order, registrations.c.lot_id, registrations.c.bidder_id)
        .limit(limit)
    )
    found = []
    for row in await work.rows(statement):
        facts = dict(row)
        money = {name: facts.pop(name) for name in ("deposit_id", "policy", "amount_fen", "status", "created_at_ms")}
        deposit = None
        if money["deposit_id"] is not None:
            deposit = Deposit(lot_id=facts["lot_id"], bidder_id=facts["bidder_id"], **money)
        found.append(Registration(**facts, deposit=deposit))
    return found
