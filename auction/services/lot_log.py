"""A lot's whole record, from the archive and behind it from the ledger's stream: for voiding, checking, exporting."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from auction.books import archive, archive_queries
from auction.domain.errors import LedgerAway
from auction.domain.events import BidPlaced, Event, Voided
from auction.ledger.stream import decode_events
from auction.services.context import AppContext

READ = 1000
"""Entries read at a time."""


@dataclass(slots=True)
class LotHistory:
    """Every accepted bid by seq, and which of them were voided by which event."""

    bids: dict[int, BidPlaced] = field(default_factory=dict)
    voided: dict[int, int] = field(default_factory=dict)
    last_seq: int = 0


async def lot_history(context: AppContext, lot_id: str, *, until_seq: int) -> LotHistory:
    """The lot's bids up to a seq that the ledger has answered; LedgerAway where the record does not reach it."""
    history = LotHistory()
    async for first_seq, events in _entries(context, lot_id):
        for seq, event in enumerate(events, first_seq):
            if seq <= history.last_seq:
                continue
            if seq > until_seq:
                return history
            history.last_seq = seq
            if isinstance(event, BidPlaced):
                history.bids[seq] = event
            elif isinstance(event, Voided):
                history.voided[event.bid_seq] = seq
    if history.last_seq < until_seq:
        raise LedgerAway(
            f"The record of lot {lot_id} ends at seq {history.last_seq}, before {until_seq}; nothing was changed."
        )
    return history


async def _entries(context: AppContext, lot_id: str) -> AsyncIterator[tuple[int, tuple[Event, ...]]]:
    shard = context.stream.keys.shard_of(lot_id)
    async with context.books.reading() as tx:
        position = (await archive.cursors(tx)).get(shard, archive.START)
        last_seq = 0
        while kept := await archive_queries.entries_after(tx, lot_id, after_seq=last_seq, limit=READ):
            for row in kept:
                yield row.first_seq, decode_events(row.packed)
            last_seq = kept[-1].last_seq
    while entries := await context.stream.read(shard, position, block_ms=None, count=READ):
        for entry in entries:
            if entry.lot_id == lot_id:
                yield entry.first_seq, entry.events
        position = entries[-1].stream_id
