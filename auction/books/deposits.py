"""Deposits in the books: asked for, held at the provider, and each ended exactly once.

Beside the bid's way. Bidding power follows from what is held here (`auction.services.registration.bidding_power`);
which end a deposit has is decided once, by `decide`, and reached when the provider confirms.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import and_, any_, exists, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, awards, deposits, lots, settlements
from auction.books.unit_of_work import Transaction
from auction.domain.lot import ADMITTING

REGISTRATION = "registration"
"""The request key of the deposit that a registration asks for."""
Disposition = Literal["release", "apply", "forfeit"]


@dataclass(frozen=True, slots=True)
class Deposit:
    """One sum a bidder put down for a lot, in fen, and where it is now. Columns: `auction.books.money_tables`."""

    deposit_id: str
    lot_id: str
    bidder_id: str
    request_key: str
    policy: str
    method: str
    amount_fen: int
    status: str
    disposition: str | None
    award_id: str | None
    payment_method: str
    provider: str
    provider_ref: str | None
    instrument: str | None
    captured_fen: int | None
    created_at_ms: int
    held_at_ms: int | None
    expires_at_ms: int | None
    release_by_ms: int | None
    ended_at_ms: int | None
    reason: str | None

    @property
    def counts(self) -> bool:
        """Whether bidding power may rest on it: held, and not on its way out."""
        return self.status == "held" and self.disposition is None

    @property
    def is_cash(self) -> bool:
        """Whether the house has the money, and not only the provider's word."""
        return self.captured_fen is not None

    @property
    def worth_fen(self) -> int:
        """What it can pay: what was captured of it, or while it is only promised all of it."""
        return self.amount_fen if self.captured_fen is None else self.captured_fen


async def ask(
    tx: Transaction,
    *,
    deposit_id: str,
    lot_id: str,
    bidder_id: str,
    request_key: str,
    policy: str,
    method: str,
    amount_fen: int,
    payment_method: str,
    provider: str,
    at_ms: int,
) -> tuple[Deposit, bool]:
    """Note that a bidder is asked for a deposit; under a known request key: the one there is, and False."""
    statement = (
        postgresql.insert(deposits)
        .values(
            deposit_id=deposit_id,
            lot_id=lot_id,
            bidder_id=bidder_id,
            request_key=request_key,
            policy=policy,
            method=method,
            amount_fen=amount_fen,
            payment_method=payment_method,
            provider=provider,
            created_at_ms=at_ms,
        )
        .on_conflict_do_nothing()
        .returning(*deposits.c)
    )
    row = await tx.row(statement)
    if row is not None:
        return Deposit(**row), True
    mine = and_(deposits.c.lot_id == lot_id, deposits.c.bidder_id == bidder_id, deposits.c.request_key == request_key)
    return Deposit(**await tx.returned(select(deposits).where(mine))), False


async def find(tx: Transaction, deposit_id: str) -> Deposit:
    """A deposit that must be there."""
    return Deposit(**await tx.returned(select(deposits).where(deposits.c.deposit_id == deposit_id)))


async def purses_among(tx: Transaction, deposit_ids: Collection[str]) -> set[str]:
    """Those of these deposits that serve every lot of a sale."""
    wanted = deposits.c.deposit_id == any_(literal(list(deposit_ids), ARRAY(Id)))
    statement = select(deposits.c.deposit_id).where(wanted, deposits.c.policy == "purse")
    return {row["deposit_id"] for row in await tx.rows(statement)}


async def lock(tx: Transaction, deposit_id: str) -> Deposit:
    """A deposit, for this transaction alone to change."""
    mine = select(deposits).where(deposits.c.deposit_id == deposit_id)
    return Deposit(**await tx.returned(mine.with_for_update()))


async def deposits_of_lot(
    tx: Transaction, lot_id: str, *, bidder_id: str | None = None, locked: bool = False
) -> list[Deposit]:
    """A lot's deposits, oldest first; `locked`: for this transaction alone to change."""
    statement = select(deposits).where(deposits.c.lot_id == lot_id)
    if bidder_id is not None:
        statement = statement.where(deposits.c.bidder_id == bidder_id)
    statement = statement.order_by(deposits.c.created_at_ms, deposits.c.deposit_id)
    return await _found(tx, statement.with_for_update() if locked else statement)


async def deposits_of_lots(tx: Transaction, lot_ids: Collection[str]) -> list[Deposit]:
    """The deposits of these lots, for this transaction alone to change, in one order everywhere."""
    wanted = deposits.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    return await _found(tx, select(deposits).where(wanted).order_by(deposits.c.deposit_id).with_for_update())


async def held_by_lot(tx: Transaction, lot_ids: Collection[str]) -> dict[str, int]:
    """Lot -> what is held for it in fen; lots for which nothing is are missing."""
    statement = (
        select(deposits.c.lot_id, func.sum(deposits.c.amount_fen).label("held_fen"))
        .where(deposits.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), deposits.c.status == "held")
        .group_by(deposits.c.lot_id)
    )
    return {row["lot_id"]: int(row["held_fen"]) for row in await tx.rows(statement)}


async def deposits_for_award(tx: Transaction, award_id: str) -> list[Deposit]:
    """The deposits that pay an award, or are forfeited for it."""
    return await _found(tx, select(deposits).where(deposits.c.award_id == award_id).order_by(deposits.c.deposit_id))


async def deposits_of_bidder(tx: Transaction, bidder_id: str, *, limit: int = 1000) -> list[Deposit]:
    """A bidder's deposits, newest first."""
    statement = select(deposits).where(deposits.c.bidder_id == bidder_id)
    return await _found(tx, statement.order_by(deposits.c.created_at_ms.desc(), deposits.c.deposit_id).limit(limit))


