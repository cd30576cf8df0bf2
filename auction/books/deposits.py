"""Stores deposits: requested, held at the provider, and each ended exactly once.

Beside the bid's way. Bidding power follows from what is held here (`auction.services.registration.bidding_power`).
What a deposit is used for, its disposition, is decided once, by `set_disposition`, and reached when the provider
confirms. Each `mark_...` checks the status it leaves and raises InvalidTransition where it is another.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Executable, and_, any_, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.given_rows import is_given
from auction.books.tables import Id, deposits, lots
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.states import DepositMethod, DepositPolicyKind, DepositStatus, Disposition

REGISTRATION = "registration"
"""The request key of the deposit that a registration needs."""

AVAILABLE = and_(deposits.c.status == DepositStatus.HELD, deposits.c.disposition.is_(None))
"""Held, and its disposition not decided."""
OPEN_HOLD = (DepositStatus.HELD, DepositStatus.RELEASING)
"""Statuses in which the provider may still reserve a deposit."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """An amount in fen that a bidder put down for a lot. Columns: `auction.books.tables.payments`."""

    deposit_id: str
    lot_id: str
    bidder_id: str
    request_key: str
    policy: DepositPolicyKind
    method: DepositMethod
    amount_fen: int
    status: DepositStatus
    disposition: Disposition | None
    award_id: str | None
    payment_method: str
    provider: str
    provider_ref: str | None
    instrument: str | None
    captured_fen: int | None
    created_at_ms: int
    held_at_ms: int | None
    expires_at_ms: int | None
    ended_at_ms: int | None
    shared_fen: int
    part_of: str | None
    reason: str | None

    @property
    def is_available(self) -> bool:
        """Whether it is held and its disposition is not decided, so that bidding power may rest on it."""
        return self.status is DepositStatus.HELD and self.disposition is None

    @property
    def is_cash(self) -> bool:
        """Whether it was charged or captured, and not only authorised."""
        return self.captured_fen is not None

    @property
    def is_purse(self) -> bool:
        """Whether it serves every lot of the sale."""
        return self.policy is DepositPolicyKind.PURSE

    @property
    def left_fen(self) -> int:
        """What is left of it, in fen: without the shares that were taken out of a purse."""
        return self.amount_fen - self.shared_fen

    @property
    def cash_fen(self) -> int:
        """What was charged or captured of it and is left, in fen; 0 while it is only authorised."""
        return 0 if self.captured_fen is None else self.captured_fen - self.shared_fen

    @property
    def worth_fen(self) -> int:
        """What it can pay, in fen: its cash, or all that is left of it while it is only authorised."""
        return self.left_fen if self.captured_fen is None else self.cash_fen

    @property
    def hold_id(self) -> str:
        """The deposit that the provider holds: itself, or the purse that it is a share of."""
        return self.part_of or self.deposit_id


# --- requesting and finding -------------------------------------------------------------------------------------------


async def find(tx: Transaction, deposit_id: str) -> Deposit:
    """An existing deposit."""
    return Deposit(**await tx.returned(select(deposits).where(deposits.c.deposit_id == deposit_id)))


async def lock(tx: Transaction, deposit_id: str) -> Deposit:
    """An existing deposit, locked for a change by this transaction."""
    statement = select(deposits).where(deposits.c.deposit_id == deposit_id)
    return Deposit(**await tx.returned(statement.with_for_update()))


async def lock_all(tx: Transaction, deposit_ids: Collection[str]) -> list[Deposit]:
    """Deposits by id, locked for a change by this transaction."""
    return [Deposit(**row) for row in await tx.rows(_LOCK, {"ids": list(deposit_ids)})]


_LOCK = select(deposits).where(is_given(deposits.c.deposit_id)).order_by(deposits.c.deposit_id).with_for_update()


async def purses_among(tx: Transaction, deposit_ids: Collection[str]) -> set[str]:
    """Those of these deposits that serve every lot of a sale."""
    statement = select(deposits.c.deposit_id).where(_among(deposit_ids), deposits.c.policy == DepositPolicyKind.PURSE)
    return {row["deposit_id"] for row in await tx.rows(statement)}


async def deposits_of_lot(
    tx: Transaction, lot_id: str, *, bidder_id: str | None = None, locked: bool = False
) -> list[Deposit]:
    """A lot's deposits, oldest first; `locked`: for a change by this transaction."""
    statement = select(deposits).where(deposits.c.lot_id == lot_id)
    if bidder_id is not None:
        statement = statement.where(deposits.c.bidder_id == bidder_id)
    statement = statement.order_by(deposits.c.created_at_ms, deposits.c.deposit_id)
    return await _deposits(tx, statement.with_for_update() if locked else statement)


