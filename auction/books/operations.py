"""What the payment provider is asked: committed before the call, resolved after it, found again after a crash.

Beside the bid's way. An operation's id is its idempotency key at the provider, so asking again is always safe: whoever
finds an unresolved operation that is due claims it, asks, and resolves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, any_, exists, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, payment_operations
from auction.books.unit_of_work import Transaction

CLAIM_MS = 20_000
"""How long a claimed operation is left to whoever claimed it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing asked of the provider, in fen. Columns: `auction.books.money_tables`."""

    operation_id: str
    kind: str
    lot_id: str
    bidder_id: str
    deposit_id: str | None
    award_id: str | None
    provider: str
    payment_method: str
    target_ref: str | None
    amount_fen: int
    status: str
    provider_ref: str | None
    failure: str | None
    attempts: int
    first_operation_id: str
    attempt_number: int
    next_try_at_ms: int
    created_at_ms: int
    resolved_at_ms: int | None

    @property
    def resolved(self) -> bool:
        """Whether its outcome is known for good."""
        return self.status in {"succeeded", "failed"}


@dataclass(frozen=True, slots=True)
class Intent:
    """An operation about to be asked for; the id says what it is for, so the same intent is written once."""

    operation_id: str
    kind: str
    lot_id: str
    bidder_id: str
    amount_fen: int
    provider: str
    payment_method: str = ""
    deposit_id: str | None = None
    award_id: str | None = None
    target_ref: str | None = None
    first_operation_id: str | None = None
    """The operation that failed and is asked for again under this id; None: this is the first."""
    attempt_number: int = 1


async def intend(tx: Transaction, intents: Sequence[Intent], *, at_ms: int, first_try_ms: int = 0) -> None:
    """Write intents down; those there already stay as they are. Due at once, or `first_try_ms` later."""
    rows = [
        {
            "operation_id": one.operation_id,
            "kind": one.kind,
            "lot_id": one.lot_id,
            "bidder_id": one.bidder_id,
            "deposit_id": one.deposit_id,
            "award_id": one.award_id,
            "provider": one.provider,
            "payment_method": one.payment_method,
            "target_ref": one.target_ref,
            "amount_fen": one.amount_fen,
            "first_operation_id": one.first_operation_id or one.operation_id,
            "attempt_number": one.attempt_number,
            "next_try_at_ms": at_ms + first_try_ms,
            "created_at_ms": at_ms,
        }
        for one in intents
    ]
    if rows:
        await tx.session.execute(postgresql.insert(payment_operations).on_conflict_do_nothing(), rows)


async def claim_due(tx: Transaction, *, now_ms: int, limit: int) -> list[Operation]:
    """Unresolved operations whose time has come, for the caller to ask; others leave them alone for CLAIM_MS."""
    due = (
        select(payment_operations.c.operation_id)
        .where(
            or_(payment_operations.c.status == "intended", payment_operations.c.status == "pending"),
            payment_operations.c.next_try_at_ms <= now_ms,
        )
        .order_by(payment_operations.c.next_try_at_ms)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return await _claim(tx, payment_operations.c.operation_id.in_(due), now_ms)


async def claim(tx: Transaction, operation_id: str, *, now_ms: int) -> Operation | None:
    """One unresolved operation, whenever it is due; None where it is resolved."""
    mine = payment_operations.c.operation_id == operation_id
    unresolved = payment_operations.c.status.in_(("intended", "pending"))
    found = await _claim(tx, mine & unresolved, now_ms)
    return found[0] if found else None


async def _claim(tx: Transaction, which: object, now_ms: int) -> list[Operation]:
    statement = (
        update(payment_operations)
        .where(which)  # type: ignore[arg-type]
        .values(attempts=payment_operations.c.attempts + 1, next_try_at_ms=now_ms + CLAIM_MS)
        .returning(*payment_operations.c)
    )
    return [Operation(**row) for row in await tx.rows(statement)]


async def find(tx: Transaction, operation_id: str) -> Operation:
    """An operation that must be there."""
    mine = select(payment_operations).where(payment_operations.c.operation_id == operation_id)
    return Operation(**await tx.returned(mine))


async def lock(tx: Transaction, operation_id: str) -> Operation:
    """An operation, for this transaction alone to resolve."""
    mine = select(payment_operations).where(payment_operations.c.operation_id == operation_id)
    return Operation(**await tx.returned(mine.with_for_update()))


async def lock_all(tx: Transaction, operation_ids: Sequence[str]) -> list[Operation]:
    """Operations, for this transaction alone to resolve, in one order everywhere."""
    wanted = payment_operations.c.operation_id == any_(literal(list(operation_ids), ARRAY(Id)))
    statement = select(payment_operations).where(wanted).order_by(payment_operations.c.operation_id)
    return [Operation(**row) for row in await tx.rows(statement.with_for_update())]


async def resolve_all(
    tx: Transaction, operation_ids: Sequence[str], *, status: str, at_ms: int, ref: str | None = None
) -> None:
    """Operations of one outcome."""
    which = payment_operations.c.operation_id == any_(literal(list(operation_ids), ARRAY(Id)))
    values: dict[str, object] = {"status": status, "resolved_at_ms": at_ms}
    if ref is not None:
        values["provider_ref"] = ref
    await tx.session.execute(update(payment_operations).where(which).values(**values))


async def change(tx: Transaction, operation_id: str, **values: object) -> None:
    """What the provider's answer makes of an operation."""
    mine = payment_operations.c.operation_id == operation_id
    await tx.session.execute(update(payment_operations).where(mine).values(**values))


