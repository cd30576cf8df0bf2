"""Reads which lots were restored, and what of their record was lost, from the archived `restored` entries.

Off the bid's way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import any_, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from auction.books.tables import Id, ledger_entries, staff_actions
from auction.books.unit_of_work import Transaction

RESTORE_ACTION = "restore-lot"


@dataclass(frozen=True, slots=True)
class EntryAfterGap:
    """An archived entry by which a lot's record goes on, and the last seq archived before it."""

    lot_id: str
    first_seq: int
    epoch: int
    at_ms: int
    packed: bytes
    previous_seq: int


async def lots_restored(tx: Transaction) -> list[str]:
    """The lots that staff ever restored."""
    statement = select(staff_actions.c.lot_id).where(staff_actions.c.action == RESTORE_ACTION).distinct()
    return sorted(row["lot_id"] for row in await tx.rows(statement))


async def entries_from(tx: Transaction, lot_ids: Sequence[str], first_seqs: Sequence[int]) -> list[EntryAfterGap]:
    """The entries of these lots that begin at one of these seqs, the newest first."""
    entry, before = ledger_entries.c, ledger_entries.alias("before").c
    previous_seq = (
        select(before.last_seq)
        .where(before.lot_id == entry.lot_id, before.first_seq < entry.first_seq)
        .order_by(before.first_seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    statement = (
        select(
            entry.lot_id, entry.first_seq, entry.epoch, entry.at_ms, entry.packed, previous_seq.label("previous_seq")
        )
        .where(
            entry.lot_id == any_(literal(list(lot_ids), ARRAY(Id))),
            entry.first_seq.in_(first_seqs),
        )
        .order_by(entry.at_ms.desc(), entry.lot_id)
    )
    return [EntryAfterGap(**{**row, "previous_seq": row["previous_seq"] or 0}) for row in await tx.rows(statement)]
