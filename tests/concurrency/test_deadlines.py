"""Bids that race the close, over HTTP and through both processes: nothing is accepted at or after the end in force."""

import asyncio
import time
from collections.abc import Sequence
from itertools import count
from random import Random

import pytest

from auction.domain.events import Closed
from auction.services.house import House
from auction.services.lots import create_lot, create_sale, open_lot, schedule_lot
from auction.services.verification import verify_sale
from tests.chaos.checkers import check_history
from tests.chaos.crowd import HOUR_MS, STEP_FEN, TERMS, bidder_ids, token
from tests.chaos.history import Attempt, History
from tests.chaos.houses import RunningHouse
from tests.chaos.record import Record, caught_up, read_archive
from tests.chaos.wire import Address, Wire

BIDDERS, AT_ONCE = 3, 8
OPEN_FOR_MS, WINDOW_MS, EXTENSION_MS, HARD_STOP_MS = 120, 30, 25, 60
AHEAD_MS = 6
"""How long before the end in force they come."""
SOFT_CLOSE = {"window_ms": WINDOW_MS, "extension_ms": EXTENSION_MS, "hard_stop_ms": HARD_STOP_MS}


async def test_in_200_rounds_no_bid_is_accepted_at_or_after_the_end(
    standing: RunningHouse, house: House, seed: int
) -> None:
    await _rounds(standing, house, seed, 200)


@pytest.mark.slow
async def test_in_5_000_rounds_no_bid_is_accepted_at_or_after_the_end(
    standing: RunningHouse, house: House, seed: int
) -> None:
    await _rounds(standing, house, seed, 5_000)


async def _rounds(standing: RunningHouse, house: House, seed: int, rounds: int) -> None:
    sale = await create_sale(house, title="Short lots", actor="olga")
    addresses = [api.address for api in standing.apis]
    chance = Random(seed)
    histories: list[History] = []
    numbers = iter(range(rounds))

    async def lane() -> None:
        for _ in numbers:
            soft = SOFT_CLOSE if chance.randrange(2) else None
            histories.append(await _round(house, sale.sale_id, soft, addresses))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(lane())
    await caught_up(house)
    late, extended = 0, 0
    for history in histories:
        record = await read_archive(house, history.lot_id)
        check_history(history, record)
        late += sum(attempt.answer.get("code") == "lot-not-open" for attempt in history.attempts)
        extended += _was_extended(record)
        assert _is_closed(record)
    verdict = await verify_sale(house, sale.sale_id)
    assert not verdict.breaches, verdict.breaches
    # they did race the end, and some bids moved it
    assert late >= rounds
    assert extended > rounds // 10


async def _round(house: House, sale_id: str, soft: dict[str, int] | None, addresses: Sequence[Address]) -> History:
    """One lot from its opening to the first bids that come too late."""
    terms = {**TERMS, "soft_close": soft}
    lot = await create_lot(house, sale_id=sale_id, title="A short lot", terms=terms, actor="olga")
    lot_id = lot.record.lot_id
    later_ms = await house.ledger.now_ms() + HOUR_MS
    await schedule_lot(house, lot_id, opens_at_ms=later_ms, closes_at_ms=later_ms + HOUR_MS, actor="olga")
    history, amounts = History(lot_id), count(STEP_FEN, STEP_FEN)
    for paddle, bidder_id in enumerate(bidder_ids(BIDDERS), start=1):
        await house.ledger.admit(lot_id, bidder_id=bidder_id, paddle=paddle, limit_fen=None, purse_fen=None)
    opened = await open_lot(house, lot_id, duration_ms=OPEN_FOR_MS, actor="olga")
    assert opened.ends_at_ms is not None
    async with asyncio.TaskGroup() as tasks:
        for number, bidder_id in enumerate(bidder_ids(BIDDERS)):
            wire = Wire(addresses[number % len(addresses)])
            tasks.create_task(_race(history, wire, bidder_id, amounts, opened.ends_at_ms))
    return history


async def _race(history: History, wire: Wire, bidder_id: str, amounts: "count[int]", ends_at_ms: int) -> None:
    """Come shortly before the end in force, and bid until it is over."""
    signed = token(bidder_id)
    try:
        for number in count(1):
            wait_ms = ends_at_ms - AHEAD_MS - time.time() * 1000
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
            attempt: Attempt = await history.bid(wire, bidder_id, signed, next(amounts), f"{bidder_id}-{number:04d}")
            if attempt.answer.get("code") == "lot-not-open":
                return
            ends_at_ms = attempt.answer["ends_at_ms"]
    finally:
        wire.hang_up()


def _was_extended(record: Record) -> bool:
    return len({bid.event.ends_at_ms for bid in record.bids()}) > 1


def _is_closed(record: Record) -> bool:
    return isinstance(record.entries[-1].events[-1], Closed)
