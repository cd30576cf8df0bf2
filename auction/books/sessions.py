"""Stores sign-ins: whose they are, where they were made, until when they go on. Off the bid's way."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select, update

from auction.books.tables import sessions
from auction.books.unit_of_work import Transaction

KEPT_S = 30 * 86_400
"""How long a session is kept after it has expired."""


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in; its tokens have its id."""

    session_id: str
    subject: str
    client: str
    address: str
    created_at_ms: int
    expires_at_s: int
    ended_at_ms: int | None = None
    last_seen_at_ms: int | None = None

    @property
    def seen_at_ms(self) -> int:
        """When it was last seen, to the minute or so."""
        return max(self.created_at_ms, self.last_seen_at_ms or 0)


async def add(tx: Transaction, session: Session) -> None:
    """Store a session; those of the same subject that expired long ago are removed."""
    table = sessions.c
    old = delete(sessions).where(
        table.subject == session.subject, table.expires_at_s < session.created_at_ms // 1000 - KEPT_S
    )
    await tx.session.execute(old)
    await tx.session.execute(
        insert(sessions).values(
            session_id=session.session_id,
            subject=session.subject,
            client=session.client,
            address=session.address,
            created_at_ms=session.created_at_ms,
            expires_at_s=session.expires_at_s,
        )
    )


async def going_on(tx: Transaction, subject: str, *, now_s: int) -> list[Session]:
    """The sessions of a subject that have not ended, the latest first."""
    table = sessions.c
    statement = select(sessions).where(
        table.subject == subject, table.ended_at_ms.is_(None), table.expires_at_s > now_s
    )
    return [Session(**row) for row in await tx.rows(statement.order_by(table.created_at_ms.desc(), table.session_id))]


async def end(tx: Transaction, subject: str, session_id: str, *, at_ms: int) -> Session | None:
    """Note that a session of a subject has ended; None: they have none of that id that goes on."""
    table = sessions.c
    statement = update(sessions).where(
        table.session_id == session_id, table.subject == subject, table.ended_at_ms.is_(None)
    )
    row = await tx.row(statement.values(ended_at_ms=at_ms).returning(*table))
    return None if row is None else Session(**row)


async def end_all(tx: Transaction, subject: str, *, at_ms: int) -> int:
    """Note that every session of a subject has ended; when the newest of them was begun, UTC ms (0: there was none)."""
    table = sessions.c
    statement = update(sessions).where(table.subject == subject, table.ended_at_ms.is_(None))
    rows = await tx.rows(statement.values(ended_at_ms=at_ms).returning(table.created_at_ms))
    return max((row["created_at_ms"] for row in rows), default=0)


async def note_seen(tx: Transaction, seen: Mapping[str, int]) -> None:
    """Note when sessions were seen, by their ids (UTC ms); tokens that are of no session are left out."""
    table = sessions.c
    statement = (
        update(sessions)
        .where(table.session_id == bindparam("seen_id"))
        .values(last_seen_at_ms=func.greatest(table.last_seen_at_ms, bindparam("at_ms")))
    )
    # in one order, so that two processes never wait for each other
    rows = [{"seen_id": session_id, "at_ms": at_ms} for session_id, at_ms in sorted(seen.items())]
    if rows:
        connection = await tx.session.connection()
        await connection.execute(statement, rows)