async def deposits_on_sale(tx: Transaction, *, sale_id: str, bidder_id: str) -> list[Deposit]:
    """A bidder's deposits over all lots of a sale."""
    statement = (
        select(deposits)
        .join(lots, lots.c.lot_id == deposits.c.lot_id)
        .where(lots.c.sale_id == sale_id, deposits.c.bidder_id == bidder_id)
    )
    return await _found(tx, statement.order_by(deposits.c.deposit_id))


async def deposits_expiring(tx: Transaction, *, before_ms: int, limit: int = 100) -> list[Deposit]:
    """Authorised deposits that the provider lets go before a time and whose end is not decided."""
    statement = (
        select(deposits)
        .where(
            deposits.c.status == "held",
            deposits.c.captured_fen.is_(None),
            deposits.c.disposition.is_(None),
            deposits.c.expires_at_ms < before_ms,
        )
        .order_by(deposits.c.expires_at_ms)
        .limit(limit)
    )
    return await _found(tx, statement)


async def deposits_to_release(tx: Transaction, *, now_ms: int, limit: int = 200) -> list[Deposit]:
    """Deposits that are kept for a runner-up past the time that was said."""
    overdue = and_(
        deposits.c.status == "held",
        deposits.c.disposition.is_(None),
        deposits.c.policy != "purse",
        deposits.c.release_by_ms <= now_ms,
    )
    statement = select(deposits).where(overdue).order_by(deposits.c.deposit_id).limit(limit)
    return await _found(tx, statement.with_for_update(skip_locked=True))


async def idle_purses(tx: Transaction, *, now_ms: int, limit: int = 200) -> list[Deposit]:
    """Purse deposits that nothing rests on: every lot of the sale is over and its settlement opened, their bidder owes
    nothing on it, and is no runner-up who may be asked.
    """
    of_sale = lots.alias("of_sale")
    mine = of_sale.c.sale_id == lots.c.sale_id
    settled = exists().where(settlements.c.lot_id == of_sale.c.lot_id)
    waiting = exists().where(mine, or_(of_sale.c.status.in_(ADMITTING), (of_sale.c.status == "closed") & ~settled))
    owing = exists().where(
        mine,
        awards.c.lot_id == of_sale.c.lot_id,
        awards.c.bidder_id == deposits.c.bidder_id,
        awards.c.status == "due",
    )
    statement = (
        select(deposits)
        .join(lots, lots.c.lot_id == deposits.c.lot_id)
        .where(
            deposits.c.policy == "purse",
            deposits.c.status == "held",
            deposits.c.disposition.is_(None),
            or_(deposits.c.release_by_ms.is_(None), deposits.c.release_by_ms <= now_ms),
            ~waiting,
            ~owing,
        )
        .order_by(deposits.c.deposit_id)
        .limit(limit)
        .with_for_update(of=deposits, skip_locked=True)
    )
    return await _found(tx, statement)


async def decide(
    tx: Transaction,
    deposit_ids: Sequence[str],
    disposition: Disposition,
    *,
    reason: str,
    status: str | None = None,
    award_id: str | None = None,
) -> list[Deposit]:
    """Give held deposits their one end; those that have one already are left out. The deposits as they are now."""
    values: dict[str, Any] = {"disposition": disposition, "reason": reason, "award_id": award_id}
    if status is not None:
        values["status"] = status
    statement = (
        update(deposits)
        .where(
            deposits.c.deposit_id == any_(literal(list(deposit_ids), ARRAY(Id))),
            deposits.c.status == "held",
            deposits.c.disposition.is_(None),
        )
        .values(**values)
        .returning(*deposits.c)
    )
    return await _found(tx, statement)


async def redirect(tx: Transaction, award_id: str, disposition: Disposition, *, reason: str) -> list[Deposit]:
    """Turn the deposits that were to pay an award, and have not, to another end. The deposits as they are now."""
    statement = (
        update(deposits)
        .where(deposits.c.award_id == award_id, deposits.c.status == "held", deposits.c.disposition == "apply")
        .values(disposition=disposition, reason=reason)
        .returning(*deposits.c)
    )
    return await _found(tx, statement)


async def keep_for_runners_up(tx: Transaction, deposit_ids: Sequence[str], *, release_by_ms: int) -> None:
    """Say until when these deposits stay, for whom the lot may yet be offered to."""
    which = deposits.c.deposit_id == any_(literal(list(deposit_ids), ARRAY(Id)))
    await tx.session.execute(update(deposits).where(which).values(release_by_ms=release_by_ms))


async def change(tx: Transaction, deposit_id: str, **values: object) -> Deposit:
    """What the provider's answer makes of a deposit."""
    statement = update(deposits).where(deposits.c.deposit_id == deposit_id).values(**values).returning(*deposits.c)
    return Deposit(**await tx.returned(statement))


async def end_releasing(tx: Transaction, deposit_ids: Sequence[str], *, at_ms: int) -> None:
    """Deposits whose holds were let go; those that had another end before keep it."""
    which = deposits.c.deposit_id == any_(literal(list(deposit_ids), ARRAY(Id)))
    statement = update(deposits).where(which, deposits.c.status == "releasing")
    await tx.session.execute(statement.values(status="released", ended_at_ms=at_ms))


async def end_all(tx: Transaction, deposit_ids: Sequence[str], status: str, *, at_ms: int) -> None:
    """Deposits that have come to their decided end."""
    which = deposits.c.deposit_id == any_(literal(list(deposit_ids), ARRAY(Id)))
    await tx.session.execute(update(deposits).where(which).values(status=status, ended_at_ms=at_ms))


async def _found(tx: Transaction, statement: Any) -> list[Deposit]:
    return [Deposit(**row) for row in await tx.rows(statement)]
