"""The time that a ledger's server spends in scripts, by its own account, and what it keeps."""

from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from auction.domain.bidding import Bid
from auction.embedded.allocator import allocator_of
from loadtests.bench.rising_bids import RisingBids

Send = Callable[[list[Bid]], Awaitable[None]]


async def server_facts(redis: "Redis") -> dict[str, Any]:
    """The server's version and allocator, and the durability that embedded servers are started with."""
    facts: Any = await redis.info()
    return {
        "server": f"{facts.get('server_name', 'redis')} {facts.get('valkey_version', facts['redis_version'])}",
        "allocator": allocator_of(facts["process_id"], facts["mem_allocator"]),
        "durability": "appendfsync always",
    }


async def script_us_a_bid(redis: "Redis", send: Send, rising: RisingBids, *, size: int, calls: int) -> float:
    """Send so many calls of `size` bids each; microseconds in scripts a bid, after a tenth of the calls to warm up."""
    before_us = 0
    for part in (max(1, calls // 10), calls):
        before_us = await _spent_us(redis)
        for _ in range(part):
            await send(rising.take(size))
    return (await _spent_us(redis) - before_us) / (calls * size)


async def bytes_a_field(redis: "Redis", name: str) -> int:
    """What the server keeps of each field of a hash, in bytes, its key included."""
    used: Any = await redis.memory_usage(name, samples=0)
    kept: Any = await redis.hlen(name)
    return round(int(used) / int(kept))


async def _spent_us(redis: "Redis") -> int:
    found: Any = await redis.info("commandstats")
    return int(found.get("cmdstat_evalsha", {}).get("usec", 0))
