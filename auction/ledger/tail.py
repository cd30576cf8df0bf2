"""Follows the ends of all shards' streams at once, with one call on one connection; used by live gateways.

After the bid's way. Unlike `stream.LedgerStream`, whose callers keep their own position in each shard, a tail keeps its
positions itself, begins where the streams end, and detects a stream that has lost entries.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from auction.domain.ledger_layout import StreamPosition
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import ledger_errors
from auction.ledger.entry import EntryDamaged, StreamEntry, decode
from auction.ledger.stream import LedgerStream


@dataclass(frozen=True, slots=True)
class DamagedEntry:
    """Takes the place of a stream entry that cannot be read: from here on the state of the shard's lots is unknown."""

    shard: int
    reason: str


class StreamTail:
    """The ends of all streams. For one reader at a time. Every method raises LedgerAway."""

    def __init__(self, ledger: BidLedger) -> None:
        self._redis: Redis = ledger.redis
        self._stream = LedgerStream(ledger.redis, ledger.keys)
        self._shards = {ledger.keys.stream(shard).encode(): shard for shard in self._stream.shards}
        self._last_ids: dict[bytes, str] = {}

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return bool(self._last_ids)

    async def start(self) -> None:
        """Begin at the present end of every stream."""
        self._last_ids = dict(await self._read_ends())

    async def read(self, *, block_ms: int | None, count: int) -> list[StreamEntry | DamagedEntry]:
        """The entries since the last call, up to `count` a shard; waits up to `block_ms` for one (None: does not)."""
        after: Any = dict(self._last_ids)
        with ledger_errors():
            reply: Any = await self._redis.xread(after, count=count, block=block_ms)
        found: list[StreamEntry | DamagedEntry] = []
        for stream, rows in reply:
            for stream_id, fields in rows:
                found.append(self._decode(stream, stream_id.decode(), fields))
            self._last_ids[stream] = rows[-1][0].decode()
        return found

    def _decode(self, stream: bytes, stream_id: str, fields: dict[bytes, bytes]) -> StreamEntry | DamagedEntry:
        try:
            return decode(stream_id, fields)
        except EntryDamaged as error:
            return DamagedEntry(self._shards[stream], str(error))

    async def rewind_lost_shards(self) -> list[int]:
        """Find the shards whose stream ends before what was read of it, and go on from that end; returns them.

        Entries that were read of them are lost from the ledger.
        """
        read_so_far = dict(self._last_ids)
        ends = await self._read_ends()
        lost = [stream for stream, end in ends.items() if _is_before(end, read_so_far[stream])]
        for stream in lost:
            self._last_ids[stream] = ends[stream]
        return [self._shards[stream] for stream in lost]

    async def has_more(self) -> bool:
        """Whether some stream has entries that were not read yet."""
        ends = await self._read_ends()
        return any(_is_before(self._last_ids[stream], end) for stream, end in ends.items())

    async def _read_ends(self) -> Mapping[bytes, str]:
        return dict(zip(self._shards, await self._stream.last_ids(self._stream.shards), strict=True))


def _is_before(one_id: str, other_id: str) -> bool:
    return StreamPosition.parse(one_id) < StreamPosition.parse(other_id)
