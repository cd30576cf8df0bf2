"""A process that takes bids says so in the ledger; after a silence the clerk pauses the lots that it could have ended."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from api.live.frames import EventPosition, event_frame
from auction.domain.events import Interrupted
from auction.domain.lot import LotStatus
from auction.ledger.memory import MemoryLevel
from auction.services.bidding import heartbeat
from auction.services.bidding.heartbeat import Heartbeat
from auction.services.context import AppContext
from auction.workers.clerk import Clerk
from tests.api.conftest import OPS, Asker

LIMIT_MS = 400


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    while not await condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.01)


async def seen_at_ms(context: AppContext, lot_id: str) -> int:
    return int(await context.ledger.redis.hget(context.ledger.keys.activity_of(lot_id), "seen_at") or 0)


async def test_a_process_says_again_and_again_that_it_takes_bids(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.01)
    lot_id = await asker.open_lot()
    beating = asyncio.create_task(Heartbeat(context.ledger, context.ledger_memory, limit_ms=LIMIT_MS).run())

    async def has_begun() -> bool:
        return await seen_at_ms(context, lot_id) > 0

    await until(has_begun)
    first_ms = await seen_at_ms(context, lot_id)

    async def goes_on() -> bool:
        return await seen_at_ms(context, lot_id) > first_ms

    await until(goes_on)
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)


async def test_it_says_nothing_while_bids_are_refused_or_a_shard_is_stopped(asker: Asker, context: AppContext) -> None:
    lot_id = await asker.open_lot()
    beats = Heartbeat(context.ledger, context.ledger_memory, limit_ms=LIMIT_MS)
    context.ledger_memory.level = MemoryLevel.FULL
    await beats.beat()
    assert await seen_at_ms(context, lot_id) == 0
    context.ledger_memory.level = MemoryLevel.NORMAL
    lineage_key = context.ledger.keys.lineage_of(lot_id)
    await context.ledger.redis.set(lineage_key, "stopped")
    await beats.beat()
    assert await seen_at_ms(context, lot_id) == 0
    await context.ledger.redis.set(lineage_key, context.ledger.lineage)
    await beats.beat()
    assert await seen_at_ms(context, lot_id) > 0


async def test_without_a_limit_it_says_once_that_silences_do_not_count(
    asker: Asker, context: AppContext, redis: "Redis"
) -> None:
    lot_id = await asker.open_lot()
    await Heartbeat(context.ledger, context.ledger_memory, limit_ms=LIMIT_MS).beat()
    await Heartbeat(context.ledger, context.ledger_memory, limit_ms=0).run()
    assert not await redis.exists(context.ledger.keys.activity_of(lot_id))


async def test_after_an_outage_the_clerk_pauses_at_once_what_would_end_soon(asker: Asker, context: AppContext) -> None:
    lot_id, later = await asker.open_lot(), await asker.open_lot()
    ledger, clerk = context.ledger, Clerk(context)
    beats = Heartbeat(ledger, context.ledger_memory, limit_ms=LIMIT_MS)
    await beats.beat()
    silent_since_ms = await seen_at_ms(context, lot_id)
    lot = await ledger.read(lot_id)
    assert lot is not None
    # it will end after the silence, and within the length of it
    await ledger.redis.hset(ledger.keys.lot(lot_id), "ends_at", silent_since_ms + 900)
    await ledger.redis.zadd(ledger.keys.due_of(lot_id), {lot_id: silent_since_ms + 900})

    async def is_silent_long_enough() -> bool:
        return await ledger.now_ms() > silent_since_ms + 500

    await until(is_silent_long_enough)
    await beats.beat()
    with capture_logs() as logged:
        await clerk.meet_deadlines()
        await clerk.meet_deadlines()
    interrupted = [event for event in logged if event["event"] == "lot_interrupted"]
    assert [event["lot"] for event in interrupted] == [lot_id]
    paused, open_still = await ledger.read(lot_id), await ledger.read(later)
    assert paused is not None
    assert open_still is not None
    assert (paused.status, open_still.status) == (LotStatus.PAUSED, LotStatus.OPEN)

    events = (await asker.get(f"/ops/lots/{lot_id}/events", OPS)).json()["events"]
    assert events[0]["kind"] == "interrupted"
    assert events[0]["from_ms"] == silent_since_ms
    assert events[0]["remaining_ms"] == 900
    assert (await asker.get(f"/lots/{lot_id}")).json()["pause_cause"] == "outage"
    await asker.ops(f"/lots/{lot_id}/resume", {})
    assert (await asker.bid(lot_id, 100)).status_code == 201
    assert (await asker.get(f"/lots/{lot_id}")).json()["pause_cause"] is None
    await asker.ops(f"/lots/{lot_id}/pause", {"reason": "a look"})
    assert (await asker.get(f"/lots/{lot_id}")).json()["pause_cause"] == "staff"


def test_watchers_are_told_that_it_was_an_outage() -> None:
    position = EventPosition(lot_id="x-001", seq=4, at_ms=9, epoch=1, ends_before_ms=20)
    frame = event_frame(position, Interrupted(11, 5, 9, 13), 100, 1)
    assert frame is not None
    assert b'"type":"paused"' in frame
    assert b'"cause":"outage"' in frame


async def test_a_heartbeat_that_fails_goes_on(
    asker: Asker, context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.01)
    lot_id = await asker.open_lot()
    beats = Heartbeat(context.ledger, context.ledger_memory, limit_ms=LIMIT_MS)
    active_shards, failures = context.ledger.active_shards, 3

    async def fail_at_first() -> set[int]:
        nonlocal failures
        if failures:
            failures -= 1
            raise ZeroDivisionError
        return await active_shards()

    monkeypatch.setattr(context.ledger, "active_shards", fail_at_first)
    with capture_logs() as logged:
        beating = asyncio.create_task(beats.run())

        async def has_begun() -> bool:
            assert not beating.done()
            return await seen_at_ms(context, lot_id) > 0

        await until(has_begun)
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
    assert [event["event"] for event in logged if event["log_level"] == "error"] == ["heartbeat_failed"] * 3
