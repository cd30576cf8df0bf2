"""Finds and stores holds that are renewed before they expire, and deposits of lots that never opened.

Beside the bid's way. A renewed deposit is the same deposit, held by another hold of the provider.
"""

from collections.abc import Sequence

from sqlalchemy import and_, exists, func, select, update

from auction.books.deposits import AVAILABLE, Deposit
from auction.books.operations import Intent
from auction.books.tables import deposits, lots, payment_operations
from auction.books.unit_of_work import Transaction
from auction.domain.lot import LotStatus
from auction.domain.states import DepositPolicyKind, OperationKind

RENEWAL = "renew-"
"""How the ids of operations begin that renew a hold; the deposit and the expiry of the old hold follow."""

_CAPTURED_FOR = exists().where(
    payment_operations.c.deposit_id == deposits.c.deposit_id, payment_operations.c.kind == OperationKind.CAPTURE
)


def renewal_of(deposit: Deposit) -> Intent:
    """The intent to hold a deposit again, once for each expiry."""
    return Intent(
        operation_id=f"{RENEWAL}{deposit.deposit_id}-{deposit.expires_at_ms}",
        kind=OperationKind.HOLD,
        lot_id=deposit.lot_id,
        bidder_id=deposit.bidder_id,
        amount_fen=deposit.amount_fen,
        provider=deposit.provider,
        payment_method=deposit.payment_method,
        deposit_id=deposit.deposit_id,
    )


async def to_renew(
    tx: Transaction, *, after_ms: int, before_ms: int, lasting_ms: int, limit: int = 100
) -> list[Deposit]:
    """Authorised deposits without a disposition that expire between two times, the earliest first, each once.

    Only those whose holds last for `lasting_ms` at least, and that no capture was intended of.
    """
    operation_id = func.concat(RENEWAL, deposits.c.deposit_id, "-", deposits.c.expires_at_ms)
    was_asked = exists().where(payment_operations.c.operation_id == operation_id)
    statement = select(deposits).where(
        AVAILABLE,
        deposits.c.captured_fen.is_(None),
        deposits.c.expires_at_ms.between(after_ms, before_ms),
        deposits.c.expires_at_ms - deposits.c.held_at_ms >= lasting_ms,
        ~_CAPTURED_FOR,
        ~was_asked,
    )
    rows = await tx.rows(statement.order_by(deposits.c.expires_at_ms).limit(limit))
    return [Deposit(**row) for row in rows]


async def mark_renewed(
    tx: Transaction, deposit_id: str, *, provider_ref: str, instrument: str | None, expires_at_ms: int | None
) -> Deposit | None:
    """Let a locked deposit rest on its new hold; None: it is not needed, or captured, by now, and keeps the old one."""
    renewable = and_(deposits.c.deposit_id == deposit_id, AVAILABLE, deposits.c.captured_fen.is_(None), ~_CAPTURED_FOR)
    statement = update(deposits).where(renewable)
    statement = statement.values(
        provider_ref=provider_ref,
        instrument=func.coalesce(instrument, deposits.c.instrument),
        expires_at_ms=expires_at_ms,
    )
    row = await tx.row(statement.returning(*deposits.c))
    return None if row is None else Deposit(**row)


async def of_missed_lots(tx: Transaction, *, before_ms: int, limit: int = 100) -> Sequence[Deposit]:
    """Deposits for lots that were never opened and whose end was before a time, by id, locked for a change.

    A purse is for all lots of its sale.
    """
    statement = (
        select(deposits)
        .join(lots, lots.c.lot_id == deposits.c.lot_id)
        .where(
            lots.c.status == LotStatus.SCHEDULED,
            lots.c.closes_at_ms < before_ms,
            AVAILABLE,
            deposits.c.policy != DepositPolicyKind.PURSE,
        )
        .order_by(deposits.c.deposit_id)
        .limit(limit)
        .with_for_update(of=deposits, skip_locked=True)
    )
    return [Deposit(**row) for row in await tx.rows(statement)]
