"""Who of the staff did what, to which lot, and why: written in the same transaction as what they did, never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from auction.books.tables import staff_actions
from auction.books.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class StaffAction:
    """One act of one member of staff; `details` are the facts of that kind of act."""

    action_id: int
    actor: str
    action: str
    sale_id: str | None
    lot_id: str | None
    reason: str | None
    details: Mapping[str, Any]
    at_ms: int


async def note_action(
    tx: Transaction,
    *,
    actor: str,
    action: str,
    sale_id: str | None = None,
    lot_id: str | None = None,
    reason: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> StaffAction:
    """Write one act down; `action` is the verb of the service (schedule-lot, void-bid, ...)."""
    statement = insert(staff_actions).values(
        actor=actor, action=action, sale_id=sale_id, lot_id=lot_id, reason=reason, details=dict(details or {})
    )
    row = await tx.returned(statement.returning(*staff_actions.c))
    return StaffAction(**row)


async def staff_actions_of(
    tx: Transaction, *, lot_id: str | None = None, before_id: int | None = None, limit: int = 100
) -> list[StaffAction]:
    """Acts on a lot, or all, newest first; `before_id` continues a page after its last."""
    statement = select(staff_actions).order_by(staff_actions.c.action_id.desc()).limit(limit)
    if lot_id is not None:
        statement = statement.where(staff_actions.c.lot_id == lot_id)
    if before_id is not None:
        statement = statement.where(staff_actions.c.action_id < before_id)
    return [StaffAction(**row) for row in await tx.rows(statement)]
