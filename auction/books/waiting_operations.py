"""Which operations wait for the payment provider, or for a person: for the pages of finance and of bidders.

Beside the bid's way.
"""

from collections.abc import Sequence

from sqlalchemy import and_, any_, exists, func, literal, or_, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.operations import UNRESOLVED, Operation
from auction.books.tables import Id, payment_operations
from auction.books.unit_of_work import Transaction
from auction.domain.states import RELEASE_SUPERSEDED, FailureCode, OperationKind, OperationStatus


async def unresolved_of_lots(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, int]:
    """Lot -> how many of its operations are unresolved; lots without any are missing."""
    table = payment_operations.c
    statement = (
        select(table.lot_id, func.count().label("unresolved"))
        .where(table.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), UNRESOLVED)
        .group_by(table.lot_id)
    )
    return {row["lot_id"]: row["unresolved"] for row in await tx.rows(statement)}


async def stuck_of_lots(tx: Transaction, lot_ids: Sequence[str], *, attempts: int) -> dict[str, list[str]]:
    """Lot -> the ids of its operations that a person should look at.

    Those are unresolved after `attempts` calls, but for those that wait for their card's owner, and refunds and
    releases that failed and were not repeated with success.
    """
    table = payment_operations.c
    unresolved = UNRESOLVED & (table.attempts >= attempts) & table.confirm_by_ms.is_(None)
    failed = and_(
        table.status == OperationStatus.FAILED,
        table.kind.in_((OperationKind.RELEASE, OperationKind.REFUND)),
        table.failure.is_(None) | table.failure.not_in((*RELEASE_SUPERSEDED, FailureCode.REFUNDED_OTHERWISE)),
    )
    later = payment_operations.alias("later")
    repeated = exists().where(
        later.c.operation_id != table.operation_id,
        later.c.first_operation_id == table.first_operation_id,
        later.c.created_at_ms >= table.created_at_ms,
        (later.c.status == OperationStatus.SUCCEEDED) | (later.c.failure == FailureCode.REFUNDED_OTHERWISE),
    )
    statement = select(table.lot_id, table.operation_id).where(
        table.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), or_(unresolved, failed & ~repeated)
    )
    found: dict[str, list[str]] = {}
    for row in await tx.rows(statement.order_by(table.lot_id, table.operation_id)):
        found.setdefault(row["lot_id"], []).append(row["operation_id"])
    return found


async def waiting_for_owner(tx: Transaction, bidder_id: str) -> list[Operation]:
    """A bidder's holds and charges that they are to confirm with their bank, oldest first."""
    table = payment_operations.c
    which = table.bidder_id == bidder_id, table.confirm_by_ms.is_not(None), UNRESOLVED
    statement = select(payment_operations).where(*which).order_by(table.created_at_ms, table.operation_id)
    return [Operation(**row) for row in await tx.rows(statement)]


async def find_opening(tx: Transaction, operation_id: str, bidder_id: str) -> Operation | None:
    """A bidder's own hold or charge by its id; None: they have none."""
    table = payment_operations.c
    opening = table.kind.in_((OperationKind.HOLD, OperationKind.CHARGE))
    own = table.operation_id == operation_id, table.bidder_id == bidder_id, opening
    row = await tx.row(select(payment_operations).where(*own))
    return None if row is None else Operation(**row)


async def end_waiting(tx: Transaction, operation_id: str, *, at_ms: int) -> None:
    """Let the time end in which a card's owner is to confirm an operation; one that does not wait stays as it is."""
    waits = payment_operations.c.confirm_by_ms > at_ms
    statement = update(payment_operations).where(payment_operations.c.operation_id == operation_id, UNRESOLVED, waits)
    await tx.session.execute(statement.values(confirm_by_ms=at_ms))
