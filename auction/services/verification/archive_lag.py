"""How far the archive is behind the ledger, in a few cheap reads: for a page that asks every few seconds."""

from dataclasses import dataclass

from auction.books import archive
from auction.books.archive import position
from auction.ledger.stream import EntryDamaged
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class ArchiveLag:
    """The age (ms) of the oldest entry that is not written down, and on how many shards some wait."""

    behind_ms: int
    shards: int


async def archive_lag(context: AppContext) -> ArchiveLag:
    """Over all shards, by the ledger's clock. Raises LedgerAway, BooksAway."""
    shards = context.stream.shards
    async with context.books.reading() as tx:
        cursors = await archive.cursors(tx)
    # positions after cursors: never a stream that seems behind its archive
    last_ids = await context.stream.positions(shards)
    oldest = [
        await _oldest_waiting(context, shard, cursor, last_id)
        for shard, last_id in zip(shards, last_ids, strict=True)
        if position(last_id) > position(cursor := cursors.get(shard, archive.START))
    ]
    if not oldest:
        return ArchiveLag(0, 0)
    now_ms = await context.ledger.now_ms()
    return ArchiveLag(max(0, now_ms - min(oldest)), len(oldest))


async def _oldest_waiting(context: AppContext, shard: int, cursor: str, last_id: str) -> int:
    """When (UTC ms) the shard's first entry after the cursor came; the last one's where it was trimmed or damaged."""
    try:
        waiting = await context.stream.read(shard, cursor, block_ms=None, count=1)
    except EntryDamaged:
        waiting = []
    return position(waiting[0].stream_id if waiting else last_id)[0]
