"""Stores which tokens were taken back before their end. Off the bid's way; every API process reads what is new."""

import time
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select

from auction.books.tables import token_revocations
from auction.books.unit_of_work import Transaction

OVERLAP = 200
"""An id is given out before its row is committed, so that a lower one may appear after a higher one was read."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """One token (`token_id`), or every token of a subject that was issued until `issued_until_s`."""

    revocation_id: int
    subject: str
    token_id: str | None
    issued_until_s: int | None
    expires_at_s: int
    revoked_by: str
    at_ms: int


async def add(
    tx: Transaction,
    *,
    subject: str,
    expires_at_s: int,
    by: str,
    token_id: str | None = None,
    issued_until_s: int | None = None,
) -> Revocation:
    """Store one; those of tokens that have expired by themselves are removed."""
    table = token_revocations
    await tx.session.execute(delete(table).where(table.c.expires_at_s < int(time.time())))
    statement = insert(table).values(
        subject=subject, token_id=token_id, issued_until_s=issued_until_s, expires_at_s=expires_at_s, revoked_by=by
    )
    return Revocation(**await tx.returned(statement.returning(*table.c)))


async def issued_until_s(tx: Transaction, subject: str) -> int:
    """The latest time of issue of a subject's tokens that were all taken back; 0: none were."""
    table = token_revocations.c
    found = await tx.session.scalar(select(func.max(table.issued_until_s)).where(table.subject == subject))
    return found or 0


async def since(tx: Transaction, last_id: int) -> list[Revocation]:
    """Those after an id, and a few before it."""
    table = token_revocations
    statement = select(table).where(table.c.revocation_id > last_id - OVERLAP).order_by(table.c.revocation_id)
    return [Revocation(**row) for row in await tx.rows(statement)]
