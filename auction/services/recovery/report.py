"""Reports what a loss of the ledger has stopped, and which lots were restored with what loss. Off the bid's way.

Behind `GET /ops/recovery`, `/readyz`, `/metrics` and `auction doctor`.
"""

from dataclasses import dataclass

from auction.books import acknowledged_marks, frozen_lots, restored_lots
from auction.books.frozen_lots import FrozenLot
from auction.books.restored_lots import EntryAfterGap
from auction.books.unit_of_work import Books
from auction.domain.errors import Unavailable
from auction.domain.events import Restored
from auction.domain.recovery import SEQ_STEP
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.entry import decode_events
from auction.ledger.server_state import ServerState

RESTORINGS_MAX = 64
"""Of one lot; later ones are in its record all the same."""
_RESTORED_SEQS = tuple(SEQ_STEP * n for n in range(1, RESTORINGS_MAX + 1))


@dataclass(frozen=True, slots=True)
class FrozenLotReport:
    """A frozen lot, what was acknowledged of it beyond the archive, and what was kept out of the archive."""

    lot: FrozenLot
    acknowledged_seq: int | None
    """The highest seq that was acknowledged to anybody; None: none is known."""
    entries_set_aside: int


@dataclass(frozen=True, slots=True)
class RestoredLotReport:
    """A restored lot: where its record goes on, and the first and last seq that were lost (None: none is known)."""

    lot_id: str
    at_ms: int
    seq: int
    epoch: int
    lost_first_seq: int | None
    lost_last_seq: int | None


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """Stopped shards (None: the ledger does not answer), frozen lots, and every restored lot, the newest first."""

    shards_stopped: tuple[int, ...] | None
    lots: tuple[FrozenLotReport, ...]
    restored: tuple[RestoredLotReport, ...]


async def recovery_report(ledger: BidLedger, books: Books) -> RecoveryReport:
    """What is stopped now, and what was ever restored. Raises BooksAway."""
    try:
        shards = await ServerState(ledger.redis, ledger.keys).stopped_shards(ledger.lineage)
    except Unavailable:
        shards = None
    async with books.reading() as tx:
        frozen = await frozen_lots.list_frozen(tx)
        lot_ids = [lot.lot_id for lot in frozen]
        marks = await acknowledged_marks.of_lots(tx, lot_ids)
        aside = await frozen_lots.count_set_aside(tx, lot_ids)
        entries = await restored_lots.entries_from(tx, await restored_lots.lots_restored(tx), _RESTORED_SEQS)
    return RecoveryReport(
        shards,
        tuple(
            FrozenLotReport(lot, marks[lot.lot_id].seq if lot.lot_id in marks else None, aside.get(lot.lot_id, 0))
            for lot in frozen
        ),
        tuple(restored for entry in entries if (restored := _restored(entry)) is not None),
    )


def _restored(entry: EntryAfterGap) -> RestoredLotReport | None:
    event = decode_events(entry.packed)[0]
    if not isinstance(event, Restored):
        return None
    is_lossless = event.lost_to_seq <= entry.previous_seq
    return RestoredLotReport(
        lot_id=entry.lot_id,
        at_ms=entry.at_ms,
        seq=entry.first_seq,
        epoch=entry.epoch,
        lost_first_seq=None if is_lossless else entry.previous_seq + 1,
        lost_last_seq=None if is_lossless else event.lost_to_seq,
    )
