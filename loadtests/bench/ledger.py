"""The script that decides bids, by the server's own account of its time, beside a floor that decides nothing.

The floor (`floor.lua`) reads, packs and writes as much. Runs of both alternate on one embedded server with
`appendfsync always`, once for each number of bids a call; all bids are accepted, on one lot, by bidders in turn.
"""

import asyncio
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from auction import embedded
from auction.domain.bidding import Bid
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from loadtests.bench.rising_bids import RisingBids, open_lot_in_ledger, place_rising
from loadtests.bench.script_time import Send, bytes_a_field, script_us_a_bid, server_facts

BATCHES = (1, 8, 64, 256)
BIDDERS = 50
BIDS = 6_000
"""Bids of one run."""
GOAL_RATIO = 1.5


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
    figures = await server_facts(redis)
    for size in BATCHES:
        script_us: list[float] = []
        floor_us: list[float] = []
        for run in range(runs):
            for found, send in (
                (script_us, await _script(ledger, f"bench-{size}-{run}-001")),
                (floor_us, await _floor(ledger, f"floor-{size}-{run}-001")),
            ):
                rising = RisingBids(BIDDERS)
                found.append(await script_us_a_bid(redis, send, rising, size=size, calls=BIDS // size))
        script, floor = statistics.median(script_us), statistics.median(floor_us)
        figures[f"{size} a call"] = {
            "script_us": round(script, 1),
            "floor_us": round(floor, 1),
            "ratio": round(script / floor, 2),
            "goal_ratio": GOAL_RATIO,
        }
        # of each accepted bid its key (36 characters) and receipt, as long as the lot is kept
        accepted = ledger.keys.accepted(f"bench-{size}-{runs - 1}-001")
        figures[f"{size} a call"]["bytes_a_bid"] = await bytes_a_field(redis, accepted)
    await redis.aclose()
    return figures


async def _script(ledger: BidLedger, lot_id: str) -> Send:
    """An open lot; sends bids to it, each of which must be accepted."""
    await open_lot_in_ledger(ledger, lot_id, BIDDERS)
    return partial(place_rising, ledger, lot_id)


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
