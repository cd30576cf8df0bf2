from types import SimpleNamespace
from typing import cast

import pytest
from redis.asyncio import Redis

from auction.books.unit_of_work import Books
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.entry import EntryDamaged
from auction.ledger.stream import LedgerStream
from auction.services.context import AppContext
from auction.services.verification.archive_lag import ArchiveLag, archive_lag
from auction.workers.archiver import Archiver
from tests.books.event_sequences import LotWriter, Stream
from tests.books.test_archiver import KEYS, ONE, OTHER, publish, storm


@pytest.fixture
def context(books: Books, redis: "Redis") -> AppContext:
    servers = SimpleNamespace(books=books, ledger=BidLedger(redis, KEYS, lineage=""), stream=LedgerStream(redis, KEYS))
    return cast(AppContext, servers)


async def test_the_lag_is_the_age_of_the_oldest_entry_that_is_not_archived(context: AppContext, redis: "Redis") -> None:
    assert await archive_lag(context) == ArchiveLag(0, 0)
    entries = storm(LotWriter(Stream(), ONE), 5)
    await publish(redis, [*entries, *storm(LotWriter(Stream(), OTHER), 1)])
    behind = await archive_lag(context)
    now_ms = await context.ledger.now_ms()
    await Archiver(context.books, context.stream).catch_up()

    assert behind.shards == 2
    assert 0 < behind.behind_ms <= now_ms - int(entries[0].stream_id.partition("-")[0])
    assert await archive_lag(context) == ArchiveLag(0, 0)


async def test_a_damaged_entry_counts_as_not_archived(context: AppContext, redis: "Redis") -> None:
    await redis.xadd(KEYS.stream_of(ONE), {"nonsense": "1"})
    with pytest.raises(EntryDamaged):
        await Archiver(context.books, context.stream).catch_up()

    assert (await archive_lag(context)).shards == 1