async def lock_deposits_of_lots(tx: Transaction, lot_ids: Collection[str]) -> list[Deposit]:
    """The deposits of these lots by id, locked for a change by this transaction."""
    wanted = deposits.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    return await _deposits(tx, select(deposits).where(wanted).order_by(deposits.c.deposit_id).with_for_update())


async def held_by_lot(tx: Transaction, lot_ids: Collection[str]) -> dict[str, int]:
    """Lot -> the sum of its held deposits in fen; lots without any are missing."""
    left = deposits.c.amount_fen - deposits.c.shared_fen
    statement = (
        select(deposits.c.lot_id, func.sum(left).label("held_fen"))
        .where(deposits.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), deposits.c.status == DepositStatus.HELD)
        .group_by(deposits.c.lot_id)
    )
    return {row["lot_id"]: int(row["held_fen"]) for row in await tx.rows(statement)}


async def deposits_for_award(tx: Transaction, award_id: str) -> list[Deposit]:
    """The deposits that pay an award, or are forfeited for it."""
    return await _deposits(tx, select(deposits).where(deposits.c.award_id == award_id).order_by(deposits.c.deposit_id))


async def deposits_of_bidder(tx: Transaction, bidder_id: str, *, limit: int = 1000) -> list[Deposit]:
    """A bidder's deposits, newest first."""
    statement = select(deposits).where(deposits.c.bidder_id == bidder_id)
    return await _deposits(tx, statement.order_by(deposits.c.created_at_ms.desc(), deposits.c.deposit_id).limit(limit))


async def deposits_on_sale(tx: Transaction, *, sale_id: str, bidder_id: str) -> list[Deposit]:
    """A bidder's deposits for all lots of a sale, by id."""
    statement = (
        select(deposits)
        .join(lots, lots.c.lot_id == deposits.c.lot_id)
        .where(lots.c.sale_id == sale_id, deposits.c.bidder_id == bidder_id)
    )
    return await _deposits(tx, statement.order_by(deposits.c.deposit_id))


_ON_SALES = (
    select(lots.c.sale_id, *deposits.c)
    .join(lots, lots.c.lot_id == deposits.c.lot_id)
    .where(is_given(lots.c.sale_id, "sale_ids"), is_given(deposits.c.bidder_id))
    .order_by(deposits.c.deposit_id)
)


async def deposits_on_sales(
    tx: Transaction, *, sale_ids: Collection[str], bidder_ids: Collection[str]
) -> list[tuple[str, Deposit]]:
    """The deposits of these bidders for all lots of these sales, by id, each with its sale."""
    found = await tx.rows(_ON_SALES, {"sale_ids": list(sale_ids), "ids": list(bidder_ids)})
    rows = [dict(row) for row in found]
    return [(row.pop("sale_id"), Deposit(**row)) for row in rows]


async def deposits_expiring(tx: Transaction, *, before_ms: int, limit: int = 100) -> list[Deposit]:
    """Authorised deposits without a disposition that expire before a time, the earliest first."""
    statement = (
        select(deposits)
        .where(AVAILABLE, deposits.c.captured_fen.is_(None), deposits.c.expires_at_ms < before_ms)
        .order_by(deposits.c.expires_at_ms)
        .limit(limit)
    )
    return await _deposits(tx, statement)


async def releasing_among(tx: Transaction, deposit_ids: Collection[str]) -> dict[str, str | None]:
    """Those of these deposits that are to be released and only authorised -> the provider's id of their hold."""
    waiting = and_(_among(deposit_ids), deposits.c.status == DepositStatus.RELEASING, deposits.c.captured_fen.is_(None))
    rows = await tx.rows(select(deposits.c.deposit_id, deposits.c.provider_ref).where(waiting))
    return {row["deposit_id"]: row["provider_ref"] for row in rows}


# --- the disposition --------------------------------------------------------------------------------------------------


async def set_disposition(
    tx: Transaction,
    deposit_ids: Sequence[str],
    disposition: Disposition,
    *,
    reason: str,
    award_id: str | None = None,
) -> list[Deposit]:
    """Decide what held deposits are used for; those with a disposition are left out. The changed deposits.

    To be released, they are releasing from now on; to be applied or forfeited, they stay held until that is done.
    """
    status = DepositStatus.RELEASING if disposition is Disposition.RELEASE else DepositStatus.HELD
    statement = (
        update(deposits)
        .where(_among(deposit_ids), AVAILABLE)
        .values(disposition=disposition, reason=reason, award_id=award_id, status=status)
    )
    return await _deposits(tx, statement.returning(*deposits.c))


