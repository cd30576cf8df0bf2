"""Stores the authenticators of staff, their secrets encrypted, and the hashes of recovery codes. Off the bid's way."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql

from auction.books.tables import second_factors
from auction.books.unit_of_work import Transaction


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """An authenticator; `sealed_secret` None: none is enrolled. `pending_secret`: one that has shown no code yet."""

    subject: str
    sealed_secret: str | None = field(repr=False)
    pending_secret: str | None = field(repr=False)
    last_step: int
    recovery_hashes: Sequence[str] = field(repr=False)
    enrolled_at_ms: int | None


async def find(tx: Transaction, subject: str, *, locked: bool = False) -> SecondFactor | None:
    """Somebody's authenticator, or None; `locked` for a change by this transaction."""
    statement = select(second_factors).where(second_factors.c.subject == subject)
    row = await tx.row(statement.with_for_update() if locked else statement)
    return None if row is None else SecondFactor(**row)


async def begin(tx: Transaction, subject: str, pending_secret: str) -> None:
    """Note a secret that waits for its first code; one that waited before is of no more use, an enrolled one is."""
    statement = postgresql.insert(second_factors).values(subject=subject, pending_secret=pending_secret)
    await tx.session.execute(
        statement.on_conflict_do_update(
            index_elements=["subject"], set_={"pending_secret": statement.excluded.pending_secret}
        )
    )


async def enrol(tx: Transaction, subject: str, *, step: int, recovery_hashes: Sequence[str], at_ms: int) -> None:
    """The secret that waited is the one that counts; its first code was of `step`. Locked by the caller."""
    table = second_factors
    await tx.session.execute(
        update(table)
        .where(table.c.subject == subject, table.c.pending_secret.is_not(None))
        .values(
            sealed_secret=table.c.pending_secret,
            pending_secret=None,
            last_step=step,
            recovery_hashes=list(recovery_hashes),
            enrolled_at_ms=at_ms,
        )
    )


async def use_step(tx: Transaction, subject: str, step: int) -> bool:
    """Note that the code of a time step was used; False where it, or a later one, was used before."""
    table = second_factors
    statement = update(table).where(table.c.subject == subject, table.c.last_step < step).values(last_step=step)
    return await tx.row(statement.returning(table.c.subject)) is not None


async def use_recovery_hash(tx: Transaction, factor: SecondFactor, used: str) -> None:
    """Remove a recovery code that was used. Locked by the caller."""
    left = [one for one in factor.recovery_hashes if one != used]
    table = second_factors
    await tx.session.execute(update(table).where(table.c.subject == factor.subject).values(recovery_hashes=left))


async def remove(tx: Transaction, subject: str) -> bool:
    """Remove an authenticator; False where there was none."""
    statement = delete(second_factors).where(second_factors.c.subject == subject)
    return await tx.row(statement.returning(second_factors.c.subject)) is not None
