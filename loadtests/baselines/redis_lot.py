"""Rivals on the ledger's own server with `appendfsync always`: WATCH and MULTI, and one script call a bid."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import WatchError

from loadtests.baselines.bid_api import BIDDERS, LOT, STEP_FEN, Decision, Servers

CONNECTIONS = 64
SCRIPT = f"""
local price, seq = unpack(redis.call('HMGET', KEYS[1], 'price', 'seq'))
local bidder, amount, key = ARGV[1], tonumber(ARGV[2]), ARGV[3]
if not price then
  return {{'lot-unknown', 0, 0}}
end
price, seq = tonumber(price), tonumber(seq)
if redis.call('SISMEMBER', KEYS[2], bidder) == 0 then
  return {{'not-registered', 0, price}}
end
local first = redis.call('HGET', KEYS[3], key .. ' ' .. bidder)
if first then
  local at, was = string.match(first, '^(%d+) (%d+)$')
  return {{tonumber(was) == amount and 'repeated' or 'key-reused', tonumber(at), price}}
elseif amount < price + {STEP_FEN} then
  return {{'bid-too-low', 0, price}}
end
seq = seq + 1
redis.call('HSET', KEYS[1], 'price', ARGV[2], 'seq', seq, 'leader', bidder)
redis.call('HSET', KEYS[3], key .. ' ' .. bidder, seq .. ' ' .. ARGV[2])
redis.call('XADD', KEYS[4], '*', 'bidder', bidder, 'amount', ARGV[2], 'seq', seq)
return {{'accepted', seq, amount}}
"""


def _keys(lot_id: str) -> tuple[str, str, str, str]:
    return f"rival:{lot_id}", f"rival:{lot_id}:deposits", f"rival:{lot_id}:keys", f"rival:{lot_id}:bids"


class WatchMulti:
    """Reads the lot under WATCH, and writes it by MULTI; where somebody was faster, again."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def place(self, lot_id: str, bidder_id: str, amount_fen: int, key: str) -> Decision:
        """Decide a bid."""
        lot, deposits, keys, bids = _keys(lot_id)
        field = f"{key} {bidder_id}"
        pipe: Any
        async with self._redis.pipeline() as pipe:
            while True:
                await pipe.watch(lot)
                found: Any = await pipe.hmget(lot, ["price", "seq"])
                if found[0] is None:
                    return Decision(0, 0, "lot-unknown")
                price_fen, seq = int(found[0]), int(found[1])
                if not await pipe.sismember(deposits, bidder_id):
                    return Decision(0, price_fen, "not-registered")
                first: Any = await pipe.hget(keys, field)
                if first is not None:
                    at, was_fen = map(int, first.split())
                    refusal = "" if was_fen == amount_fen else "key-reused"
                    return Decision(at, price_fen, refusal, is_repeated=True)
                if amount_fen < price_fen + STEP_FEN:
                    return Decision(0, price_fen, "bid-too-low")
                pipe.multi()
                pipe.hset(lot, mapping={"price": amount_fen, "seq": seq + 1, "leader": bidder_id})
                pipe.hset(keys, field, f"{seq + 1} {amount_fen}")
                pipe.xadd(bids, {"bidder": bidder_id, "amount": amount_fen, "seq": seq + 1})
                try:
                    await pipe.execute()
                except WatchError:
                    continue
                return Decision(seq + 1, amount_fen)


class OneScript:
    """One script call a bid."""

    def __init__(self, redis: "Redis") -> None:
        self._script = redis.register_script(SCRIPT)

    async def place(self, lot_id: str, bidder_id: str, amount_fen: int, key: str) -> Decision:
        """Decide a bid."""
        found: Any = await self._script(keys=list(_keys(lot_id)), args=[bidder_id, amount_fen, key])
        code, seq, price_fen = found[0].decode(), int(found[1]), int(found[2])
        if code in {"accepted", "repeated"}:
            return Decision(seq, price_fen, is_repeated=code == "repeated")
        return Decision(seq, price_fen, code)


@asynccontextmanager
async def _server(servers: Servers) -> AsyncIterator["Redis"]:
    redis: Any = Redis.from_url(servers.redis_url, max_connections=CONNECTIONS * 2)
    lot, deposits, _, _ = _keys(LOT)
    await redis.hsetnx(lot, "price", 0)
    await redis.hsetnx(lot, "seq", 0)
    await redis.sadd(deposits, *(f"bidder-{number}" for number in range(BIDDERS)))
    try:
        yield redis
    finally:
        await redis.aclose()


@asynccontextmanager
async def open_watch_multi(servers: Servers) -> AsyncIterator[WatchMulti]:
    """FastAPI and redis-py, WATCH and MULTI."""
    async with _server(servers) as redis:
        yield WatchMulti(redis)


@asynccontextmanager
async def open_one_script(servers: Servers) -> AsyncIterator[OneScript]:
    """FastAPI and redis-py, one script call a bid."""
    async with _server(servers) as redis:
        yield OneScript(redis)
