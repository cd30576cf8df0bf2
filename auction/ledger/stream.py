"""Reads the ledger's streams: what the scripts wrote, in order, for the archive, the live prices and the checks."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

import msgspec
from redis.asyncio import Redis

from auction.domain.events import Event, from_row
from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace

START = "0-0"
"""The stream position before the first entry."""


class EntryDamaged(Exception):
    """A stream entry that no script of ours wrote; names its id and what is wrong."""


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One script call on one lot: its events count on from `first_seq`, all at `at_ms`."""

    stream_id: str
    lot_id: str
    epoch: int
    first_seq: int
    at_ms: int
    events: tuple[Event, ...]
    packed: bytes
    chain: str

    @property
    def last_seq(self) -> int:
        """The seq of the entry's last event."""
        return self.first_seq + len(self.events) - 1


def chain_of(  # noqa: PLR0917 - the fields in the order in which they are hashed
    previous: str, lot_id: str, epoch: int, first_seq: int, at_ms: int, packed: bytes
) -> str:
    """The running checksum after an entry (SHA-1, hex), as `lua/include/commit.lua` computes it; first previous: ''."""
    head = f"{previous}\n{lot_id}\n{epoch}\n{first_seq}\n{at_ms}\n".encode()
    return sha1(head + packed, usedforsecurity=False).hexdigest()


def decode_events(packed: bytes) -> tuple[Event, ...]:
    """The events of an entry's packed field; ValueError where it holds anything else."""
    try:
        rows = msgspec.msgpack.decode(packed, type=list[list[Any]])
    except msgspec.MsgspecError as error:
        raise ValueError(f"not packed events: {error}") from error
    if not rows:
        raise ValueError("an entry without events")
    return tuple(from_row(row) for row in rows)


def decode(stream_id: str, fields: dict[bytes, bytes]) -> StreamEntry:
    """An entry from the fields of a stream entry; raises EntryDamaged."""
    try:
        return StreamEntry(
            stream_id=stream_id,
            lot_id=fields[b"lot"].decode(),
            epoch=int(fields[b"epoch"]),
            first_seq=int(fields[b"seq"]),
            at_ms=int(fields[b"at"]),
            events=decode_events(fields[b"ev"]),
            packed=fields[b"ev"],
            chain=fields[b"chain"].decode(),
        )
    except KeyError as missing:
        raise EntryDamaged(f"stream entry {stream_id} has no field {missing.args[0].decode()}") from missing
    except ValueError as error:
        raise EntryDamaged(f"stream entry {stream_id}: {error}") from error


class LedgerStream:
    """The streams of a ledger, shard by shard."""

    def __init__(self, redis: "Redis", keys: KeySpace) -> None:
        self._redis = redis
        self._wait_ms_max = _longest_wait_ms(redis)
        self.keys = keys

    @property
    def shards(self) -> range:
        """The shards there are."""
        return range(self.keys.shards)

    async def read(self, shard: int, after_id: str, *, block_ms: int | None, count: int) -> list[StreamEntry]:
        """Up to `count` entries after a position, oldest first; waits up to `block_ms` for one (None: does not wait).

        The wait is cut to half the client's time-out: longer, and silence would look like a lost server.
        Raises LedgerAway, EntryDamaged.
        """
        stream = self.keys.stream(shard)
        if block_ms is not None:
            block_ms = min(block_ms, self._wait_ms_max)
        with ledger_errors():
            reply: Any = await self._redis.xread({stream: after_id}, count=count, block=block_ms)
        return [decode(stream_id.decode(), fields) for _, rows in reply for stream_id, fields in rows]

    async def positions(self, shards: Sequence[int]) -> list[str]:
        """The id of the last entry of each shard, START where there is none."""
        with ledger_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for shard in shards:
                pipeline.xrevrange(self.keys.stream(shard), count=1)
            replies: list[Any] = await pipeline.execute()
        return [rows[0][0].decode() if rows else START for rows in replies]

    async def last_id(self, shard: int) -> str:
        """The id of the shard's last entry, START where there is none."""
        return (await self.positions([shard]))[0]

    async def first_id(self, shard: int) -> str:
        """The id of the shard's oldest kept entry, START where there is none."""
        with ledger_errors():
            rows: Any = await self._redis.xrange(self.keys.stream(shard), count=1)
        return rows[0][0].decode() if rows else START

    async def trim(self, shard: int, keep_from_id: str) -> int:
        """Drop the entries before a position; how many were dropped."""
        with ledger_errors():
            return int(await self._redis.xtrim(self.keys.stream(shard), minid=keep_from_id, approximate=True))


def _longest_wait_ms(redis: "Redis") -> int:
    timeout_s = redis.connection_pool.connection_kwargs.get("socket_timeout")
    return sys.maxsize if timeout_s is None else max(1, int(timeout_s * 500))
