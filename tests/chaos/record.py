"""A lot's record as the house keeps it: what was archived, and what the ledger's stream holds, side by side."""

import asyncio
from dataclasses import dataclass
from time import monotonic

from auction.books import archive, archive_queries
from auction.domain.events import BidPlaced
from auction.domain.ledger_layout import STREAM_START
from auction.domain.lot import Lot, apply
from auction.domain.terms import Terms
from auction.domain.terms_reader import read_terms
from auction.ledger.entry import StreamEntry
from auction.services.catalogue.lot_views import lot_record
from auction.services.context import AppContext
from auction.services.lot_log import decode_archived
from auction.services.verification.archive_lag import archive_lag

ROWS = 1000


@dataclass(frozen=True, slots=True)
class StoredBid:
    """A bid as it stands in the record."""

    seq: int
    at_ms: int
    event: BidPlaced


@dataclass(frozen=True, slots=True)
class Record:
    """One lot's entries from its first on."""

    lot_id: str
    terms: Terms
    entries: list[StreamEntry]

    def bids(self) -> list[StoredBid]:
        """Every accepted bid, in order."""
        return [
            StoredBid(seq, entry.at_ms, event)
            for entry in self.entries
            for seq, event in enumerate(entry.events, entry.first_seq)
            if isinstance(event, BidPlaced)
        ]

    def states(self) -> dict[int, Lot]:
        """Seq -> the lot after it; 0: before anything happened to it. What was lost has no state."""
        lot = Lot(self.terms)
        states = {0: lot}
        for entry in self.entries:
            for event in entry.events:
                lot = apply(lot, event, entry.at_ms)
                states[lot.seq] = lot
        return states


async def caught_up(context: AppContext, *, within_s: float = 60.0) -> None:
    """Wait until the house's own archiver has written down everything there is."""
    deadline_s = monotonic() + within_s
    while (lag := await archive_lag(context)).shards:
        assert monotonic() < deadline_s, f"the archive does not catch up: {lag}"
        await asyncio.sleep(0.02)


async def archive_moves(context: AppContext, lot_id: str, *, within_s: float = 60.0) -> None:
    """Wait until the house's own archiver has written something of the lot's shard."""
    shard, deadline_s = context.stream.keys.shard_of(lot_id), monotonic() + within_s
    before = await _cursor(context, shard)
    while await _cursor(context, shard) == before:
        assert monotonic() < deadline_s, "the archive stands still"
        await asyncio.sleep(0.01)


async def _cursor(context: AppContext, shard: int) -> str:
    async with context.books.reading() as tx:
        return await archive.cursor(tx, shard)


async def read_archive(context: AppContext, lot_id: str) -> Record:
    """The lot's archived record; its table of bids must say the same as its entries."""
    terms = read_terms((await lot_record(context, lot_id)).terms)
    async with context.books.reading() as tx:
        entries = [decode_archived(row) async for row in archive_queries.entries_of(tx, lot_id)]
        rows, after_seq = [], 0
        while page := await archive_queries.bids_after(tx, lot_id, after_seq=after_seq, limit=ROWS):
            rows += page
            after_seq = page[-1].seq
    record = Record(lot_id, terms, entries)
    told = [(r.seq, r.at_ms, r.bidder_id, r.paddle, r.amount_fen, r.key, r.price_fen, r.ends_at_ms) for r in rows]
    meant = [
        (b.seq, b.at_ms, b.event.bidder_id, b.event.paddle, b.event.amount_fen, b.event.key, b.event.price_fen,
         b.event.ends_at_ms)
        for b in record.bids()
    ]  # fmt: skip
    assert told == meant, "the archive's bids are not those of its entries, each once"
    return record


async def read_stream(context: AppContext, lot_id: str) -> Record:
    """The lot's record as the ledger's stream holds it."""
    terms = read_terms((await lot_record(context, lot_id)).terms)
    shard = context.stream.keys.shard_of(lot_id)
    entries: list[StreamEntry] = []
    after = STREAM_START
    while page := await context.stream.read(shard, after, block_ms=None, count=ROWS):
        entries += [entry for entry in page if entry.lot_id == lot_id]
        after = page[-1].stream_id
    return Record(lot_id, terms, entries)
