"""Entries of lots as the ledger writes them to its streams, with correct chains, without a ledger."""

import itertools
from collections.abc import Iterator

import msgspec

from auction.domain.events import (
    Admitted,
    BidPlaced,
    Closed,
    Event,
    Opened,
    Scheduled,
)
from auction.ledger.entry import StreamEntry, chain_of
from tests.lot_events import to_row

START_MS = 1_761_120_000_000
END_MS = START_MS + 600_000


class Stream:
    """One shard's stream: ids rise over all lots in it."""

    def __init__(self, shard: int = 3) -> None:
        self.shard = shard
        self._ids = itertools.count(START_MS)

    def next_id(self) -> str:
        return f"{next(self._ids)}-0"


class LotWriter:
    """Builds one lot's entries, one after another; `write` gives the entry of one script call."""

    def __init__(self, stream: Stream, lot_id: str = "launch-001") -> None:
        self.stream, self.lot_id = stream, lot_id
        self.seq, self.epoch, self.at_ms, self.chain = 0, 1, START_MS, ""

    def write(self, *events: Event, new_epoch: bool = False) -> StreamEntry:
        self.epoch += new_epoch
        self.at_ms += 1
        first_seq = self.seq + 1
        packed = msgspec.msgpack.encode([to_row(event) for event in events])
        self.chain = chain_of(self.chain, self.lot_id, self.epoch, first_seq, self.at_ms, packed)
        self.seq += len(events)
        stream_id = self.stream.next_id()
        return StreamEntry(stream_id, self.lot_id, self.epoch, first_seq, self.at_ms, events, packed, self.chain)

    def opening(self) -> Iterator[StreamEntry]:
        """Scheduled, two bidders admitted, opened."""
        yield self.write(Scheduled("a" * 64, START_MS, END_MS, 0))
        yield self.write(Admitted("ann", 1, -1, -1))
        yield self.write(Admitted("bob", 2, 5_000_000, -1))
        yield self.write(Opened(END_MS, 0, "clerk"))

    def opening_and(self, *events: Event) -> list[StreamEntry]:
        """The opening, then these events in one entry."""
        return [*self.opening(), self.write(*events)]

    def bids(self, *prices: int) -> StreamEntry:
        """One batch of direct bids, by Ann and Bob in turn; the key is the price."""
        return self.write(*(bid(price, n) for n, price in enumerate(prices)))

    def sold(self, price_fen: int, bidder: str = "ann", paddle: int = 1) -> StreamEntry:
        return self.write(Closed("sold", price_fen, bidder, paddle, "time", "", ""))


def bid(price_fen: int, n: int = 0) -> BidPlaced:
    bidder, paddle = (("ann", 1), ("bob", 2))[n % 2]
    return BidPlaced(bidder, paddle, price_fen, f"key-{price_fen:08d}", price_fen, 1, END_MS)
