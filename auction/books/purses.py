"""Stores what lots take out of purses, and finds the purses on which nothing stands any more.

After the bid's way. A share that is used is a deposit of its own, with `part_of` naming its purse.
"""

from sqlalchemy import and_, exists, func, insert, or_, select, update

from auction.books.deposits import AVAILABLE, OPEN_HOLD, Deposit
from auction.books.tables import awards, deposits, lots, registrations, runners_up, settlements
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.lot import ADMITTING, LotStatus
from auction.domain.states import AwardStatus, DepositPolicyKind, DepositStatus, Disposition


async def take_share(
    tx: Transaction,
    purse: Deposit,
    *,
    lot_id: str,
    award_id: str,
    amount_fen: int,
    disposition: Disposition,
    reason: str,
    at_ms: int,
) -> tuple[Deposit, Deposit]:
    """Take a lot's share out of a locked purse, as a deposit with a disposition of its own: the share, and the purse.

    A purse of which nothing is left is `shared`. Raises InvalidTransition where it has not got so much.
    """
    number = 1 + int(
        await tx.session.scalar(
            select(func.count()).select_from(deposits).where(deposits.c.part_of == purse.deposit_id)
        )
        or 0
    )
    is_all = amount_fen == purse.left_fen
    enough = and_(AVAILABLE, deposits.c.shared_fen + amount_fen <= deposits.c.amount_fen)
    values = {"status": DepositStatus.SHARED, "ended_at_ms": at_ms} if is_all else {}
    statement = update(deposits).where(deposits.c.deposit_id == purse.deposit_id, enough)
    statement = statement.values(shared_fen=deposits.c.shared_fen + amount_fen, **values)
    what = f"a share of {amount_fen} fen of purse {purse.deposit_id}"
    left = Deposit(**await transition(tx, statement.returning(*deposits.c), what))
    share = insert(deposits).values(
        deposit_id=f"{purse.deposit_id}.{number}",
        lot_id=lot_id,
        bidder_id=purse.bidder_id,
        request_key=f"share-{purse.deposit_id}",
        policy=purse.policy,
        method=purse.method,
        amount_fen=amount_fen,
        status=DepositStatus.HELD,
        disposition=disposition,
        award_id=award_id,
        payment_method=purse.payment_method,
        provider=purse.provider,
        provider_ref=purse.provider_ref,
        instrument=purse.instrument,
        captured_fen=amount_fen if purse.is_cash else None,
        created_at_ms=at_ms,
        held_at_ms=purse.held_at_ms,
        part_of=purse.deposit_id,
        reason=reason,
    )
    return Deposit(**await tx.returned(share.returning(*deposits.c))), left


async def lock_authorised_shares(tx: Transaction, purse_id: str) -> list[Deposit]:
    """The shares of a purse that wait for its capture, by id, locked for a change by this transaction."""
    waiting = and_(deposits.c.part_of == purse_id, deposits.c.status.in_(OPEN_HOLD), deposits.c.captured_fen.is_(None))
    statement = select(deposits).where(waiting).order_by(deposits.c.deposit_id)
    return [Deposit(**row) for row in await tx.rows(statement.with_for_update())]


async def idle_purses(tx: Transaction, *, missed_before_ms: int, limit: int = 200) -> list[Deposit]:
    """Purse deposits on which nothing stands any more, locked for a change.

    Every lot of the sale has ended and its settlement is open, or it was never opened and its end was before a time;
    the bidder has no award due and no offer on the sale, is no runner-up who may be made one, and no share of the purse
    waits for its capture.
    """
    of_sale = lots.alias("of_sale")
    same_sale = of_sale.c.sale_id == lots.c.sale_id
    settled = exists().where(settlements.c.lot_id == of_sale.c.lot_id)
    is_missed = and_(
        of_sale.c.status == LotStatus.SCHEDULED,
        func.coalesce(of_sale.c.closes_at_ms, missed_before_ms) < missed_before_ms,
    )
    not_over = exists().where(
        same_sale,
        or_(
            of_sale.c.status.in_((*ADMITTING, LotStatus.FROZEN)) & ~is_missed,
            (of_sale.c.status == LotStatus.CLOSED) & ~settled,
        ),
    )
    owing = exists().where(
        same_sale,
        awards.c.lot_id == of_sale.c.lot_id,
        awards.c.bidder_id == deposits.c.bidder_id,
        awards.c.status == AwardStatus.DUE,
    )
    may_be_offered = exists().where(
        same_sale,
        runners_up.c.lot_id == of_sale.c.lot_id,
        runners_up.c.bidder_id == deposits.c.bidder_id,
        runners_up.c.released_at_ms.is_(None),
    )
    secured = exists().where(
        same_sale,
        registrations.c.lot_id == of_sale.c.lot_id,
        registrations.c.bidder_id == deposits.c.bidder_id,
        registrations.c.share_fen > 0,
    )
    part = deposits.alias("part")
    is_captured_for = exists().where(
        part.c.part_of == deposits.c.deposit_id, part.c.status == DepositStatus.HELD, part.c.captured_fen.is_(None)
    )
    statement = (
        select(deposits)
        .join(lots, lots.c.lot_id == deposits.c.lot_id)
        .where(
            AVAILABLE,
            deposits.c.policy == DepositPolicyKind.PURSE,
            ~not_over,
            ~owing,
            ~may_be_offered,
            ~secured,
            ~is_captured_for,
        )
        .order_by(deposits.c.deposit_id)
        .limit(limit)
        .with_for_update(of=deposits, skip_locked=True)
    )
    return [Deposit(**row) for row in await tx.rows(statement)]
