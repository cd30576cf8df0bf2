"""Measures how far the archive is behind the ledger, in few reads: for the staff page. After the bid's way."""

from dataclasses import dataclass

from auction.books import archive
from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.ledger.entry import EntryDamaged
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class ArchiveLag:
    """The age (ms) of the oldest entry that is not archived, and the number of shards that have such entries."""

    behind_ms: int
    shards: int


async def archive_lag(context: AppContext) -> ArchiveLag:
    """The lag over all shards, by the ledger's clock. Raises LedgerAway, BooksAway."""
    shards = context.stream.shards
    async with context.books.reading() as tx:
        cursors = await archive.cursors(tx)
    # stream ends after cursors, so that no stream seems behind its archive
    last_ids = await context.stream.last_ids(shards)
    oldest = [
        await _oldest_not_archived(context, shard, cursor, last_id)
        for shard, last_id in zip(shards, last_ids, strict=True)
        if StreamPosition.parse(last_id) > StreamPosition.parse(cursor := cursors.get(shard, STREAM_START))
    ]
    if not oldest:
        return ArchiveLag(0, 0)
    now_ms = await context.ledger.now_ms()
    return ArchiveLag(max(0, now_ms - min(oldest)), len(oldest))


async def _oldest_not_archived(context: AppContext, shard: int, cursor: str, last_id: str) -> int:
    """When (UTC ms) a shard's first entry after the cursor was added; its last one where that is trimmed or damaged."""
    try:
        found = await context.stream.read(shard, cursor, block_ms=None, count=1)
    except EntryDamaged:
        found = []
    return StreamPosition.parse(found[0].stream_id if found else last_id).at_ms
