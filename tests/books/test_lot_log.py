"""A lot's entries are read once each, in order, whether they are archived, in the stream or on the way between."""

from dataclasses import dataclass
from typing import cast

import pytest
from redis.asyncio import Redis

from auction.books.unit_of_work import Books
from auction.domain.errors import LedgerAway
from auction.domain.events import BidVoided
from auction.ledger.entry import EntryDamaged, StreamEntry
from auction.ledger.stream import LedgerStream
from auction.services import lot_log
from auction.services.context import AppContext
from auction.services.lot_log import archive_end, entries_backward, entries_forward, read_bids
from auction.workers.archiver import Archiver
from tests.books.conftest import Sql
from tests.books.event_sequences import LotWriter, Stream
from tests.books.test_archiver import KEYS, ONE, OTHER, publish, storm

SHARD = KEYS.shard_of(ONE)


@dataclass
class Servers:
    """The part of a context that the lot log uses."""

    books: Books
    stream: LedgerStream
    redis: "Redis"

    @property
    def context(self) -> AppContext:
        return cast(AppContext, self)

    async def archive(self) -> None:
        await Archiver(self.books, self.stream).catch_up()

    async def archive_and_trim(self) -> None:
        await self.archive()
        await self.redis.xtrim(KEYS.stream(SHARD), maxlen=0, approximate=False)


@pytest.fixture
def servers(books: Books, redis: "Redis", launch: str) -> Servers:
    return Servers(books, LedgerStream(redis, KEYS), redis)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lot_log, "PAGE_ENTRIES", 3)
    monkeypatch.setattr(lot_log, "BACKWARD_PAGE_ENTRIES", 3)


async def forward(servers: Servers) -> list[StreamEntry]:
    return [entry async for entry in entries_forward(servers.context, ONE)]


async def backward(servers: Servers, before_seq: int | None = None) -> list[StreamEntry]:
    return [entry async for entry in entries_backward(servers.context, ONE, before_seq=before_seq)]


@pytest.mark.parametrize("archived", [0, 1, 7, 12], ids=["nothing", "the first", "half", "everything"])
@pytest.mark.parametrize("trimmed", [False, True], ids=["still in the stream", "trimmed"])
async def test_entries_come_once_in_both_directions(servers: Servers, archived: int, trimmed: bool) -> None:
    entries = storm(LotWriter(Stream(), ONE), 8)
    await publish(servers.redis, entries[:archived])
    await (servers.archive_and_trim() if trimmed else servers.archive())
    await publish(servers.redis, entries[archived:])

    assert await forward(servers) == entries
    assert await backward(servers) == entries[::-1]
    assert await backward(servers, entries[5].first_seq) == entries[4::-1]
    assert await backward(servers, entries[10].first_seq) == entries[9::-1]


async def test_a_lot_without_entries_has_none(servers: Servers) -> None:
    await publish(servers.redis, storm(LotWriter(Stream(), OTHER), 1))
    assert await forward(servers) == await backward(servers) == []


async def test_entries_trimmed_while_the_stream_is_read_come_from_the_archive(servers: Servers) -> None:
    lot = LotWriter(Stream(), ONE)
    entries = storm(lot, 6)
    await publish(servers.redis, entries[:4])
    await servers.archive_and_trim()
    reading = entries_forward(servers.context, ONE)
    found = [await anext(reading) for _ in range(4)]

    await publish(servers.redis, entries[4:])
    await servers.archive_and_trim()
    last = lot.bids(900)
    await publish(servers.redis, [last])
    found += [entry async for entry in reading]

    assert found == [*entries, last]


async def test_entries_trimmed_on_the_way_back_come_from_the_archive(servers: Servers) -> None:
    lot = LotWriter(Stream(), ONE)
    entries = storm(lot, 4)
    await publish(servers.redis, entries)
    reading = entries_backward(servers.context, ONE)
    found = [await anext(reading)]
    await servers.archive_and_trim()
    found += [entry async for entry in reading]

    assert found == entries[::-1]


async def test_an_entry_that_nobody_has_is_no_hole_but_an_error(servers: Servers) -> None:
    entries = storm(LotWriter(Stream(), ONE), 3)
    await publish(servers.redis, entries[:3])
    await servers.archive()
    await publish(servers.redis, entries[4:])

    with pytest.raises(LedgerAway, match="after seq 3 is neither archived nor in the stream"):
        await forward(servers)


async def test_reading_goes_on_from_where_the_archive_ended(servers: Servers) -> None:
    lot = LotWriter(Stream(), ONE)
    entries = storm(lot, 3)
    await publish(servers.redis, entries[:5])
    await servers.archive()
    async with servers.books.reading() as tx:
        end = await archive_end(servers.context, tx, ONE)
    await publish(servers.redis, entries[5:])
    await servers.archive_and_trim()

    last = lot.bids(900)
    await publish(servers.redis, [last])

    assert [entry async for entry in entries_forward(servers.context, ONE, after=end)] == [*entries[5:], last]


async def test_a_damaged_archived_entry_is_named(servers: Servers, sql: Sql) -> None:
    entries = storm(LotWriter(Stream(), ONE), 1)
    await publish(servers.redis, entries)
    await servers.archive()
    await sql("UPDATE ledger_entries SET packed = '\\x93' WHERE first_seq = 3")

    with pytest.raises(EntryDamaged, match=f"archived entry {entries[2].stream_id}"):
        await forward(servers)
    with pytest.raises(EntryDamaged, match=f"archived entry {entries[2].stream_id}"):
        await backward(servers)


async def test_bids_are_read_up_to_a_seq_with_those_that_were_voided(servers: Servers) -> None:
    lot = LotWriter(Stream(), ONE)
    entries = [*lot.opening(), lot.bids(100, 200, 300)]
    void = lot.write(BidVoided(7, 200, "bob", 2, 200, "mistyped", "olga"), new_epoch=True)
    await publish(servers.redis, [*entries, void])

    before = await read_bids(servers.context, ONE, until_seq=7)
    after = await read_bids(servers.context, ONE, until_seq=8)

    assert [seq for seq, _ in before.not_voided()] == [5, 6, 7]
    assert (list(after.accepted), after.voided) == ([5, 6, 7], {7: 8})
    assert [seq for seq, _ in after.not_voided()] == [5, 6]
    with pytest.raises(LedgerAway, match="end at seq 8, before 9"):
        await read_bids(servers.context, ONE, until_seq=9)
