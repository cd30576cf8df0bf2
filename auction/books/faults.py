"""Stores which items a worker could not process, each with its error, until they are processed.

After the bid's way. An item that fails is set aside and tried again later and later; the others of its stage go on.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql

from auction.books.given_rows import is_given
from auction.books.tables import Id, faults
from auction.books.unit_of_work import Transaction

RETRY_MS_MIN, RETRY_MS_MAX = 60_000, 3_600_000
"""The first and the longest wait before an item that failed is tried again; it doubles with each failure."""
ERROR_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Fault:
    """An item of a stage that is set aside, and why."""

    stage: str
    item_id: str
    lot_id: str
    error: str
    count: int
    first_at_ms: int
    last_at_ms: int
    next_try_at_ms: int


async def record(tx: Transaction, *, stage: str, item_id: str, lot_id: str, error: str, at_ms: int) -> Fault:
    """Set an item aside, or once more; the fault."""
    row = await tx.row(select(faults).where(faults.c.stage == stage, faults.c.item_id == item_id).with_for_update())
    count = 1 if row is None else row["count"] + 1
    next_try_at_ms = at_ms + min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** min(count - 1, 10))
    values = {
        "error": error[:ERROR_LENGTH_MAX],
        "count": count,
        "last_at_ms": at_ms,
        "next_try_at_ms": next_try_at_ms,
    }
    statement = (
        postgresql.insert(faults)
        .values(stage=stage, item_id=item_id, lot_id=lot_id, first_at_ms=at_ms, **values)
        .on_conflict_do_update(index_elements=["stage", "item_id"], set_=values)
        .returning(*faults.c)
    )
    return Fault(**await tx.returned(statement))


async def clear(tx: Transaction, *, stage: str, item_ids: Collection[str]) -> None:
    """Forget the faults of items that were processed; most had none."""
    await tx.session.execute(_CLEAR, {"of": stage, "ids": list(item_ids)})


_CLEAR = delete(faults).where(faults.c.stage == bindparam("of", type_=Id), is_given(faults.c.item_id))


async def of_stage(tx: Transaction, stage: str) -> dict[str, Fault]:
    """Item -> its fault, of one stage."""
    statement = select(faults).where(faults.c.stage == stage)
    return {row["item_id"]: Fault(**row) for row in await tx.rows(statement)}


async def list_all(tx: Transaction, *, limit: int = 100) -> Sequence[Fault]:
    """Every item that is set aside, the latest first."""
    statement = select(faults).order_by(faults.c.last_at_ms.desc(), faults.c.stage, faults.c.item_id).limit(limit)
    return [Fault(**row) for row in await tx.rows(statement)]
