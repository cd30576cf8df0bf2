"""A ledger whose memory is nearly used up: no new bids, and everything else goes on; it is shown where it is looked for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from auction.ledger import memory
from auction.ledger.memory import MemoryLevel
from auction.services.context import AppContext
from auction.workers.memory_alarm import log_memory_level
from tests.api.conftest import OPS, Asker

Everything = Callable[[], Awaitable[dict[bytes, bytes]]]


@asynccontextmanager
async def used(context: AppContext, redis: "Redis", percent: float, level: MemoryLevel) -> AsyncIterator[None]:
    """The server uses that much of its memory, and the process has noticed."""
    before = str((await redis.config_get("maxmemory"))["maxmemory"])
    bytes_used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", int(bytes_used * 100 / percent))
    watch = context.ledger_memory
    watching = asyncio.create_task(watch.run(context.ledger.redis, on_change=log_memory_level))
    try:
        while watch.level is not level:  # noqa: ASYNC110 - the watch has no event
            await asyncio.sleep(0.001)
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})
        await redis.config_set("maxmemory", before)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CHECK_S", 0.01)


async def test_a_nearly_full_ledger_takes_no_bids_and_closes_lots(
    asker: Asker, context: AppContext, redis: "Redis", ledger_as_it_is: Everything
) -> None:
    lot_id = await asker.open_lot()
    assert (await asker.bid(lot_id, 100)).status_code == 201
    before = await ledger_as_it_is()
    async with used(context, redis, 93, MemoryLevel.FULL):
        refused = await asker.bid(lot_id, 200)
        assert (refused.status_code, refused.json()["code"]) == (503, "ledger-full")
        assert refused.headers["retry-after"] == "1"
        assert "memory" in refused.json()["detail"]
        assert await ledger_as_it_is() == before

        closed = await asker.ops(f"/lots/{lot_id}/close", {"reason": "the memory is nearly used up"})
        assert (closed["status"], closed["price_fen"]) == ("closed", 100)


async def test_above_the_alarm_bids_are_taken_and_it_is_shown(
    asker: Asker, context: AppContext, redis: "Redis"
) -> None:
    lot_id = await asker.open_lot()
    with capture_logs() as logged:
        async with used(context, redis, 77, MemoryLevel.HIGH):
            assert (await asker.bid(lot_id, 100)).status_code == 201
            ready = await asker.http.get("/readyz")
            assert (ready.status_code, ready.json()["ready"]) == (200, True)
            assert "refused from 85 %" in ready.json()["ledger_memory"]
            health = (await asker.get("/ops/health", OPS)).json()
            assert "refused from 85 %" in health["ledger_memory"]
            lines = (await asker.http.get("/metrics")).text.splitlines()
    measured = {line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("auction_ledger_memory_")}
    assert measured["auction_ledger_memory_level"] == 1
    assert 70 <= 100 * measured["auction_ledger_memory_used_bytes"] / measured["auction_ledger_memory_max_bytes"] < 85
    assert [(e["event"], e["log_level"]) for e in logged if "memory" in e["event"]] == [
        ("ledger_memory_high", "warning")
    ]


async def test_a_full_ledger_is_not_ready_for_bids_and_says_so(
    asker: Asker, context: AppContext, redis: "Redis"
) -> None:
    with capture_logs() as logged:
        async with used(context, redis, 93, MemoryLevel.FULL):
            ready = (await asker.http.get("/readyz")).json()
    assert ready["ready"]
    assert "new bids are refused" in ready["ledger_memory"]
    assert [(e["event"], e["log_level"]) for e in logged] == [("ledger_memory_full", "error")]


async def test_before_the_first_measurement_there_is_no_gauge(asker: Asker) -> None:
    assert "auction_ledger_memory" not in (await asker.http.get("/metrics")).text
