"""Stores operations requested from the payment provider: committed before the call, resolved after it.

Beside the bid's way. An operation's id is its idempotency key at the provider, so repeating the call is always safe:
whoever finds an unresolved operation that is due claims it, calls the provider, and resolves it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    and_,
    any_,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.given_rows import is_given
from auction.books.tables import Id, awards, deposits, payment_operations
from auction.books.transitions import InvalidTransition, transition
from auction.books.unit_of_work import Transaction
from auction.domain.states import (
    UNRESOLVED_OPERATION,
    FailureCode,
    OperationKind,
    OperationStatus,
)

CLAIM_MS = 20_000
"""How long a claimed operation is left to whoever claimed it."""

UNRESOLVED = payment_operations.c.status.in_(UNRESOLVED_OPERATION)


@dataclass(frozen=True, slots=True)
class Operation:
    """A request to the payment provider, in fen. Columns: `auction.books.tables.payments`."""

    operation_id: str
    kind: OperationKind
    lot_id: str
    bidder_id: str
    deposit_id: str | None
    award_id: str | None
    provider: str
    payment_method: str
    target_ref: str | None
    amount_fen: int
    status: OperationStatus
    provider_ref: str | None
    failure: str | None
    """Where it failed: a `FailureCode`, or the decline code of the card's bank."""
    attempts: int
    first_operation_id: str
    attempt_number: int
    next_try_at_ms: int
    created_at_ms: int
    resolved_at_ms: int | None
    abandon_asked_at_ms: int | None
    sum_fen: int | None = None
    """Charges: the sum that it is a part of; None: it is whole."""
    confirm_by_ms: int | None = None
    """Holds and charges: until when the card's owner is to confirm it with their bank; None: they are not asked."""

    @property
    def is_resolved(self) -> bool:
        """Whether its outcome is known and final."""
        return self.status not in UNRESOLVED_OPERATION

    @property
    def was_refunded_otherwise(self) -> bool:
        """Whether staff paid this refund in another way."""
        return self.failure == FailureCode.REFUNDED_OTHERWISE

    @property
    def is_opening(self) -> bool:
        """Whether it makes a hold or a charge, and is not about one that there is."""
        return self.kind in {OperationKind.HOLD, OperationKind.CHARGE}

    @property
    def previous_id(self) -> str | None:
        """The id of the failed operation that this one repeats; None: it repeats none."""
        if self.attempt_number == 1 or self.is_opening:
            return None
        return (
            self.first_operation_id
            if self.attempt_number == 2
            else f"{self.first_operation_id}.{self.attempt_number - 1}"
        )

    @property
    def is_open_charge(self) -> bool:
        """Whether it is a charge whose outcome is not known yet."""
        return self.kind is OperationKind.CHARGE and not self.is_resolved

    @property
    def waits_for_owner(self) -> bool:
        """Whether the card's owner is to confirm it with their bank."""
        return self.confirm_by_ms is not None and not self.is_resolved

    @property
    def is_received_charge(self) -> bool:
        """Whether it is a charge that succeeded."""
        return self.kind is OperationKind.CHARGE and self.status is OperationStatus.SUCCEEDED


@dataclass(frozen=True, slots=True)
class Intent:
    """An operation to be requested. Its id says what it is for, so the same intent is stored once."""

    operation_id: str
    kind: OperationKind
    lot_id: str
    bidder_id: str
    amount_fen: int
    provider: str
    payment_method: str = ""
    deposit_id: str | None = None
    award_id: str | None = None
    target_ref: str | None = None
    first_operation_id: str | None = None
    """The failed operation that this one repeats, or the first part of its sum; None: this is the first."""
    attempt_number: int = 1
    sum_fen: int | None = None
    """Charges: the sum that this one is a part of; None: it is whole."""