async def find_by_notice(tx: Transaction, *, operation_id: str | None, kind: str, ref: str) -> Operation | None:
    """The operation that a provider's notice is about: by the id it carries, else by the provider's id."""
    table = payment_operations.c
    if operation_id is not None:
        which = table.operation_id == operation_id
    else:
        which = (table.kind == kind) & or_(table.target_ref == ref, table.provider_ref == ref)
    row = await tx.row(select(payment_operations).where(which).order_by(table.created_at_ms.desc()).limit(1))
    return None if row is None else Operation(**row)


async def operations_of_lot(tx: Transaction, lot_id: str) -> list[Operation]:
    """Everything the provider was asked about a lot, oldest first."""
    statement = select(payment_operations).where(payment_operations.c.lot_id == lot_id)
    statement = statement.order_by(payment_operations.c.created_at_ms, payment_operations.c.operation_id)
    return [Operation(**row) for row in await tx.rows(statement)]


async def operations_of_award(tx: Transaction, award_id: str) -> list[Operation]:
    """Everything the provider was asked about an award, oldest first."""
    statement = select(payment_operations).where(payment_operations.c.award_id == award_id)
    statement = statement.order_by(payment_operations.c.created_at_ms, payment_operations.c.operation_id)
    return [Operation(**row) for row in await tx.rows(statement)]


async def unresolved_of_lots(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, int]:
    """Lot -> how many operations wait for the provider's answer; lots without any are missing."""
    table = payment_operations.c
    statement = (
        select(table.lot_id, func.count().label("waiting"))
        .where(table.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), table.status.in_(("intended", "pending")))
        .group_by(table.lot_id)
    )
    return {row["lot_id"]: row["waiting"] for row in await tx.rows(statement)}


async def stuck_of_lots(tx: Transaction, lot_ids: Sequence[str], *, attempts: int) -> dict[str, list[str]]:
    """Lot -> its operations that were tried so often, or failed for good, that people should look."""
    table = payment_operations.c
    unresolved = table.status.in_(("intended", "pending")) & (table.attempts >= attempts)
    failed = and_(
        table.status == "failed",
        table.kind.in_(("release", "refund")),
        # a hold that was free already, or became money that goes back: nothing is left to do
        table.failure.is_(None) | table.failure.not_in(("expired", "already_released", "already_captured")),
    )
    later = payment_operations.alias("later")
    mended = exists().where(
        later.c.operation_id != table.operation_id,
        func.split_part(later.c.operation_id, ".", 1) == func.split_part(table.operation_id, ".", 1),
        later.c.created_at_ms >= table.created_at_ms,
        later.c.status == "succeeded",
    )
    statement = select(table.lot_id, table.operation_id).where(
        table.lot_id == any_(literal(list(lot_ids), ARRAY(Id))), or_(unresolved, failed & ~mended)
    )
    found: dict[str, list[str]] = {}
    for row in await tx.rows(statement.order_by(table.lot_id, table.operation_id)):
        found.setdefault(row["lot_id"], []).append(row["operation_id"])
    return found
