"""Stores which lots are frozen, and why: their record in the ledger is not the archived one, or cannot be read.

After the bid's way. A lot is frozen here first, then in the ledger; it stays so until its record is continued by a
`restored` event, or, where it was over, until staff have looked at it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import any_, func, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.archive_rows import Fault
from auction.books.tables import Id, entries_set_aside, frozen_lots
from auction.books.tables.base import NOW_MS
from auction.books.unit_of_work import Transaction
from auction.domain.events import FreezeCause

STILL_FROZEN = frozen_lots.c.restored_at_ms.is_(None)


@dataclass(frozen=True, slots=True)
class FrozenLot:
    """A frozen lot. Columns: `auction.books.tables.recovery`."""

    lot_id: str
    found_at_ms: int
    cause: FreezeCause
    detail: str
    archived_seq: int
    entered_at_ms: int | None
    restored_at_ms: int | None


async def add(tx: Transaction, faults: Mapping[str, Fault]) -> None:
    """Freeze lots; those that are frozen already keep their first cause."""
    rows = [
        {"lot_id": lot_id, "cause": str(fault.cause), "detail": fault.detail, "archived_seq": fault.archived_seq}
        for lot_id, fault in sorted(faults.items())
    ]
    await tx.session.execute(postgresql.insert(frozen_lots).on_conflict_do_nothing(), rows)


async def explain(tx: Transaction, lot_ids: Sequence[str], detail: str) -> None:
    """Say of frozen lots why they are, in place of what was noted when they were frozen."""
    statement = update(frozen_lots).where(STILL_FROZEN, frozen_lots.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
    await tx.session.execute(statement.values(detail=detail))


async def frozen_among(tx: Transaction, lot_ids: Iterable[str]) -> set[str]:
    """Those of these lots that are frozen."""
    statement = select(frozen_lots.c.lot_id).where(
        STILL_FROZEN, frozen_lots.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id)))
    )
    return {row["lot_id"] for row in await tx.rows(statement)}


async def list_frozen(tx: Transaction) -> list[FrozenLot]:
    """The lots that are frozen, the first found first."""
    statement = select(frozen_lots).where(STILL_FROZEN).order_by(frozen_lots.c.found_at_ms, frozen_lots.c.lot_id)
    return [_frozen_lot(row) for row in await tx.rows(statement)]


async def not_entered(tx: Transaction) -> list[FrozenLot]:
    """The lots that are frozen here and, as far as is known, not yet in the ledger."""
    return [lot for lot in await list_frozen(tx) if lot.entered_at_ms is None]


async def mark_entered(tx: Transaction, lot_id: str) -> None:
    """The ledger has stopped the lot."""
    statement = update(frozen_lots).where(STILL_FROZEN, frozen_lots.c.lot_id == lot_id)
    await tx.session.execute(statement.values(entered_at_ms=NOW_MS))


async def mark_restored(tx: Transaction, restored: Mapping[str, int]) -> None:
    """Lots whose record goes on -> since when, UTC ms."""
    for lot_id, at_ms in sorted(restored.items()):
        statement = update(frozen_lots).where(STILL_FROZEN, frozen_lots.c.lot_id == lot_id)
        await tx.session.execute(statement.values(restored_at_ms=at_ms))


async def mark_looked_at(tx: Transaction, lot_id: str) -> None:
    """Staff have looked at a frozen lot that is over: it is settled from here on."""
    statement = update(frozen_lots).where(STILL_FROZEN, frozen_lots.c.lot_id == lot_id)
    await tx.session.execute(statement.values(restored_at_ms=NOW_MS))


async def highest_set_aside(tx: Transaction, lot_id: str) -> tuple[int, int] | None:
    """The highest epoch and the highest seq among a lot's entries that were set aside; None where there are none."""
    entries = entries_set_aside.c
    row = await tx.row(
        select(func.max(entries.epoch).label("epoch"), func.max(entries.last_seq).label("seq")).where(
            entries.lot_id == lot_id
        )
    )
    return None if row is None or row["seq"] is None else (row["epoch"], row["seq"])


async def count_set_aside(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, int]:
    """Lot -> how many of its stream entries were set aside."""
    statement = (
        select(entries_set_aside.c.lot_id, func.count().label("entries"))
        .where(entries_set_aside.c.lot_id == any_(literal(list(lot_ids), ARRAY(Id))))
        .group_by(entries_set_aside.c.lot_id)
    )
    return {row["lot_id"]: row["entries"] for row in await tx.rows(statement)}


def _frozen_lot(row: Mapping[Any, Any]) -> FrozenLot:
    return FrozenLot(**{**row, "cause": FreezeCause(row["cause"])})
