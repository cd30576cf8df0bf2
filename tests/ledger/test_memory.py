"""How full the ledger is: what is measured on a real server, and what it means."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from redis.asyncio import Redis

from auction.domain.errors import LedgerAway
from auction.ledger import memory
from auction.ledger.connection import connect
from auction.ledger.memory import LedgerFull, MemoryLevel, MemoryUse, MemoryWatch, read_memory

Changes = list[tuple[MemoryLevel, MemoryUse]]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CHECK_S", 0.005)


@asynccontextmanager
async def limited(client: "Redis", percent: float) -> AsyncIterator[None]:
    """The server uses that much of its memory for as long as this lasts."""
    before = str((await client.config_get("maxmemory"))["maxmemory"])
    used = (await read_memory(client)).used_bytes
    await client.config_set("maxmemory", int(used * 100 / percent))
    try:
        yield
    finally:
        await client.config_set("maxmemory", before)


@asynccontextmanager
async def watching(client: "Redis", watch: MemoryWatch) -> AsyncIterator[Changes]:
    changes: Changes = []
    task = asyncio.create_task(watch.run(client, on_change=lambda level, use: changes.append((level, use))))
    try:
        yield changes
    finally:
        task.cancel()
        await asyncio.wait({task})


async def until_level(watch: MemoryWatch, level: MemoryLevel) -> None:
    while watch.level is not level:  # noqa: ASYNC110 - the watch has no event, and needs none
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    "used, level",
    [(0, "NORMAL"), (699, "NORMAL"), (700, "HIGH"), (849, "HIGH"), (850, "FULL"), (2_000, "FULL")],
)
def test_an_alarm_from_70_percent_and_no_bids_from_85(used: int, level: str) -> None:
    assert MemoryUse(used, 1_000).level is MemoryLevel[level]
    assert MemoryUse(used, 1_000).level_after(MemoryLevel.NORMAL) is MemoryLevel[level]


def test_without_a_limit_nothing_is_full() -> None:
    assert MemoryUse(10**12, 0).level is MemoryLevel.NORMAL
    assert MemoryUse(2**20, 0).sentence() == "1 MiB used, no limit"
    assert MemoryUse(2**20, 2**21).sentence() == "50 % used of 2 MiB"


@pytest.mark.parametrize(
    "used, before, level",
    [
        (840, "FULL", "FULL"),
        (829, "FULL", "HIGH"),
        (690, "HIGH", "HIGH"),
        (690, "FULL", "HIGH"),
        (679, "FULL", "NORMAL"),
    ],
)
def test_a_level_is_left_some_way_below_where_it_begins(used: int, before: str, level: str) -> None:
    assert MemoryUse(used, 1_000).level_after(MemoryLevel[before]) is MemoryLevel[level]


def test_buffers_that_do_not_count_are_left_out() -> None:
    info = {"used_memory": 900, "mem_not_counted_for_evict": 200, "maxmemory": 1_000}
    assert MemoryUse.of_info(info) == MemoryUse(700, 1_000)


async def test_each_change_is_told_once_and_bids_are_refused_while_it_is_full(client: "Redis") -> None:
    watch = MemoryWatch()
    watch.check_bids_allowed()
    async with watching(client, watch) as changes:
        while watch.latest is None:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        assert watch.latest.max_bytes > watch.latest.used_bytes > 0
        async with limited(client, 76):
            await until_level(watch, MemoryLevel.HIGH)
            watch.check_bids_allowed()
        async with limited(client, 95):
            await until_level(watch, MemoryLevel.FULL)
            with pytest.raises(LedgerFull) as caught:
                watch.check_bids_allowed()
            assert caught.value.code == "ledger-full"
        await until_level(watch, MemoryLevel.NORMAL)
        watch.check_bids_allowed()
    told = [level for level, _ in changes]
    assert all(one is not other for one, other in pairwise(told))
    assert told[0] is MemoryLevel.HIGH
    assert told[-1] is MemoryLevel.NORMAL
    assert MemoryLevel.FULL in told


async def test_what_is_known_stays_while_the_ledger_is_away(tmp_path: Path) -> None:
    watch = MemoryWatch()
    watch.level = MemoryLevel.FULL
    async with connect(f"unix://{tmp_path}/nobody.sock") as client:
        with pytest.raises(LedgerAway):
            await read_memory(client)
        async with watching(client, watch) as changes:
            await asyncio.sleep(0.05)
    assert (watch.level, changes) == (MemoryLevel.FULL, [])
