"""Reads the ledger's streams, one a shard: the entries that the scripts wrote, in order.

After the bid's way: used by the archiver, by the readers of a lot's log and by the checks.
"""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.ledger.connection import ledger_errors
from auction.ledger.entry import EntryDamaged, StreamEntry, decode
from auction.ledger.keys import KeySpace

PAGE_ENTRIES = 1000
"""Entries that the iterators read at a time."""
ENTRIES_OF_A_TIME = 16
"""Entries that are looked through for one of a known time."""

Row = tuple[str, dict[bytes, bytes]]
"""A stream id and the fields of the entry, as they stand."""


class LedgerStream:
    """The streams of one ledger. Every method raises LedgerAway."""

    def __init__(self, redis: "Redis", keys: KeySpace) -> None:
        self._redis = redis
        self._block_ms_max = _block_ms_max(redis)
        self.keys = keys

    @property
    def shards(self) -> range:
        """The numbers of the shards."""
        return range(self.keys.shards)

    async def read(self, shard: int, after_id: str, *, block_ms: int | None, count: int) -> list[StreamEntry]:
        """Up to `count` entries after a stream id, oldest first; waits up to `block_ms` for one (None: does not wait).

        The wait is at most half the client's time-out, so that no news does not look like a lost server. Raises
        EntryDamaged.
        """
        stream = self.keys.stream(shard)
        if block_ms is not None:
            block_ms = min(block_ms, self._block_ms_max)
        with ledger_errors():
            reply: Any = await self._redis.xread({stream: after_id}, count=count, block=block_ms)
        return [decode(stream_id.decode(), fields) for _, rows in reply for stream_id, fields in rows]

    async def read_rows(self, after: Mapping[int, str], *, block_ms: int, count: int) -> dict[int, list[Row]]:
        """Shard -> up to `count` entries after its stream id, for the shards that have any; waits as `read` does."""
        streams: Any = {self.keys.stream(shard): stream_id for shard, stream_id in after.items()}
        shards = {self.keys.stream(shard).encode(): shard for shard in after}
        with ledger_errors():
            reply: Any = await self._redis.xread(streams, count=count, block=min(block_ms, self._block_ms_max))
        return {shards[stream]: [(stream_id.decode(), fields) for stream_id, fields in rows] for stream, rows in reply}

    async def is_shorter_than(self, positions: Mapping[int, str]) -> bool:
        """Whether the stream of a shard ends before the stream id given for it."""
        ends = await self.last_ids(list(positions))
        return any(
            StreamPosition.parse(end) < StreamPosition.parse(stream_id)
            for end, stream_id in zip(ends, positions.values(), strict=True)
        )

    async def read_fields(self, shard: int, after_id: str) -> tuple[str, dict[str, str]] | None:
        """The stream id and fields of the first entry after a stream id, as it stands, damaged or not; None: no entry.

        Bytes that are no UTF-8 are shown as `\\xNN`.
        """
        with ledger_errors():
            rows: Any = await self._redis.xrange(self.keys.stream(shard), min=f"({after_id}", count=1)
        if not rows:
            return None
        stream_id, fields = rows[0]
        return stream_id.decode(), {_readable(name): _readable(value) for name, value in fields.items()}

    async def entries_after(self, shard: int, after_id: str) -> AsyncIterator[StreamEntry]:
        """All entries of a shard after a stream id, oldest first, read in pages. Raises EntryDamaged."""
        while page := await self.read(shard, after_id, block_ms=None, count=PAGE_ENTRIES):
            for entry in page:
                yield entry
            after_id = page[-1].stream_id

    async def entry_with(self, lot_id: str, seq: int, at_ms: int) -> StreamEntry | None:
        """The entry of a lot with an event of that seq, of that time (UTC ms); None where it is not found at its time.

        Raises EntryDamaged.
        """
        with ledger_errors():
            # an entry's stream id is never before its time, and after it only where the server's clock was put back
            rows: Any = await self._redis.xrange(self.keys.stream_of(lot_id), min=str(at_ms), count=ENTRIES_OF_A_TIME)
        wanted = lot_id.encode()
        for stream_id, fields in rows:
            if fields.get(b"lot") == wanted and fields.get(b"at") == b"%d" % at_ms:
                entry = decode(stream_id.decode(), fields)
                if entry.first_seq <= seq <= entry.last_seq:
                    return entry
        return None

    async def lot_entries_back_to(self, lot_id: str, after_id: str) -> AsyncIterator[StreamEntry]:
        """A lot's entries after a stream id of its shard, newest first, read in pages.

        Damaged entries are left out: their seqs are missing.
        """
        stream, wanted = self.keys.stream_of(lot_id), lot_id.encode()
        newest = "+"
        while True:
            with ledger_errors():
                rows: Any = await self._redis.xrevrange(stream, max=newest, min=f"({after_id}", count=PAGE_ENTRIES)
            for stream_id, fields in rows:
                if fields.get(b"lot") != wanted:
                    continue
                try:
                    yield decode(stream_id.decode(), fields)
                except EntryDamaged:
                    continue
            if len(rows) < PAGE_ENTRIES:
                return
            newest = f"({rows[-1][0].decode()}"

    async def last_ids(self, shards: Sequence[int]) -> list[str]:
        """The stream id of the last entry of each shard, STREAM_START where there is none."""
        with ledger_errors():
            pipeline = self._redis.pipeline(transaction=False)
            for shard in shards:
                pipeline.xrevrange(self.keys.stream(shard), count=1)
            replies: list[Any] = await pipeline.execute()
        return [rows[0][0].decode() if rows else STREAM_START for rows in replies]

    async def first_id(self, shard: int) -> str:
        """The stream id of the oldest entry that a shard still has, STREAM_START where there is none."""
        with ledger_errors():
            rows: Any = await self._redis.xrange(self.keys.stream(shard), count=1)
        return rows[0][0].decode() if rows else STREAM_START

    async def trim(self, shard: int, keep_from_id: str) -> int:
        """Remove a shard's entries before a stream id, some of which may stay; returns how many were removed."""
        with ledger_errors():
            return int(await self._redis.xtrim(self.keys.stream(shard), minid=keep_from_id, approximate=True))


def _readable(value: bytes) -> str:
    # what PostgreSQL's text cannot hold is shown too
    return value.decode(errors="backslashreplace").replace("\0", "\\x00")


def _block_ms_max(redis: "Redis") -> int:
    timeout_s = redis.connection_pool.connection_kwargs.get("socket_timeout")
    return sys.maxsize if timeout_s is None else max(1, int(timeout_s * 500))
