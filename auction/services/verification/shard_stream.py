"""Reads a shard's stream once and compares it with the archive: what `verify` knows of it, a few facts for each lot.

After the bid's way; called by `auction.services.verification.verdicts`. Entries that are not archived yet are kept, for
the check of their lot to fold; they are few unless the archive is behind.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from auction.books import archive_queries
from auction.domain.events import follows
from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.domain.proof import CHAINED, NO_PHANTOMS, ORDER, RuleBroken
from auction.ledger.entry import EntryDamaged, StreamEntry
from auction.services.context import AppContext

PAGE_ENTRIES = 1000
"""Entries read, and compared with the archive, at a time."""


@dataclass(slots=True)
class Doubt:
    """What is wrong with a lot's entry in the stream, unless the lot was restored at a later seq."""

    broken: RuleBroken
    stream_id: str
    is_hole: bool


@dataclass(slots=True)
class LotInStream:
    """The seqs of a lot that a stream holds, the entries that are not archived, and the first and the last doubt."""

    first_seq: int = 0
    last_seq: int = 0
    not_archived: list[StreamEntry] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    def doubt(self, promise: int, entry: StreamEntry, what: str, *, is_hole: bool = False) -> None:
        """Keep a doubt; of many the first and the last."""
        del self.doubts[1:]
        self.doubts.append(Doubt(RuleBroken(promise, entry.first_seq, what), entry.stream_id, is_hole))

    def follow(self, entry: StreamEntry) -> None:
        """Note the entry's seqs; a hole before it is a doubt."""
        if not self.first_seq:
            self.first_seq = entry.first_seq
        elif entry.first_seq > self.last_seq and not follows(entry.first_seq, entry.events, self.last_seq):
            self.doubt(ORDER, entry, f"the ledger's stream has lost what followed seq {self.last_seq}", is_hole=True)
        self.last_seq = max(self.last_seq, entry.last_seq)


@dataclass(slots=True)
class ShardStream:
    """What a shard's stream holds. `cursor` is how far it was archived when the reading began."""

    shard: int
    cursor: StreamPosition
    oldest: StreamPosition
    """Of the entries that it still holds; the start where there is none."""
    lots: dict[str, LotInStream]
    others: dict[str, int] = field(default_factory=dict)
    """Lots that were not asked for -> the first seq that the stream holds of them."""
    damage: str | None = None
    """What is wrong with an entry that cannot be read; None: all can."""

    def check(self, lot_id: str, restored_seq: int) -> None:
        """Raise RuleBroken for what is wrong with a lot's archived entries in the stream, from `restored_seq` on."""
        of_lot = self.lots[lot_id]
        for doubt in of_lot.doubts:
            # what was trimmed while the stream was read is no hole
            if doubt.is_hole and StreamPosition.parse(doubt.stream_id) <= self.oldest:
                continue
            if doubt.broken.seq >= restored_seq:
                raise doubt.broken
        if self.damage is not None:
            raise RuleBroken(CHAINED, of_lot.last_seq, self.damage)

    def has_lost(self, lot_id: str, first_seq: int, stream_id: str) -> bool:
        """Whether an archived entry should be in the stream and is not."""
        of_lot = self.lots[lot_id]
        if of_lot.first_seq <= first_seq <= of_lot.last_seq:
            return False
        return self.cursor >= StreamPosition.parse(stream_id) >= self.oldest > (0, 0)


async def read_shard_stream(context: AppContext, shard: int, cursor: str, lot_ids: Collection[str]) -> ShardStream:
    """Read a shard's stream and compare it with the archive, for these lots. Raises LedgerAway, BooksAway."""
    start = StreamPosition.parse(STREAM_START)
    found = ShardStream(shard, StreamPosition.parse(cursor), start, {lot_id: LotInStream() for lot_id in lot_ids})
    after = STREAM_START
    try:
        while page := await context.stream.read(shard, after, block_ms=None, count=PAGE_ENTRIES):
            await _compare(context, found, page)
            after = page[-1].stream_id
    except EntryDamaged as damage:
        found.damage = str(damage)
    found.oldest = StreamPosition.parse(await context.stream.first_id(shard))
    return found


async def _compare(context: AppContext, found: ShardStream, page: list[StreamEntry]) -> None:
    archived = []
    for entry in page:
        of_lot = found.lots.get(entry.lot_id)
        if of_lot is None:
            found.others.setdefault(entry.lot_id, entry.first_seq)
            continue
        of_lot.follow(entry)
        if StreamPosition.parse(entry.stream_id) <= found.cursor:
            archived.append(entry)
        else:
            of_lot.not_archived.append(entry)
    if not archived:
        return
    async with context.books.reading() as tx:
        known = await archive_queries.entries_at(tx, [(entry.lot_id, entry.first_seq) for entry in archived])
    for entry in archived:
        row = known.get((entry.lot_id, entry.first_seq))
        of_lot = found.lots[entry.lot_id]
        if row is None:
            of_lot.doubt(NO_PHANTOMS, entry, f"stream entry {entry.stream_id} was never archived")
        elif (row.epoch, row.at_ms, row.packed, row.chain) != (entry.epoch, entry.at_ms, entry.packed, entry.chain):
            of_lot.doubt(CHAINED, entry, f"stream entry {entry.stream_id} is not what was archived")