async def change_disposition(tx: Transaction, award_id: str, disposition: Disposition, *, reason: str) -> list[Deposit]:
    """Give deposits that were to pay an award, and have not, another disposition. The changed deposits."""
    statement = (
        update(deposits)
        .where(
            deposits.c.award_id == award_id,
            deposits.c.status == DepositStatus.HELD,
            deposits.c.disposition == Disposition.APPLY,
        )
        .values(disposition=disposition, reason=reason)
    )
    return await _deposits(tx, statement.returning(*deposits.c))


# --- transitions ------------------------------------------------------------------------------------------------------


async def mark_failed(tx: Transaction, deposit_id: str, *, reason: str, at_ms: int) -> Deposit:
    """Pending -> failed."""
    return await _mark(
        tx,
        deposit_id,
        deposits.c.status == DepositStatus.PENDING,
        status=DepositStatus.FAILED,
        ended_at_ms=at_ms,
        reason=reason,
    )


async def mark_captured(tx: Transaction, deposit_id: str, *, captured_fen: int) -> Deposit:
    """An authorised deposit, held, releasing or shared, becomes cash; its status stays."""
    authorised = and_(deposits.c.status.in_((*OPEN_HOLD, DepositStatus.SHARED)), deposits.c.captured_fen.is_(None))
    return await _mark(tx, deposit_id, authorised, captured_fen=captured_fen, expires_at_ms=None)


async def mark_lapsed(tx: Transaction, deposit_id: str, *, reason: str, at_ms: int) -> Deposit:
    """An authorised deposit, held or releasing -> lapsed."""
    authorised = and_(deposits.c.status.in_(OPEN_HOLD), deposits.c.captured_fen.is_(None))
    return await _mark(tx, deposit_id, authorised, status=DepositStatus.LAPSED, ended_at_ms=at_ms, reason=reason)


async def mark_refunding(tx: Transaction, deposit_id: str) -> Deposit:
    """A cash deposit to be released, held or releasing -> releasing, until its refund is confirmed."""
    refundable = and_(
        deposits.c.status.in_(OPEN_HOLD),
        deposits.c.disposition == Disposition.RELEASE,
        deposits.c.captured_fen.is_not(None),
    )
    return await _mark(tx, deposit_id, refundable, status=DepositStatus.RELEASING)


async def mark_applied(tx: Transaction, deposit_id: str, *, at_ms: int) -> Deposit:
    """A held cash deposit to be applied -> applied."""
    return await _mark(tx, deposit_id, _cash_for(Disposition.APPLY), status=DepositStatus.APPLIED, ended_at_ms=at_ms)


async def mark_forfeited(tx: Transaction, deposit_id: str, *, at_ms: int) -> Deposit:
    """A held cash deposit to be forfeited -> forfeited."""
    return await _mark(
        tx, deposit_id, _cash_for(Disposition.FORFEIT), status=DepositStatus.FORFEITED, ended_at_ms=at_ms
    )


async def mark_refund_failed(tx: Transaction, deposit_id: str) -> None:
    """Released -> releasing: its refund came back. A deposit that ended in another way keeps its status."""
    came_back = and_(deposits.c.deposit_id == deposit_id, deposits.c.status == DepositStatus.RELEASED)
    await tx.session.execute(update(deposits).where(came_back).values(status=DepositStatus.RELEASING, ended_at_ms=None))


async def mark_released(tx: Transaction, deposit_ids: Sequence[str], *, at_ms: int) -> None:
    """Releasing -> released, for many; deposits that have ended in another way keep their status."""
    releasing = and_(_among(deposit_ids), deposits.c.status == DepositStatus.RELEASING)
    # by id, as everybody locks deposits
    await tx.rows(select(deposits.c.deposit_id).where(releasing).order_by(deposits.c.deposit_id).with_for_update())
    statement = update(deposits).where(releasing)
    await tx.session.execute(statement.values(status=DepositStatus.RELEASED, ended_at_ms=at_ms))


def _cash_for(disposition: Disposition) -> ColumnElement[bool]:
    return and_(
        deposits.c.status == DepositStatus.HELD,
        deposits.c.disposition == disposition,
        deposits.c.captured_fen.is_not(None),
    )


async def _mark(tx: Transaction, deposit_id: str, leaving: ColumnElement[bool], **values: object) -> Deposit:
    statement = update(deposits).where(deposits.c.deposit_id == deposit_id, leaving).values(**values)
    what = f"deposit {deposit_id} to {values.get('status', 'captured')}"
    return Deposit(**await transition(tx, statement.returning(*deposits.c), what))


def _among(deposit_ids: Collection[str]) -> ColumnElement[bool]:
    return deposits.c.deposit_id == any_(literal(list(deposit_ids), ARRAY(Id)))


async def _deposits(tx: Transaction, statement: Executable) -> list[Deposit]:
    return [Deposit(**row) for row in await tx.rows(statement)]
