"""Reads a lot's entries, oldest or newest first: the archived ones, and those that only the ledger's stream has yet.

After the bid's way, read only. The catalogue lists bids and events with it, voiding a bid folds the lot with it, and
the checks decode archived entries with it. No entry is left out or given twice, even while the archiver stores entries
and trims the stream.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from auction.books import archive, archive_queries
from auction.books.archive_queries import ArchivedEntry
from auction.books.unit_of_work import Transaction
from auction.domain.errors import LedgerAway
from auction.domain.events import BidPlaced, BidVoided, follows
from auction.ledger.entry import EntryDamaged, StreamEntry, decode_events
from auction.services.context import AppContext

PAGE_ENTRIES = 1000
"""Archived entries read at a time."""
BACKWARD_PAGE_ENTRIES = 200
"""The same for readers that usually stop early."""
_ABOVE_ALL = 2**53
"""Above every seq."""


@dataclass(frozen=True, slots=True)
class ArchiveEnd:
    """How far a lot is archived: its shard's cursor (a stream id) and the lot's last archived seq."""

    cursor: str
    last_seq: int


async def archive_end(context: AppContext, tx: Transaction, lot_id: str) -> ArchiveEnd:
    """How far a lot is archived in the state that the transaction sees."""
    head = (await archive.heads_of(tx, [lot_id])).get(lot_id)
    cursor = await archive.cursor(tx, context.stream.keys.shard_of(lot_id))
    return ArchiveEnd(cursor, 0 if head is None else head.last_seq)


def decode_archived(row: ArchivedEntry) -> StreamEntry:
    """An archived entry in the stream's form. Raises EntryDamaged."""
    try:
        events = decode_events(row.packed)
    except ValueError as error:
        raise EntryDamaged(f"archived entry {row.stream_id}: {error}") from error
    return StreamEntry(row.stream_id, row.lot_id, row.epoch, row.first_seq, row.at_ms, events, row.packed, row.chain)


async def entries_forward(
    context: AppContext, lot_id: str, *, after: ArchiveEnd | None = None
) -> AsyncIterator[StreamEntry]:
    """A lot's entries, oldest first: all of them, or those not archived yet at `after`.

    Raises LedgerAway (also where an entry is neither archived nor in the stream), BooksAway, EntryDamaged.
    """
    last_seq, cursor = (0, None) if after is None else (after.last_seq, after.cursor)
    missing_after: int | None = None
    while True:
        if cursor is None:
            async with context.books.reading() as tx:
                end = await archive_end(context, tx, lot_id)
            while last_seq < end.last_seq:
                async with context.books.reading() as tx:
                    page = await archive_queries.entries_after(tx, lot_id, after_seq=last_seq, limit=PAGE_ENTRIES)
                for row in page:
                    yield decode_archived(row)
                last_seq = page[-1].last_seq
            cursor = end.cursor
        if last_seq == missing_after:
            raise LedgerAway(f"The entry of lot {lot_id} after seq {last_seq} is neither archived nor in the stream.")
        missing_after = None
        async for entry in context.stream.entries_after(context.stream.keys.shard_of(lot_id), cursor):
            if entry.lot_id != lot_id or entry.last_seq <= last_seq:
                continue
            if not follows(entry.first_seq, entry.events, last_seq):
                # archived and trimmed from the stream since the cursor was read
                missing_after, cursor = last_seq, None
                break
            last_seq = entry.last_seq
            yield entry
        if missing_after is None:
            return


async def entries_backward(
    context: AppContext, lot_id: str, *, before_seq: int | None = None
) -> AsyncIterator[StreamEntry]:
    """A lot's entries whose first seq is below `before_seq` (None: all), newest first. Raises LedgerAway, BooksAway.

    A damaged entry of the stream is left out; EntryDamaged for an archived one.
    """
    async with context.books.reading() as tx:
        end = await archive_end(context, tx, lot_id)
    lowest = _ABOVE_ALL if before_seq is None else before_seq
    if lowest > end.last_seq + 1:
        async for entry in context.stream.lot_entries_back_to(lot_id, end.cursor):
            if entry.first_seq < lowest:
                lowest = entry.first_seq
                yield entry
    while True:
        # what was archived and trimmed from the stream meanwhile is found here
        async with context.books.reading() as tx:
            page = await archive_queries.entries_before(tx, lot_id, before_seq=lowest, limit=BACKWARD_PAGE_ENTRIES)
        if not page:
            return
        for row in page:
            yield decode_archived(row)
        lowest = page[-1].first_seq


@dataclass(slots=True)
class LotBids:
    """A lot's accepted bids by seq, and the seq of the event that voided each voided one."""

    accepted: dict[int, BidPlaced] = field(default_factory=dict)
    voided: dict[int, int] = field(default_factory=dict)

    def not_voided(self) -> list[tuple[int, BidPlaced]]:
        """The bids that are not voided, with their seqs, oldest first."""
        return [(seq, bid) for seq, bid in self.accepted.items() if seq not in self.voided]


async def read_bids(context: AppContext, lot_id: str, *, until_seq: int) -> LotBids:
    """A lot's bids up to a seq. Raises LedgerAway where the entries end before it, and as `entries_forward` does."""
    found = LotBids()
    last_seq = 0
    async for entry in entries_forward(context, lot_id):
        for last_seq, event in enumerate(entry.events, entry.first_seq):
            if isinstance(event, BidPlaced):
                found.accepted[last_seq] = event
            elif isinstance(event, BidVoided):
                found.voided[event.bid_seq] = last_seq
            if last_seq == until_seq:
                return found
    raise LedgerAway(f"The entries of lot {lot_id} end at seq {last_seq}, before {until_seq}; nothing was changed.")
