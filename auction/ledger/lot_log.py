"""A lot's stream read from its end, for staff who look at what has just happened. Beside the bid's way, read only."""

from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis

from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.stream import EntryDamaged, StreamEntry, decode

READ = 500
"""Stream entries read at a time."""


async def entries_back_to(redis: "Redis", keys: KeySpace, lot_id: str, position: str) -> AsyncIterator[StreamEntry]:
    """The lot's entries from the newest back to a position of its shard, which is left out. Raises LedgerAway.

    A damaged entry is passed over: the hole in `seq` shows it, and the archive stands still there.
    """
    wanted = lot_id.encode()
    newest = "+"
    while True:
        with ledger_errors():
            rows: Any = await redis.xrevrange(keys.stream_of(lot_id), max=newest, min=f"({position}", count=READ)
        for stream_id, fields in rows:
            if fields.get(b"lot") != wanted:
                continue
            try:
                yield decode(stream_id.decode(), fields)
            except EntryDamaged:
                continue
        if len(rows) < READ:
            return
        newest = f"({rows[-1][0].decode()}"
