"""The audit log of staff actions: who did what to which lot and why.

An action in the database is stored in its own transaction. One that the ledger decides is stored with its event, by the
archiver, so that it neither waits for the database nor is ever left out.

Off the bid's way. Rows are never changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from auction.books.tables import staff_actions
from auction.books.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class StaffAction:
    """One action of one member of staff; `details` are particular to the kind of action."""

    action_id: int
    actor: str
    action: str
    sale_id: str | None
    lot_id: str | None
    reason: str | None
    details: Mapping[str, Any]
    at_ms: int


async def record_action(
    tx: Transaction,
    *,
    actor: str,
    action: str,
    sale_id: str | None = None,
    lot_id: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
    at_ms: int | None = None,
) -> StaffAction:
    """Store one action; `action` is what the service does (schedule-lot, void-bid, ...). `at_ms`: None is now.

    Returns the stored row.
    """
    statement = insert(staff_actions).values(
        actor=actor, action=action, sale_id=sale_id, lot_id=lot_id, reason=reason, details=dict(details or {})
    )
    if at_ms is not None:
        statement = statement.values(at_ms=at_ms)
    row = await tx.returned(statement.returning(*staff_actions.c))
    return StaffAction(**row)


async def staff_actions_of(
    tx: Transaction, *, lot_id: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[StaffAction]:
    """A page of actions on a lot, or of all, newest first; `before_id` continues after the last one of a page."""
    statement = select(staff_actions).order_by(staff_actions.c.action_id.desc()).limit(limit)
    if lot_id is not None:
        statement = statement.where(staff_actions.c.lot_id == lot_id)
    if before_id is not None:
        statement = statement.where(staff_actions.c.action_id < before_id)
    return [StaffAction(**row) for row in await tx.rows(statement)]
