"""Stores what payment providers told of: every verified event once, and what became of it.

Off the bid's way. An event is stored before anything is done about it, and decided in the transaction that changes what
it is about. What cannot be applied is an exception, which a person closes with a reason.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, func, select, update
from sqlalchemy.dialects import postgresql

from auction.books.operations import Operation
from auction.books.tables import payment_operations, provider_events
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.provider_event_states import ExceptionReason, ProviderEventStatus, ProviderEventType
from auction.domain.states import OperationKind

TRIES_MAX = 20
"""After so many tries an event that is still not decided is an exception."""
RETRY_MS_MIN, RETRY_MS_MAX = 2_000, 3_600_000
"""The first and the longest wait before an undecided event is tried again; it doubles with each try."""
EXCEPTIONS = (ProviderEventStatus.OPEN, ProviderEventStatus.CLOSED)


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A verified event of a provider. Columns: `auction.books.tables.provider_events`."""

    event_number: int
    provider: str
    event_id: str
    type: ProviderEventType
    kind: OperationKind | None
    operation_id: str | None
    opening_id: str | None
    ref: str
    payment_ref: str | None
    amount_fen: int | None
    reply: Mapping[str, Any]
    digest: str
    received_at_ms: int
    status: ProviderEventStatus
    reason: ExceptionReason | None
    lot_id: str | None
    bidder_id: str | None
    tries: int
    closed_by: str | None
    closed_reason: str | None
    closed_at_ms: int | None


_COLUMNS = tuple(provider_events.c[name] for name in ProviderEvent.__dataclass_fields__)


async def store(
    tx: Transaction,
    *,
    provider: str,
    event_id: str,
    type: ProviderEventType,  # noqa: A002 - the column's name
    kind: OperationKind | None,
    operation_id: str | None,
    opening_id: str | None,
    ref: str,
    payment_ref: str | None,
    amount_fen: int | None,
    reply: Mapping[str, Any],
    body: bytes,
    at_ms: int,
) -> ProviderEvent:
    """Store a received event; one with this id of this provider is stored already: that one, unchanged."""
    statement = (
        postgresql.insert(provider_events)
        .values(
            provider=provider,
            event_id=event_id,
            type=type,
            kind=kind,
            operation_id=operation_id,
            opening_id=opening_id,
            ref=ref,
            payment_ref=payment_ref,
            amount_fen=amount_fen,
            reply=dict(reply),
            payload=body.decode(),
            digest=hashlib.sha256(body).hexdigest(),
            received_at_ms=at_ms,
            status=ProviderEventStatus.RECEIVED,
            next_try_at_ms=at_ms + RETRY_MS_MIN,
        )
        .on_conflict_do_nothing()
        .returning(*_COLUMNS)
    )
    row = await tx.row(statement)
    if row is None:
        known = (provider_events.c.provider == provider) & (provider_events.c.event_id == event_id)
        row = await tx.returned(select(*_COLUMNS).where(known))
    return ProviderEvent(**row)


async def lock(tx: Transaction, event_number: int) -> ProviderEvent | None:
    """An event, locked for a change by this transaction, or None."""
    row = await tx.row(select(*_COLUMNS).where(provider_events.c.event_number == event_number).with_for_update())
    return None if row is None else ProviderEvent(**row)


async def claim_due(tx: Transaction, *, now_ms: int, limit: int) -> list[int]:
    """The numbers of undecided events that are due, the oldest first; each is due again later."""
    due = (
        select(provider_events.c.event_number)
        .where(provider_events.c.status == ProviderEventStatus.RECEIVED, provider_events.c.next_try_at_ms <= now_ms)
        .order_by(provider_events.c.event_number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    wait = func.least(RETRY_MS_MAX, RETRY_MS_MIN * func.power(2, func.least(provider_events.c.tries, 20)))
    statement = (
        update(provider_events)
        .where(provider_events.c.event_number.in_(due))
        .values(tries=provider_events.c.tries + 1, next_try_at_ms=now_ms + wait)
        .returning(provider_events.c.event_number)
    )
    return sorted(row["event_number"] for row in await tx.rows(statement))


async def decide(
    tx: Transaction,
    event_number: int,
    status: ProviderEventStatus,
    *,
    reason: ExceptionReason | None = None,
    lot_id: str | None = None,
    bidder_id: str | None = None,
) -> ProviderEvent:
    """Received -> applied, harmless or open (an exception, with its reason)."""
    statement = (
        update(provider_events)
        .where(
            provider_events.c.event_number == event_number,
            provider_events.c.status == ProviderEventStatus.RECEIVED,
        )
        .values(status=status, reason=reason, lot_id=lot_id, bidder_id=bidder_id)
        .returning(*_COLUMNS)
    )
    return ProviderEvent(**await transition(tx, statement, f"event {event_number} to {status}"))


async def close(tx: Transaction, event_number: int, *, by: str, reason: str, at_ms: int) -> ProviderEvent:
    """Open -> closed: a person has looked at an exception."""
    statement = (
        update(provider_events)
        .where(provider_events.c.event_number == event_number, provider_events.c.status == ProviderEventStatus.OPEN)
        .values(status=ProviderEventStatus.CLOSED, closed_by=by, closed_reason=reason, closed_at_ms=at_ms)
        .returning(*_COLUMNS)
    )
    return ProviderEvent(**await transition(tx, statement, f"exception {event_number} to closed"))


async def was_told(tx: Transaction, *, provider: str, ref: str, type: ProviderEventType) -> bool:  # noqa: A002
    """Whether an event of this type about this object of the provider was stored."""
    table = provider_events.c
    statement = select(exists().where(table.provider == provider, table.ref == ref, table.type == type))
    return bool(await tx.session.scalar(statement))


async def exceptions(
    tx: Transaction, statuses: Sequence[ProviderEventStatus], *, before: int | None, limit: int
) -> list[ProviderEvent]:
    """A page of the exceptions in these statuses, the newest first; `before` continues after the last of a page."""
    statement = select(*_COLUMNS).where(provider_events.c.status.in_(statuses))
    if before is not None:
        statement = statement.where(provider_events.c.event_number < before)
    rows = await tx.rows(statement.order_by(provider_events.c.event_number.desc()).limit(limit))
    return [ProviderEvent(**row) for row in rows]


# --- the payments that events are about -------------------------------------------------------------------------------


async def find_opening(tx: Transaction, *, provider: str, operation_id: str | None, ref: str) -> Operation | None:
    """The hold or charge that an event is about: by the id in it, else by the provider's own; or None."""
    table = payment_operations.c
    which = table.provider_ref == ref if operation_id is None else table.operation_id == operation_id
    opening = table.kind.in_((OperationKind.HOLD, OperationKind.CHARGE))
    row = await tx.row(select(payment_operations).where(which, opening, table.provider == provider).limit(1))
    return None if row is None else Operation(**row)


async def lock_payment(tx: Transaction, opening: Operation) -> list[Operation]:
    """A hold or charge and everything that was requested about it, by id, locked for a change by this transaction."""
    table = payment_operations.c
    which = table.operation_id == opening.operation_id
    if opening.provider_ref is not None:
        which |= (table.target_ref == opening.provider_ref) & (table.provider == opening.provider)
    statement = select(payment_operations).where(which).order_by(table.operation_id).with_for_update()
    return [Operation(**row) for row in await tx.rows(statement)]