async def intend(tx: Transaction, intents: Sequence[Intent], *, at_ms: int, first_try_ms: int = 0) -> None:
    """Store intents, due at once or `first_try_ms` later. Operations with the same ids exist: they stay unchanged."""
    if intents:
        rows = [{**row_of(one, at_ms), "next_try_at_ms": at_ms + first_try_ms} for one in intents]
        await tx.session.execute(postgresql.insert(payment_operations).on_conflict_do_nothing(), rows)


def row_of(intent: Intent, at_ms: int) -> dict[str, Any]:
    """The columns that an intent is stored with, but for when it is due."""
    row = {name: getattr(intent, name) for name in Intent.__slots__}
    return {**row, "first_operation_id": intent.first_operation_id or intent.operation_id, "created_at_ms": at_ms}


# --- claiming and finding ---------------------------------------------------------------------------------------------


async def claim_due(tx: Transaction, *, now_ms: int, limit: int) -> list[Operation]:
    """Claim unresolved operations that are due, for the caller to request; others skip them for CLAIM_MS."""
    due = (
        select(payment_operations.c.operation_id)
        .where(UNRESOLVED, payment_operations.c.next_try_at_ms <= now_ms)
        .order_by(payment_operations.c.next_try_at_ms)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return await _claim(tx, payment_operations.c.operation_id.in_(due), now_ms)


async def claim(tx: Transaction, operation_id: str, *, now_ms: int) -> Operation | None:
    """Claim one unresolved operation, due or not; None where it is resolved."""
    found = await _claim(tx, (payment_operations.c.operation_id == operation_id) & UNRESOLVED, now_ms)
    return found[0] if found else None


async def _claim(tx: Transaction, which: ColumnElement[bool], now_ms: int) -> list[Operation]:
    statement = (
        update(payment_operations)
        .where(which)
        .values(attempts=payment_operations.c.attempts + 1, next_try_at_ms=now_ms + CLAIM_MS)
        .returning(*payment_operations.c)
    )
    return [Operation(**row) for row in await tx.rows(statement)]


async def find(tx: Transaction, operation_id: str) -> Operation:
    """An existing operation."""
    statement = select(payment_operations).where(payment_operations.c.operation_id == operation_id)
    return Operation(**await tx.returned(statement))


async def lock(tx: Transaction, operation_id: str) -> Operation:
    """An existing operation, locked for a change by this transaction."""
    statement = select(payment_operations).where(payment_operations.c.operation_id == operation_id)
    return Operation(**await tx.returned(statement.with_for_update()))


_LOTS = (
    select(payment_operations.c.lot_id, awards.c.lot_id.label("award_lot_id"))
    .distinct()
    .outerjoin(
        deposits,
        or_(
            deposits.c.deposit_id == payment_operations.c.deposit_id,
            deposits.c.part_of == payment_operations.c.deposit_id,
        ),
    )
    .outerjoin(awards, awards.c.award_id == deposits.c.award_id)
    .where(is_given(payment_operations.c.operation_id))
)


async def lots_of(tx: Transaction, operation_ids: Collection[str]) -> list[str]:
    """The lots whose settlements the outcomes of operations may change, by id.

    Those are their own lots, and the lots of the awards that their deposits, or shares of them, pay or are forfeited
    for: a purse serves all lots of a sale.
    """
    rows = await tx.rows(_LOTS, {"ids": list(operation_ids)})
    return sorted({lot_id for row in rows for lot_id in row.values() if lot_id is not None})


_LOCK = (
    select(payment_operations)
    .where(is_given(payment_operations.c.operation_id))
    .order_by(payment_operations.c.operation_id)
    .with_for_update()
)


async def lock_all(tx: Transaction, operation_ids: Sequence[str]) -> list[Operation]:
    """Operations by id, locked for a change by this transaction."""
    return [Operation(**row) for row in await tx.rows(_LOCK, {"ids": list(operation_ids)})]


async def find_by_notice(
    tx: Transaction, *, provider: str, operation_id: str | None, kind: OperationKind, ref: str
) -> Operation | None:
    """The operation that a provider's notice is about: by the id in it, else by the provider's own id; or None."""
    table = payment_operations.c
    if operation_id is not None:
        which = table.operation_id == operation_id
    else:
        which = (table.kind == kind) & or_(table.target_ref == ref, table.provider_ref == ref)
    row = await tx.row(
        select(payment_operations)
        .where(which, table.provider == provider)
        .order_by(table.created_at_ms.desc())
        .limit(1)
    )
    return None if row is None else Operation(**row)


async def operations_of_lot(tx: Transaction, lot_id: str) -> list[Operation]:
    """All operations of a lot, oldest first."""
    return await _operations(tx, payment_operations.c.lot_id == lot_id)


async def operations_of_award(tx: Transaction, award_id: str) -> list[Operation]:
    """All operations of an award, oldest first."""
    return await _operations(tx, payment_operations.c.award_id == award_id)


async def attempts_of(tx: Transaction, first_operation_id: str) -> list[Operation]:
    """An operation and those that repeat it, in order, locked for a change by this transaction."""
    statement = (
        select(payment_operations)
        .where(payment_operations.c.first_operation_id == first_operation_id)
        .order_by(payment_operations.c.attempt_number)
        .with_for_update()
    )
    return [Operation(**row) for row in await tx.rows(statement)]


# --- transitions ------------------------------------------------------------------------------------------------------


async def mark_pending(
    tx: Transaction,
    operation_id: str,
    *,
    provider_ref: str | None,
    next_try_at_ms: int,
    confirm_by_ms: int | None = None,
) -> Operation:
    """Intended or pending -> pending: the provider has not decided. Raises InvalidTransition where it is resolved.

    `confirm_by_ms`: until when the card's owner is to confirm it; where that was stored before, it stays.
    """
    asked = None if confirm_by_ms is None else func.coalesce(payment_operations.c.confirm_by_ms, confirm_by_ms)
    return await _mark(
        tx,
        operation_id,
        status=OperationStatus.PENDING,
        provider_ref=provider_ref,
        next_try_at_ms=next_try_at_ms,
        confirm_by_ms=asked,
    )


async def set_amount(tx: Transaction, operation_id: str, amount_fen: int) -> Operation:
    """Change the amount of an unresolved capture to what the provider has captured."""
    capture = (payment_operations.c.operation_id == operation_id) & (payment_operations.c.kind == OperationKind.CAPTURE)
    statement = update(payment_operations).where(capture, UNRESOLVED).values(amount_fen=amount_fen)
    return Operation(**await transition(tx, statement.returning(*payment_operations.c), f"amount of {operation_id}"))


async def note_ref(tx: Transaction, operation_id: str, provider_ref: str) -> str:
    """Store what the provider prepared for an operation, unless something was stored before: what is stored."""
    statement = update(payment_operations).where(payment_operations.c.operation_id == operation_id)
    kept = func.coalesce(payment_operations.c.provider_ref, provider_ref)
    row = await tx.returned(statement.values(provider_ref=kept).returning(payment_operations.c.provider_ref))
    return str(row["provider_ref"])


async def mark_succeeded(tx: Transaction, operation_id: str, *, provider_ref: str | None, at_ms: int) -> Operation:
    """Intended or pending -> succeeded. Raises InvalidTransition where it is resolved."""
    return await _mark(
        tx,
        operation_id,
        status=OperationStatus.SUCCEEDED,
        provider_ref=provider_ref,
        failure=None,
        resolved_at_ms=at_ms,
    )


async def mark_failed(
    tx: Transaction, operation_id: str, *, provider_ref: str | None, failure: str | None, at_ms: int
) -> Operation:
    """Intended or pending -> failed. Raises InvalidTransition where it is resolved."""
    return await _mark(
        tx,
        operation_id,
        status=OperationStatus.FAILED,
        provider_ref=provider_ref,
        failure=failure,
        resolved_at_ms=at_ms,
    )


async def mark_refund_failed(tx: Transaction, operation_id: str, *, failure: str | None, at_ms: int) -> Operation:
    """A refund that had succeeded -> failed: it came back. Raises InvalidTransition where it is something else."""
    table = payment_operations.c
    came_back = and_(
        table.operation_id == operation_id,
        table.kind == OperationKind.REFUND,
        table.status == OperationStatus.SUCCEEDED,
    )
    statement = update(payment_operations).where(came_back)
    statement = statement.values(status=OperationStatus.FAILED, failure=failure, resolved_at_ms=at_ms)
    return Operation(**await transition(tx, statement.returning(*table), f"refund {operation_id} to failed"))


async def mark_given_up(tx: Transaction, operation_id: str, *, failure: str) -> Operation:
    """Replace why an operation has failed: it is repeated no more. Raises InvalidTransition where it has not failed."""
    failed = (payment_operations.c.operation_id == operation_id) & (
        payment_operations.c.status == OperationStatus.FAILED
    )
    statement = update(payment_operations).where(failed).values(failure=failure)
    return Operation(**await transition(tx, statement.returning(*payment_operations.c), f"failed {operation_id}"))


async def ask_to_abandon(tx: Transaction, operation_id: str, *, at_ms: int, next_try_at_ms: int) -> Operation:
    """Only look an unresolved operation up from now on. Raises InvalidTransition where it is resolved."""
    statement = update(payment_operations).where(payment_operations.c.operation_id == operation_id, UNRESOLVED)
    statement = statement.values(abandon_asked_at_ms=at_ms, next_try_at_ms=next_try_at_ms)
    what = f"operation {operation_id} to be abandoned"
    return Operation(**await transition(tx, statement.returning(*payment_operations.c), what))


async def postpone(tx: Transaction, operation_id: str, *, next_try_at_ms: int) -> None:
    """Leave an unresolved operation until a time."""
    statement = update(payment_operations).where(payment_operations.c.operation_id == operation_id, UNRESOLVED)
    await tx.session.execute(statement.values(next_try_at_ms=next_try_at_ms))


async def mark_all_succeeded(tx: Transaction, operation_ids: Sequence[str], *, at_ms: int) -> None:
    """Intended or pending -> succeeded, for many. Raises InvalidTransition where one of them is resolved."""
    statement = update(payment_operations).where(_among(operation_ids), UNRESOLVED)
    statement = statement.values(status=OperationStatus.SUCCEEDED, resolved_at_ms=at_ms)
    changed = await tx.rows(statement.returning(payment_operations.c.operation_id))
    check_all(operation_ids, {row["operation_id"] for row in changed})


async def _mark(tx: Transaction, operation_id: str, **values: object) -> Operation:
    statement = update(payment_operations).where(payment_operations.c.operation_id == operation_id, UNRESOLVED)
    what = f"operation {operation_id} to {values['status']}"
    return Operation(**await transition(tx, statement.values(**values).returning(*payment_operations.c), what))


def check_all(operation_ids: Collection[str], changed: set[str]) -> None:
    """Raises InvalidTransition where not all of these operations were changed: the others are resolved."""
    if len(changed) != len(operation_ids):
        resolved = sorted(set(operation_ids) - changed)
        raise InvalidTransition(f"operations to succeeded: resolved before: {', '.join(resolved)}")


def _among(operation_ids: Collection[str]) -> ColumnElement[bool]:
    return payment_operations.c.operation_id == any_(literal(list(operation_ids), ARRAY(Id)))


async def _operations(tx: Transaction, which: ColumnElement[bool]) -> list[Operation]:
    order = (payment_operations.c.created_at_ms, payment_operations.c.operation_id)
    statement = select(payment_operations).where(which).order_by(*order)
    return [Operation(**row) for row in await tx.rows(statement)]
