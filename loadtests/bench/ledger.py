"""The script that decides bids, by the server's own account of its time, beside a floor that decides nothing.

The floor (`floor.lua`) reads, packs and writes as much. Runs of both alternate on one embedded server with
`appendfsync always`, once for each number of bids a call; all bids are accepted, on one lot, by bidders in turn.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from redis.asyncio import Redis

from auction import embedded
from auction.domain.bidding import Bid
from auction.domain.deposits import NoDeposit
from auction.domain.terms import Bidding, Increment, SettlementTerms, Terms
from auction.embedded.allocator import allocator_of
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from auction.ledger.replies import AcceptedBid

BATCHES = (1, 8, 64, 256)
BIDDERS = 50
BIDS = 6_000
"""Bids of one run."""
STEP_FEN = 100
TERMS = Terms(
    bidding=Bidding.DIRECT,
    start_price_fen=STEP_FEN,
    increments=(Increment(0, STEP_FEN),),
    on_grid=False,
    max_jump=None,
    reserve_fen=None,
    cap_fen=None,
    review_above_fen=None,
    soft_close=None,
    deposit=NoDeposit(),
    settlement=SettlementTerms(),
)
LAST_MS = 3_600_000

Send = Callable[[list[Bid]], Awaitable[None]]


def bench_ledger(*, runs: int = 3) -> dict[str, Any]:
    """Microseconds a bid of script and floor, and their ratio, by the number of bids a call, medians; and memory."""
    with (
        tempfile.TemporaryDirectory(prefix="auction-bench-") as folder,
        embedded.running(Path(folder), want_books=False) as servers,
    ):
        return asyncio.run(_measure(servers.redis_url, runs))


async def _measure(url: str, runs: int) -> dict[str, Any]:
    redis = connect(url, timeout_ms=60_000)
    ledger = await BidLedger.open(redis, 1)
    facts: Any = await redis.info()
    figures: dict[str, Any] = {
        "server": f"{facts.get('server_name', 'redis')} {facts.get('valkey_version', facts['redis_version'])}",
        "allocator": allocator_of(facts["process_id"], facts["mem_allocator"]),
        "durability": "appendfsync always",
    }
    for size in BATCHES:
        script_us, floor_us = [], []
        for run in range(runs):
            script_us.append(await _run(redis, size, await _script(ledger, f"bench-{size}-{run}-001")))
            floor_us.append(await _run(redis, size, await _floor(ledger, f"floor-{size}-{run}-001")))
        script, floor = statistics.median(script_us), statistics.median(floor_us)
        figures[f"{size} a call"] = {
            "script_us": round(script, 1),
            "floor_us": round(floor, 1),
            "ratio": round(script / floor, 2),
        }
        figures[f"{size} a call"]["bytes_a_bid"] = await _bytes_a_bid(ledger, f"bench-{size}-{runs - 1}-001")
    await redis.aclose()
    return figures


async def _run(redis: "Redis", size: int, send: Send) -> float:
    """Send rising bids; microseconds a bid that the server spent in the script."""
    number = 0
    before_us = 0
    # the first part warms the script up
    for part in (BIDS // 10, BIDS):
        before_us = await _spent_us(redis)
        for _ in range(max(1, part // size)):
            bids = []
            for _ in range(size):
                number += 1
                bids.append(Bid(f"bidder-{number % BIDDERS}", number * STEP_FEN, f"key-{number:032d}"))
            await send(bids)
    return (await _spent_us(redis) - before_us) / (BIDS // size * size)


async def _bytes_a_bid(ledger: BidLedger, lot_id: str) -> int:
    """What the server keeps of an accepted bid as long as it keeps the lot: its key (36 characters) and receipt."""
    name = ledger.keys.accepted(lot_id)
    used: Any = await ledger.redis.memory_usage(name, samples=0)
    kept: Any = await ledger.redis.hlen(name)
    return round(int(used) / int(kept))


async def _spent_us(redis: "Redis") -> int:
    found: Any = await redis.info("commandstats")
    return int(found.get("cmdstat_evalsha", {}).get("usec", 0))


async def _script(ledger: BidLedger, lot_id: str) -> Send:
    """An open lot; sends bids to it, each of which must be accepted."""
    now_ms = await ledger.now_ms()
    await ledger.schedule(lot_id, TERMS, opens_at_ms=now_ms, ends_at_ms=now_ms + LAST_MS, hard_stop_at_ms=0)
    for number in range(BIDDERS):
        await ledger.admit(lot_id, bidder_id=f"bidder-{number}", paddle=number + 1, limit_fen=None, purse_fen=None)
    await ledger.open_now(lot_id, ends_at_ms=now_ms + LAST_MS, by="bench")

    async def send(bids: list[Bid]) -> None:
        answers = await ledger.place_bids(lot_id, bids)
        if not all(isinstance(answer, AcceptedBid) for answer in answers):
            raise SystemExit(f"a bid was refused: {answers}")

    return send


async def _floor(ledger: BidLedger, lot_id: str) -> Send:
    keys, redis = ledger.keys, ledger.redis
    sha1 = await redis.script_load(Path(__file__).with_name("floor.lua").read_text("utf-8"))
    names = (
        f"floor:{time.time_ns()}",
        keys.bidders(lot_id),
        keys.accepted(lot_id),
        keys.purse(lot_id),
        f"floor-due:{lot_id}",
        f"floor-stream:{lot_id}",
        keys.lineage_of(lot_id),
        keys.activity_of(lot_id),
    )

    async def send(bids: list[Bid]) -> None:
        packed = msgspec.msgpack.encode([(bid.bidder_id, bid.amount_fen, bid.key) for bid in bids])
        await redis.evalsha(sha1, len(names), *names, lot_id, packed, ledger.lineage, 0)

    return send
