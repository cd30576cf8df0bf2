"""The audit log: who did what to which lot and why, staff above all; sign-ins, and who read which names, as well.

An action in the database is stored in its own transaction. One that the ledger decides is stored with its event, by the
archiver, so that it neither waits for the database nor is ever left out.

Off the bid's way. Rows are never changed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, insert, or_, select

from auction.books.tables import audit_chain, staff_actions
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


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which actions are wanted; None: whatever it is. Times in UTC ms, from the first, before the last.

    `person`: who acted, or whom it was about.
    """

    actor: str | None = None
    action: str | None = None
    lot_id: str | None = None
    sale_id: str | None = None
    person: str | None = None
    from_ms: int | None = None
    until_ms: int | None = None

    def given(self) -> dict[str, str | int]:
        """The parts that are given, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


async def staff_actions_of(
    tx: Transaction, wanted: AuditFilter | None = None, *, before_id: int | None = None, limit: int = 100
) -> list[StaffAction]:
    """A page of actions, newest first; `before_id` continues after the last one of a page."""
    table = staff_actions.c
    statement = (
        select(staff_actions).where(*_conditions(wanted or AuditFilter())).order_by(table.action_id.desc()).limit(limit)
    )
    if before_id is not None:
        statement = statement.where(table.action_id < before_id)
    return [StaffAction(**row) for row in await tx.rows(statement)]


async def chained_actions_of(
    tx: Transaction, wanted: AuditFilter, *, after_id: int = 0, limit: int = 1000
) -> list[tuple[StaffAction, int | None, str | None]]:
    """A page of actions, oldest first, each with its position and hash (hex) in the chain (None: not chained yet)."""
    joined = staff_actions.outerjoin(audit_chain, audit_chain.c.action_id == staff_actions.c.action_id)
    statement = select(*staff_actions.c, audit_chain.c.position, audit_chain.c.sha256).select_from(joined)
    statement = statement.where(*_conditions(wanted), staff_actions.c.action_id > after_id)
    found = []
    for row in await tx.rows(statement.order_by(staff_actions.c.action_id).limit(limit)):
        action = StaffAction(**{column.name: row[column.name] for column in staff_actions.c})
        found.append((action, row["position"], None if row["sha256"] is None else row["sha256"].hex()))
    return found


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    table = staff_actions.c
    found = [
        table[name] == value
        for name in ("actor", "action", "lot_id", "sale_id")
        if (value := getattr(wanted, name)) is not None
    ]
    if wanted.from_ms is not None:
        found.append(table.at_ms >= wanted.from_ms)
    if wanted.until_ms is not None:
        found.append(table.at_ms < wanted.until_ms)
    if wanted.person is not None:
        about = [{"subject": wanted.person}, {"bidder_id": wanted.person}, {"persons": [wanted.person]}]
        about += [{"before": {"bid": {"bidder_id": wanted.person}}}]
        found.append(or_(table.actor == wanted.person, *(table.details.contains(one) for one in about)))
    return found
