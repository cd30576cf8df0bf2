"""Stores requests for acts that need two persons of staff: one requests, another approves."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, any_, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, approvals
from auction.books.transitions import transition
from auction.books.unit_of_work import Transaction
from auction.domain.approval_actions import ApprovalAction


@dataclass(frozen=True, slots=True)
class Approval:
    """A request for an act on a lot, and who approved it; `agreed_by` None: nobody yet."""

    approval_id: int
    lot_id: str | None
    action: ApprovalAction
    reason: str
    asked_by: str
    asked_at_ms: int
    expires_at_ms: int
    agreed_by: str | None
    agreed_at_ms: int | None
    subject: str | None = None
    agreed_key: str | None = None
    withdrawn_by: str | None = None
    withdrawn_at_ms: int | None = None
    asked_session: str | None = None
    asked_device: str | None = None


def _is_waiting() -> ColumnElement[bool]:
    return and_(approvals.c.agreed_by.is_(None), approvals.c.withdrawn_by.is_(None))


async def find(tx: Transaction, approval_id: int, *, locked: bool = False) -> Approval | None:
    """A request, or None; `locked` for a change by this transaction."""
    statement = select(approvals).where(approvals.c.approval_id == approval_id)
    row = await tx.row(statement.with_for_update() if locked else statement)
    return None if row is None else Approval(**row)


async def find_agreed(tx: Transaction, lot_id: str, action: ApprovalAction, *, by: str, key: str) -> Approval | None:
    """The request that a person approved by a call with this idempotency key, or None."""
    table = approvals.c
    statement = select(approvals).where(
        table.lot_id == lot_id, table.action == action, table.agreed_by == by, table.agreed_key == key
    )
    row = await tx.row(statement.order_by(table.approval_id.desc()).limit(1))
    return None if row is None else Approval(**row)


async def find_waiting(
    tx: Transaction,
    lot_id: str | None,
    action: ApprovalAction,
    *,
    now_ms: int,
    since_ms: int,
    subject: str | None = None,
) -> Approval | None:
    """The latest request for an act that is not approved, has not expired and is not older than `since_ms`, or None."""
    statement = (
        select(approvals)
        .where(
            approvals.c.lot_id.is_not_distinct_from(lot_id),
            approvals.c.action == action,
            _is_waiting(),
            approvals.c.expires_at_ms > now_ms,
            approvals.c.asked_at_ms >= since_ms,
            approvals.c.subject.is_not_distinct_from(subject),
        )
        .order_by(approvals.c.approval_id.desc())
        .limit(1)
    )
    row = await tx.row(statement)
    return None if row is None else Approval(**row)


async def request(
    tx: Transaction,
    *,
    lot_id: str | None,
    action: ApprovalAction,
    reason: str,
    asked_by: str,
    asked_at_ms: int,
    expires_at_ms: int,
    subject: str | None = None,
    asked_session: str = "",
    asked_device: str = "",
) -> Approval:
    """Add one person's request for an act, with the session and the browser that it came from."""
    statement = insert(approvals).values(
        lot_id=lot_id,
        action=action,
        reason=reason,
        asked_by=asked_by,
        asked_at_ms=asked_at_ms,
        expires_at_ms=expires_at_ms,
        subject=subject,
        asked_session=asked_session or None,
        asked_device=asked_device or None,
    )
    return Approval(**await tx.returned(statement.returning(*approvals.c)))


async def approve(tx: Transaction, approval_id: int, *, by: str, at_ms: int, key: str = "") -> Approval:
    """Note that another person approves a request. Raises InvalidTransition where it does not wait."""
    statement = update(approvals).where(approvals.c.approval_id == approval_id, _is_waiting())
    statement = statement.values(agreed_by=by, agreed_at_ms=at_ms, agreed_key=key or None)
    return Approval(**await transition(tx, statement.returning(*approvals.c), f"approval {approval_id} to approved"))


async def withdraw(tx: Transaction, approval_id: int, *, by: str, at_ms: int) -> Approval:
    """Note that a request is withdrawn. Raises InvalidTransition where it is approved or withdrawn already."""
    statement = update(approvals).where(approvals.c.approval_id == approval_id, _is_waiting())
    statement = statement.values(withdrawn_by=by, withdrawn_at_ms=at_ms)
    return Approval(**await transition(tx, statement.returning(*approvals.c), f"approval {approval_id} to withdrawn"))


async def waiting_of_subjects(
    tx: Transaction, action: ApprovalAction, subjects: Sequence[str], *, now_ms: int
) -> dict[str, Approval]:
    """Subject -> the request of an act on it that is not approved and has not expired; the others are missing."""
    statement = select(approvals).where(
        approvals.c.action == action,
        approvals.c.subject == any_(literal(list(subjects), ARRAY(Id))),
        _is_waiting(),
        approvals.c.expires_at_ms > now_ms,
    )
    rows = await tx.rows(statement.order_by(approvals.c.approval_id))
    return {row["subject"]: Approval(**row) for row in rows}


async def waiting_for_acts(tx: Transaction, actions: Collection[ApprovalAction], *, now_ms: int) -> list[Approval]:
    """The requests of these acts that are not approved and have not expired, oldest first."""
    statement = select(approvals).where(
        approvals.c.action.in_(list(actions)), _is_waiting(), approvals.c.expires_at_ms > now_ms
    )
    return [Approval(**row) for row in await tx.rows(statement.order_by(approvals.c.approval_id))]


async def waiting_of_lots(tx: Transaction, lot_ids: Sequence[str], *, now_ms: int) -> list[Approval]:
    """The requests on these lots that are not approved and have not expired, oldest first."""
    statement = select(approvals).where(
        approvals.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))),
        _is_waiting(),
        approvals.c.expires_at_ms > now_ms,
    )
    return [Approval(**row) for row in await tx.rows(statement.order_by(approvals.c.approval_id))]
