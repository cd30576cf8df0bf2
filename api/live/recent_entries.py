"""The last entries of each shard's stream, for all lots of the shard: what feeds are resumed from.

After the bid's way. No I/O and no clock. The ledger is asked for a shard's last entries once, by the first lot that is
watched there; from then on the stream's tail, which a gateway reads anyway, adds what comes. Each shard's are bounded
in bytes.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.ledger.entry import StreamEntry, decode_events

SHARD_BYTES_MAX = 262_144
"""The most bytes of a shard's entries: some 3,000 bids of one a call."""


@dataclass(frozen=True, slots=True)
class _Written:
    """An entry without its events in decoded form, which take ten times the memory."""

    stream_id: str
    lot_id: str
    epoch: int
    first_seq: int
    at_ms: int
    packed: bytes
    chain: str
    size_bytes: int

    def decoded(self) -> StreamEntry:
        """The entry with its events."""
        events = decode_events(self.packed)
        return StreamEntry(
            self.stream_id, self.lot_id, self.epoch, self.first_seq, self.at_ms, events, self.packed, self.chain
        )


@dataclass(slots=True)
class _ShardEntries:
    """One shard's last entries without a hole."""

    entries: deque[_Written] = field(default_factory=deque)
    size: int = 0
    last_id: str = STREAM_START

    def add(self, entry: StreamEntry) -> None:
        if StreamPosition.parse(entry.stream_id) <= StreamPosition.parse(self.last_id):
            return
        written = _Written(
            entry.stream_id,
            entry.lot_id,
            entry.epoch,
            entry.first_seq,
            entry.at_ms,
            entry.packed,
            entry.chain,
            entry.size_bytes,
        )
        self.last_id = entry.stream_id
        self.entries.append(written)
        self.size += written.size_bytes
        while self.size > SHARD_BYTES_MAX and len(self.entries) > 1:
            self.size -= self.entries.popleft().size_bytes


class RecentEntries:
    """The last entries of the shards that were asked for."""

    def __init__(self) -> None:
        self._shards: dict[int, _ShardEntries] = {}
        self._beginning: dict[int, list[StreamEntry]] = {}
        """Shards whose last entries are being read -> the entries that came since."""

    def last_id(self, shard: int) -> str | None:
        """The stream id up to which a shard's entries are kept; None: they are not."""
        kept = self._shards.get(shard)
        return None if kept is None else kept.last_id

    def begin(self, shard: int) -> None:
        """Note that a shard's last entries are about to be read."""
        self._beginning[shard] = []

    def complete(self, shard: int, read: Iterable[StreamEntry]) -> None:
        """Take a shard's last entries, oldest first, unless `forget` was called since `begin`."""
        if (since := self._beginning.pop(shard, None)) is None:
            return
        kept = self._shards[shard] = _ShardEntries()
        for entry in (*read, *since):
            kept.add(entry)

    def add(self, shard: int, entry: StreamEntry) -> None:
        """Add an entry of the stream's tail; one that is there already changes nothing."""
        if (kept := self._shards.get(shard)) is not None:
            kept.add(entry)
        elif (since := self._beginning.get(shard)) is not None:
            since.append(entry)

    def forget(self, shards: Iterable[int]) -> None:
        """Forget what is kept of shards whose stream does not continue it."""
        for shard in shards:
            self._shards.pop(shard, None)
            self._beginning.pop(shard, None)

    def of_lot(self, shard: int, lot_id: str) -> Sequence[StreamEntry]:
        """The lot's entries among its shard's, oldest first."""
        kept = self._shards.get(shard)
        return [] if kept is None else [entry.decoded() for entry in kept.entries if entry.lot_id == lot_id]
