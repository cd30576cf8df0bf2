"""Reads the present state of lots, and, of shards that the ledger refuses, what is archived of them. Off the bid's way.

A shard is refused while it waits for `auction restore`; its lots are shown as archived, and those of the other shards
as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from auction.books import archive, archive_queries
from auction.books.archive_queries import Standing
from auction.books.unit_of_work import Transaction
from auction.domain.errors import LedgerChanged
from auction.ledger.replies import Snapshot
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class ArchivedState:
    """Where a lot's archived record ends, and what its bids make."""

    seq: int
    epoch: int
    standing: Standing


@dataclass(slots=True)
class LotStates:
    """Lot -> its state: in the ledger, or as archived, for lots whose shard the ledger refuses."""

    present: dict[str, Snapshot] = field(default_factory=dict)
    archived: dict[str, ArchivedState] = field(default_factory=dict)

    def knows(self, lot_id: str) -> bool:
        """Whether there is a state of a lot."""
        return lot_id in self.present or lot_id in self.archived


async def read_states(context: AppContext, lot_ids: Sequence[str]) -> LotStates:
    """The states of scheduled lots; those that the ledger does not know are missing. Raises LedgerAway, BooksAway."""
    try:
        return LotStates(await context.ledger.read_many(lot_ids))
    except LedgerChanged:
        return await _read_by_shard(context, lot_ids)


async def _read_by_shard(context: AppContext, lot_ids: Sequence[str]) -> LotStates:
    by_shard: dict[int, list[str]] = {}
    for lot_id in lot_ids:
        by_shard.setdefault(context.ledger.keys.shard_of(lot_id), []).append(lot_id)
    found = LotStates()
    refused: list[str] = []
    for of_shard in by_shard.values():
        try:
            found.present |= await context.ledger.read_many(of_shard)
        except LedgerChanged:
            refused += of_shard
    async with context.books.reading() as tx:
        found.archived = await archived_states(tx, refused)
    return found


async def archived_states(tx: Transaction, lot_ids: Sequence[str]) -> dict[str, ArchivedState]:
    """Lot -> its state as archived."""
    heads = await archive.heads_of(tx, lot_ids)
    standings = await archive_queries.standings(tx, lot_ids)
    found = {}
    for lot_id in lot_ids:
        head = heads.get(lot_id)
        seq, epoch = (0, 0) if head is None else (head.last_seq, head.epoch)
        found[lot_id] = ArchivedState(seq, epoch, standings[lot_id])
    return found
