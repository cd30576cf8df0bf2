"""How many watch a lot, over all live gateways: each writes its own count, readers add up what is fresh.

Beside the bid's way, approximate on purpose: a gateway that dies is counted for some seconds more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from redis.asyncio import Redis

from auction.ledger.connection import ledger_errors
from auction.ledger.keys import KeySpace

FRESH_MS = 10_000
"""A count older than that does not count; gateways repeat theirs well within."""
KEPT_S = 60
"""A lot that no gateway reports on leaves nothing behind."""


async def report_watchers(
    redis: "Redis", keys: KeySpace, gateway: str, counts: Mapping[str, int], *, now_ms: int
) -> dict[str, int]:
    """Write a gateway's count of each lot (0: none any more); how many the others have. Raises LedgerAway.

    `now_ms` is the ledger's time. Counts of gateways that are gone are cleared away.
    """
    if not counts:
        return {}
    pipeline = redis.pipeline(transaction=False)
    for lot_id, count in counts.items():
        key = keys.watchers(lot_id)
        if count:
            pipeline.hset(key, gateway, f"{count} {now_ms}")
            pipeline.expire(key, KEPT_S)
        else:
            pipeline.hdel(key, gateway)
        pipeline.hgetall(key)
    with ledger_errors():
        replies: list[Any] = await pipeline.execute()
        rows = dict(zip(counts, (reply for reply in replies if isinstance(reply, dict)), strict=True))
        await _clear(redis, keys, rows, now_ms)
    mine = gateway.encode()
    return {lot_id: _fresh({g: said for g, said in row.items() if g != mine}, now_ms) for lot_id, row in rows.items()}


async def _clear(redis: "Redis", keys: KeySpace, rows: Mapping[str, dict[bytes, bytes]], now_ms: int) -> None:
    for lot_id, row in rows.items():
        gone = [gateway for gateway, said in row.items() if now_ms - _read(said)[1] > FRESH_MS]
        if gone:
            await redis.hdel(keys.watchers(lot_id), *gone)


async def count_watchers(redis: "Redis", keys: KeySpace, lot_ids: Sequence[str]) -> dict[str, int]:
    """How many watch each lot now. Raises LedgerAway."""
    if not lot_ids:
        return {}
    pipeline = redis.pipeline(transaction=False)
    pipeline.time()
    for lot_id in lot_ids:
        pipeline.hgetall(keys.watchers(lot_id))
    with ledger_errors():
        time, *rows = await pipeline.execute()
    now_ms = int(time[0]) * 1000 + int(time[1]) // 1000
    return {lot_id: _fresh(row, now_ms) for lot_id, row in zip(lot_ids, rows, strict=True)}


def _fresh(row: Mapping[bytes, bytes], now_ms: int) -> int:
    return sum(count for count, at_ms in map(_read, row.values()) if now_ms - at_ms <= FRESH_MS)


def _read(said: bytes) -> tuple[int, int]:
    count, _, at_ms = said.partition(b" ")
    return int(count), int(at_ms)
