"""What a bid costs on a lot that has grown, beside a lot that is new, and what bids and bidders take up.

One lot is filled with a million bidders and a million bids. Then runs on it and on new lots alternate, on one embedded
server with `appendfsync always`; figures are the server's own account of its time in the script.
"""

import asyncio
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from auction import embedded
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from loadtests.bench.ledger import BIDDERS
from loadtests.bench.rising_bids import RisingBids, admit_bidders, open_lot_in_ledger, place_rising
from loadtests.bench.script_time import bytes_a_field, script_us_a_bid, server_facts

GROWN = "grown-001-001"
BIDS_BEHIND = 1_000_000
ADMITTED = 1_000_000
FILLED_AT_ONCE = 256
"""Bids of one call while a lot is filled."""
CALLS = {1: 2_000, 8: 1_000, 64: 150}
"""Bids a call, and the calls of one run."""
GOAL_RATIO = 1.1


def bench_growth(*, runs: int = 5, bids: int = BIDS_BEHIND, bidders: int = ADMITTED) -> dict[str, Any]:
    """Microseconds a bid on the grown lot and on new ones, medians, their ratio, and bytes a bid and a bidder."""
    with (
        tempfile.TemporaryDirectory(prefix="auction-bench-") as folder,
        embedded.running(Path(folder), want_books=False) as servers,
    ):
        return asyncio.run(_measure(servers.redis_url, runs, bids, bidders))


async def _measure(url: str, runs: int, bids: int, bidders: int) -> dict[str, Any]:
    redis = connect(url, timeout_ms=60_000)
    ledger = await BidLedger.open(redis, 1)
    # a rewrite would hide what was appended
    await redis.config_set("auto-aof-rewrite-percentage", 0)
    figures = await server_facts(redis)
    await open_lot_in_ledger(ledger, GROWN, BIDDERS)
    figures |= {"bidders": bidders, "bids": bids}
    before = await _appended_bytes(redis)
    await admit_bidders(ledger, GROWN, range(BIDDERS, bidders))
    figures["bytes_a_bidder"] = {
        "ledger": await bytes_a_field(redis, ledger.keys.bidders(GROWN)),
        "append_only_file": round((await _appended_bytes(redis) - before) / (bidders - BIDDERS)),
    }
    rising = RisingBids(bidders)
    before = await _appended_bytes(redis)
    while rising.number < bids:
        await place_rising(ledger, GROWN, rising.take(FILLED_AT_ONCE))
    figures["bytes_a_bid"] = {
        "ledger": await bytes_a_field(redis, ledger.keys.accepted(GROWN)),
        "append_only_file": round((await _appended_bytes(redis) - before) / rising.number),
    }
    for size, calls in CALLS.items():
        grown_us: list[float] = []
        new_us: list[float] = []
        for run in range(runs):
            new = f"new-{size}-{run}-001"
            await open_lot_in_ledger(ledger, new, BIDDERS)
            for found, lot_id, bids_of_it in ((new_us, new, RisingBids(BIDDERS)), (grown_us, GROWN, rising)):
                send = partial(place_rising, ledger, lot_id)
                found.append(await script_us_a_bid(redis, send, bids_of_it, size=size, calls=calls))
        grown, fresh = statistics.median(grown_us), statistics.median(new_us)
        figures[f"{size} a call"] = {
            "grown_us": round(grown, 1),
            "new_us": round(fresh, 1),
            "ratio": round(grown / fresh, 2),
            "goal_ratio": GOAL_RATIO,
        }
    await redis.aclose()
    return figures


async def _appended_bytes(redis: "Redis") -> int:
    facts: Any = await redis.info("persistence")
    return int(facts["aof_current_size"])
