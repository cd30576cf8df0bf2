"""Follows the streams of all shards at once, from where they stand now: one call on one connection a process.

After the bid's way: live gateways are told by it what the scripts wrote. Unlike the archive's `LedgerStream`, which
goes through each shard at its own pace, a tail keeps its positions itself and notices a stream that went backwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.stream import EntryDamaged, LedgerStream, StreamEntry, decode


@dataclass(frozen=True, slots=True)
class Damage:
    """In place of a stream entry that cannot be read: nothing is known of the shard's lots from here on."""

    shard: int
    reason: str


def order_of(stream_id: str) -> tuple[int, int]:
    """A stream position as numbers that order as the stream does."""
    milliseconds, _, number = stream_id.partition("-")
    return int(milliseconds), int(number)


class Tail:
    """The end of every shard's stream. For one reader at a time. Every method raises LedgerAway."""

    def __init__(self, redis: "Redis", keys: KeySpace) -> None:
        self._redis = redis
        self._stream = LedgerStream(redis, keys)
        self._shards = {keys.stream(shard).encode(): shard for shard in self._stream.shards}
        self._positions: dict[bytes, str] = {}

    @property
    def started(self) -> bool:
        """Whether `start` was done."""
        return bool(self._positions)

    async def start(self) -> None:
        """Begin at the end of every stream as it is now."""
        ends = await self._stream.positions(self._stream.shards)
        self._positions = dict(zip(self._shards, ends, strict=True))

    async def read(self, *, block_ms: int | None, count: int) -> list[StreamEntry | Damage]:
        """What came since the last call, up to `count` entries a shard; waits up to `block_ms` for the first one."""
        positions: Any = dict(self._positions)
        with ledger_errors():
            reply: Any = await self._redis.xread(positions, count=count, block=block_ms)
        found: list[StreamEntry | Damage] = []
        for stream, rows in reply:
            for stream_id, fields in rows:
                found.append(self._decoded(stream, stream_id.decode(), fields))
            self._positions[stream] = rows[-1][0].decode()
        return found

    def _decoded(self, stream: bytes, stream_id: str, fields: dict[bytes, bytes]) -> StreamEntry | Damage:
        try:
            return decode(stream_id, fields)
        except EntryDamaged as error:
            return Damage(self._shards[stream], str(error))

    async def went_backwards(self) -> list[int]:
        """The shards whose stream ends before what was read of it: what it held is lost. They go on from that end."""
        read_so_far = dict(self._positions)
        ends = await self._ends()
        lost = [stream for stream, end in ends.items() if order_of(end) < order_of(read_so_far[stream])]
        for stream in lost:
            self._positions[stream] = ends[stream]
        return [self._shards[stream] for stream in lost]

    async def is_behind(self) -> bool:
        """Whether there is more to read at once."""
        ends = await self._ends()
        return any(order_of(end) > order_of(self._positions[stream]) for stream, end in ends.items())

    async def _ends(self) -> Mapping[bytes, str]:
        return dict(zip(self._shards, await self._stream.positions(self._stream.shards), strict=True))
