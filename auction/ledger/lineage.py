"""Gives a ledger its id at its first start, on each of its shards, and reads it. Off the bid's way."""

from typing import Any
from uuid import uuid4

from redis.asyncio import Redis

from auction.ledger.keys import KeySpace


async def lineage_on(redis: "Redis", keys: KeySpace) -> str:
    """The id of the ledger on a server, '' where there is none."""
    stored: Any = await redis.get(keys.lineage_key())
    return "" if stored is None else bytes(stored).decode()


async def begin_ledger(redis: "Redis", keys: KeySpace) -> str:
    """The id of the ledger on a server; where there is none, a new one's, which is begun."""
    await redis.set(keys.shards_key(), keys.shards, nx=True)
    if not (lineage := await lineage_on(redis, keys)):
        # all of them or none; a ledger of before there were ids gets one all the same
        names = [keys.lineage_key(), *map(keys.lineage, range(keys.shards))]
        await redis.msetnx(dict.fromkeys(names, uuid4().hex))
        lineage = await lineage_on(redis, keys)
    return lineage
