"""Reads what a server's ledger holds, past all checks, and stops its shards. Beside the bid's way.

Used to find out whether a ledger may be used, and to restore it.
"""

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from auction.domain.ledger_layout import STREAM_START, Mark
from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace
from auction.ledger.server_guard import server_id

STOPPED = "stopped"
"""What a stopped shard has for a lineage."""


class ServerState:
    """The ledger on one server, by a client without a guard. Every method raises LedgerAway."""

    def __init__(self, redis: "Redis", keys: KeySpace) -> None:
        self._redis = redis
        self.keys = keys

    async def reconnect(self) -> None:
        """Use new connections from here on: an old one may lead to a server that was replaced and still runs."""
        pool: Any = self._redis.connection_pool
        # taken out first: whoever took one that is just being closed would find half a connection
        idle = list(pool._available_connections)  # noqa: SLF001 - nothing public does it
        pool._available_connections.clear()  # noqa: SLF001
        with ledger_errors():
            for connection in idle:
                await connection.disconnect()

    async def server_id(self) -> str:
        """Which server answers."""
        with ledger_errors():
            return await server_id(self._redis)

    async def last_id(self, shard: int) -> str:
        """The last stream id that a shard ever gave out, even if that entry is trimmed."""
        with ledger_errors():
            try:
                info: Any = await self._redis.xinfo_stream(self.keys.stream(shard))
            except ResponseError:
                return STREAM_START  # no such key
        return bytes(info["last-generated-id"]).decode()

    async def mark_of(self, lot_id: str) -> Mark | None:
        """Where the ledger has a lot; None where it does not know it."""
        with ledger_errors():
            row: Any = await self._redis.hmget(self.keys.lot(lot_id), "epoch", "seq", "chain")
        return None if None in row[:2] else Mark(int(row[0]), int(row[1]), (row[2] or b"").decode())

    async def lineage(self, shard: int) -> str:
        """What scripts hold a shard's lineage to be: an id, STOPPED, or '' where there is none."""
        with ledger_errors():
            stored: Any = await self._redis.get(self.keys.lineage(shard))
        return "" if stored is None else bytes(stored).decode()

    async def stopped_shards(self, lineage: str) -> tuple[int, ...]:
        """The shards that do not belong to the ledger of that id: every call for them is refused."""
        return tuple([shard for shard in range(self.keys.shards) if await self.lineage(shard) != lineage])

    async def stop_shard(self, shard: int) -> None:
        """Have scripts refuse every call for a shard."""
        with ledger_errors(writing=True):
            await self._redis.set(self.keys.lineage(shard), STOPPED)
