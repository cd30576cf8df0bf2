"""`auction verify` of one archived lot, beside a loop that only decodes and hashes the same entries.

The loop reads the archived entries in the same pages, decodes their events and computes the archive's chain over them.
Then as many people as a launch day brings register for another lot, and it is verified.
"""

import asyncio
import time
from typing import Any

from auction.books import archive_queries
from auction.books.chain import GENESIS, head_after
from auction.bootstrap import open_context
from auction.services.catalogue.lots import create_lot, create_sale, open_lot
from auction.services.context import AppContext
from auction.services.lot_log import decode_archived
from auction.services.payments.registration_deposits import register
from auction.services.verification.verdicts import verify_lot
from auction.settings import Settings
from auction.workers.archiver import Archiver
from loadtests.bench.archive import bench_servers, fill_lot
from loadtests.bench.rising_bids import bidder_id

BIDS, SIZE = 200_000, 16
PEOPLE, AT_ONCE = 10_000, 64
GOAL_RATIO, GOAL_S = 3.0, 5.0


def bench_verify(*, bids: int = BIDS, people: int = PEOPLE, runs: int = 3) -> dict[str, Any]:
    """Seconds of `verify` and of the loop over the same entries, medians, their ratio; and of many registrations."""
    with bench_servers() as settings:
        return asyncio.run(_measure(settings, bids, people, runs))


async def _measure(settings: Settings, bids: int, people: int, runs: int) -> dict[str, Any]:
    async with open_context(settings) as context:
        await create_sale(context, title="bench", actor="bench", sale_id="bench")
        lot_id = await fill_lot(context, "bench", bids=bids, size=SIZE)
        await Archiver(context.books, context.stream).catch_up()
        ours_s, floor_s = [], []
        for _ in range(runs):
            floor_s.append(await _decode_and_hash(context, lot_id))
            ours_s.append(await _verify(context, lot_id))
        crowded = await _register_many(context, people)
        registrations_s = await _verify(context, crowded)
    ours, floor = sorted(ours_s)[runs // 2], sorted(floor_s)[runs // 2]
    return {
        "bids": bids,
        "bids_an_entry": SIZE,
        "verify_s": round(ours, 2),
        "bids_per_s": round(bids / ours),
        "floor_s": round(floor, 2),
        "ratio": round(ours / floor, 2),
        "goal_ratio": GOAL_RATIO,
        "registrations": people,
        "registrations_s": round(registrations_s, 2),
        "goal_registrations_s": GOAL_S,
    }


async def _verify(context: AppContext, lot_id: str) -> float:
    verdict = await verify_lot(context, lot_id)
    if verdict.breaches:
        raise SystemExit(f"{lot_id}: {verdict.breaches[0]}")
    return verdict.seconds


async def _decode_and_hash(context: AppContext, lot_id: str) -> float:
    started_s, head = time.monotonic(), GENESIS
    async with context.books.reading() as tx:
        secret = await archive_queries.chain_secret_of(tx, lot_id)
        async for row in archive_queries.entries_of(tx, lot_id):
            events = decode_archived(row).events
            head = head_after(head, secret, row.lot_id, row.epoch, row.first_seq, row.at_ms, events)
    return time.monotonic() - started_s


async def _register_many(context: AppContext, people: int) -> str:
    """A lot for which so many people have registered, archived; its id."""
    lot = await create_lot(context, sale_id="bench", title="bench", preset="jd-flash", actor="bench")
    lot_id = lot.record.lot_id
    await open_lot(context, lot_id, duration_ms=3_600_000, actor="bench")
    waiting = iter(range(people))

    async def register_in_turn() -> None:
        for number in waiting:
            who = bidder_id(number)
            await register(context, lot_id, bidder_id=who, name=who, payment_method="sandbox-ok")

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(register_in_turn())
    await Archiver(context.books, context.stream).catch_up()
    return lot_id
