import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy.engine import make_url
from structlog.testing import capture_logs

from auction.books.unit_of_work import Books
from auction.domain.errors import BooksAway, LedgerAway
from auction.domain.ledger_layout import STREAM_START, StreamPosition
from auction.ledger.entry import EntryDamaged, StreamEntry
from auction.ledger.keys import KeySpace
from auction.ledger.stream import LedgerStream
from auction.workers import archiver
from auction.workers.archiver import Archiver, batches, next_count
from tests.books.conftest import Sql
from tests.books.event_sequences import LotWriter, Stream, bid

KEYS = KeySpace(2)
ONE = "launch-001"
SAME_SHARD = "launch-002"
OTHER = next(lot_id for lot_id in ("a-001", "b-001", "c-001") if KEYS.shard_of(lot_id) != KEYS.shard_of(ONE))

BIDS = "SELECT count(*) FROM bids"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver, "BLOCK_MS", 20)
    monkeypatch.setattr(archiver, "BACKOFF_S_MIN", 0.01)
    monkeypatch.setattr(archiver, "BACKOFF_S_MAX", 0.05)


@pytest.fixture
def stream(redis: "Redis") -> LedgerStream:
    return LedgerStream(redis, KEYS)


@pytest.fixture
async def at_work(books: Books, stream: LedgerStream) -> AsyncIterator[Archiver]:
    """A running archiver."""
    worker = Archiver(books, stream)
    running = asyncio.create_task(worker.run())
    yield worker
    worker.stop()
    await running


async def publish(redis: "Redis", entries: Iterable[StreamEntry]) -> None:
    """Put entries into their lot's stream as the ledger's scripts do."""
    pipeline = redis.pipeline(transaction=False)
    for entry in entries:
        pipeline.xadd(
            KEYS.stream_of(entry.lot_id),
            {
                "lot": entry.lot_id,
                "epoch": entry.epoch,
                "seq": entry.first_seq,
                "at": entry.at_ms,
                "ev": entry.packed,
                "chain": entry.chain,
            },
            id=entry.stream_id,
        )
    await pipeline.execute()


def storm(lot: LotWriter, entries: int, bids: int = 2) -> list[StreamEntry]:
    """A lot's opening and then so many entries of so many bids each."""
    return [
        *lot.opening(),
        *(lot.bids(*range(100 + n * bids, 100 + (n + 1) * bids)) for n in range(entries)),
    ]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in a server
            await asyncio.sleep(0.01)


def archived(sql: Sql, bids: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await sql(BIDS) == [(bids,)]

    return look


async def test_catching_up_writes_what_is_in_the_streams_and_returns(
    books: Books, stream: LedgerStream, redis: "Redis", sql: Sql
) -> None:
    worker = Archiver(books, stream)
    assert await worker.catch_up() == 0

    one, other = LotWriter(Stream(), ONE), LotWriter(Stream(), OTHER)
    await publish(redis, [*storm(one, 150), *storm(other, 3)])
    assert await worker.catch_up() == 154 + 7
    assert await sql(BIDS) == [(306,)]
    assert (worker.entries, worker.bids) == (161, 306)

    await publish(redis, [other.sold(200)])
    assert await Archiver(books, stream).catch_up() == 1
    assert await worker.catch_up() == 0


async def test_catching_up_says_why_it_cannot(books: Books, stream: LedgerStream, redis: "Redis") -> None:
    await redis.xadd(KEYS.stream_of(ONE), {"lot": ONE})
    with pytest.raises(EntryDamaged):
        await Archiver(books, stream).catch_up()
    with pytest.raises(BooksAway):
        await Archiver(Books.connect("postgresql://nobody@127.0.0.1:1/none"), stream).catch_up()


async def test_a_running_archiver_follows_the_ledger(at_work: Archiver, redis: "Redis", sql: Sql) -> None:
    one, other = LotWriter(Stream(), ONE), LotWriter(Stream(), OTHER)
    await publish(redis, [*storm(one, 5), *storm(other, 5)])
    await until(archived(sql, 20))
    await publish(redis, [one.bids(9000), other.bids(9000)])
    await until(archived(sql, 22))


async def test_an_archiver_stops_after_the_batch_under_way_and_goes_on_from_there(
    books: Books, stream: LedgerStream, redis: "Redis", sql: Sql
) -> None:
    lot = LotWriter(Stream(), ONE)
    await publish(redis, storm(lot, 2000, bids=1))
    first = Archiver(books, stream)
    running = asyncio.create_task(first.run())

    async def begun() -> bool:
        return first.entries > 0

    await until(begun)
    first.stop()
    await asyncio.wait_for(running, 10)
    assert await sql(BIDS) == [(first.bids,)]

    second = Archiver(books, stream)
    assert await second.catch_up() == 2004 - first.entries
    assert await sql(BIDS) == [(2000,)]


async def test_an_archiver_killed_at_any_moment_leaves_nothing_half_written(
    books: Books, stream: LedgerStream, redis: "Redis", sql: Sql
) -> None:
    await publish(redis, storm(LotWriter(Stream(), ONE), 1500, bids=1))
    for round_ in range(6):
        running = asyncio.create_task(Archiver(books, stream).run())
        await asyncio.sleep(0.01 * round_)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await until(lambda: nobody_writes(sql))
        ((written,),) = await sql("SELECT max(stream_id) FROM ledger_entries")
        ((cursor,),) = await sql("SELECT max(stream_id) FROM archive_cursors")
        assert written == cursor or (written, cursor) == (None, STREAM_START)

    await Archiver(books, stream).catch_up()
    assert await sql(BIDS) == [(1500,)]


class DeafFeed(LedgerStream):
    """A stream whose client loses a cancellation, as `asyncio.wait_for` does on Python 3.11 in a narrow moment."""

    def __init__(self, redis: "Redis", keys: KeySpace) -> None:
        super().__init__(redis, keys)
        self.lost: set[int] = set()

    async def read(self, shard: int, after_id: str, *, block_ms: int | None, count: int) -> list[StreamEntry]:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            if shard in self.lost:
                raise
            self.lost.add(shard)
        return []


async def test_a_cancellation_that_the_client_loses_still_ends_the_archiver(books: Books, redis: "Redis") -> None:
    running = asyncio.create_task(Archiver(books, DeafFeed(redis, KEYS)).run())
    await asyncio.sleep(0.2)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=10)

    assert done
    assert running.cancelled()


async def nobody_writes(sql: Sql) -> bool:
    """True once the server has noticed that connections are gone."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
    return await sql(busy) == [(0,)]


async def test_two_archivers_at_once_write_each_bid_once(
    at_work: Archiver, books: Books, stream: LedgerStream, redis: "Redis", sql: Sql
) -> None:
    lot = LotWriter(Stream(), ONE)
    told = storm(lot, 400)
    second = Archiver(books, stream)
    running = asyncio.create_task(second.run())
    for start in range(0, len(told), 20):
        await publish(redis, told[start : start + 20])
        await asyncio.sleep(0)
    await until(archived(sql, 800))
    second.stop()
    await running

    assert at_work.bids + second.bids == 800
    assert not at_work._blocked
    assert not second._blocked


class FlakyFeed(LedgerStream):
    """The real stream, behind a line that can be cut."""

    cut = False
    tried = 0

    async def read(self, shard: int, after_id: str, *, block_ms: int | None, count: int) -> list[StreamEntry]:
        if self.cut:
            self.tried += 1
            raise LedgerAway
        return await super().read(shard, after_id, block_ms=block_ms, count=count)


async def test_a_ledger_that_is_away_is_waited_for_and_noted_once(books: Books, redis: "Redis", sql: Sql) -> None:
    stream = FlakyFeed(redis, KEYS)
    stream.cut = True
    worker = Archiver(books, stream)
    await publish(redis, storm(LotWriter(Stream(), ONE), 5))

    async def tried_often() -> bool:
        return stream.tried > 8

    with capture_logs() as logs:
        running = asyncio.create_task(worker.run())
        await until(tried_often)
        stream.cut = False
        await until(archived(sql, 10))
        worker.stop()
        await running

    assert [(entry["event"], entry["code"]) for entry in logs] == [
        ("archive_waiting", "ledger-away"),
        ("archive_resumed", "ledger-away"),
    ]


async def test_books_that_are_away_are_waited_for_and_caught_up_with(
    at_work: Archiver, redis: "Redis", sql: Sql, postgres_url: str, books_url: str
) -> None:
    name = make_url(books_url).database
    lot = LotWriter(Stream(), ONE)
    await publish(redis, storm(lot, 5))
    await until(archived(sql, 10))

    context = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    kick = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"

    async def removed() -> bool:
        await context.execute(kick)
        try:
            await context.execute(f"ALTER DATABASE {name} RENAME TO {name}_away")
        except asyncpg.ObjectInUseError:
            return False
        return True

    with capture_logs() as logs:
        await until(removed)
        await publish(redis, [lot.bids(5000 + n) for n in range(5)])

        async def noticed() -> bool:
            return len(logs) > 0

        await until(noticed)
        await asyncio.sleep(0.1)
        await context.execute(f"ALTER DATABASE {name}_away RENAME TO {name}")
        await until(archived(sql, 15))

    await context.close()
    assert [(entry["event"], entry["code"]) for entry in logs] == [
        ("archive_waiting", "books-away"),
        ("archive_resumed", "books-away"),
    ]


async def test_a_damaged_entry_is_set_aside_and_its_shard_goes_on(at_work: Archiver, redis: "Redis", sql: Sql) -> None:
    stream = Stream()
    lot, neighbour = LotWriter(stream, ONE), LotWriter(stream, SAME_SHARD)
    sound = storm(lot, 30)
    nameless_id, damaged_id = stream.next_id(), stream.next_id()
    with capture_logs() as logs:
        await publish(redis, sound)
        await redis.xadd(KEYS.stream_of(ONE), {"nonsense": b"\xff\x00"}, id=nameless_id)
        await redis.xadd(KEYS.stream_of(ONE), {"lot": ONE, "seq": "x"}, id=damaged_id)
        await publish(redis, [*storm(neighbour, 2), lot.bids(9000)])
        await until(archived(sql, 64))

    assert await sql("SELECT stream_id, lot_id FROM entries_set_aside WHERE first_seq = 0 ORDER BY stream_id") == [
        (nameless_id, ""),
        (damaged_id, ONE),
    ]
    assert await sql("SELECT lot_id, cause, archived_seq FROM frozen_lots") == [(ONE, "damaged", 64)]
    ((kept,),) = await sql(
        "SELECT convert_from(packed, 'UTF8') FROM entries_set_aside WHERE stream_id = :i", i=nameless_id
    )
    assert "nonsense" in str(kept)
    assert [entry["event"] for entry in logs] == ["entry_set_aside", "entry_set_aside"]
    # the lot's own next entry waits with it
    assert await sql("SELECT max(last_seq) FROM ledger_entries WHERE lot_id = :lot", lot=ONE) == [(64,)]


async def test_a_row_that_the_books_refuse_freezes_its_lot_behind_what_was_sound(
    at_work: Archiver, redis: "Redis", sql: Sql
) -> None:
    stream = Stream()
    lot, neighbour = LotWriter(stream, ONE), LotWriter(stream, SAME_SHARD)
    await publish(redis, [*storm(lot, 9), lot.write(bid(100)), *storm(neighbour, 2)])
    await until(archived(sql, 22))

    assert await sql("SELECT lot_id, cause, archived_seq FROM frozen_lots") == [(ONE, "damaged", 22)]


async def test_the_ledger_is_told_of_a_frozen_lot_at_once(books: Books, stream: LedgerStream, redis: "Redis") -> None:
    told = asyncio.Event()

    async def stop_frozen() -> None:
        told.set()

    lot = LotWriter(Stream(), ONE)
    entries = storm(lot, 3)
    await publish(redis, entries[:2] + entries[3:])
    worker = Archiver(books, stream, stop_frozen=stop_frozen)
    await worker.catch_up()
    assert told.is_set()


@pytest.mark.parametrize("keep_ms, fewest, most", [(0, 1, 199), (10**12, 504, 504)], ids=["no tail", "a long tail"])
async def test_the_stream_is_trimmed_behind_the_kept_tail(  # noqa: PLR0917 - fixtures and cases
    books: Books, stream: LedgerStream, redis: "Redis", sql: Sql, keep_ms: int, fewest: int, most: int
) -> None:
    await publish(redis, storm(LotWriter(Stream(), ONE), 500))
    worker = Archiver(books, stream, keep_ms=keep_ms)
    running = asyncio.create_task(worker.run())
    await until(archived(sql, 1000))
    worker.stop()
    await running
    # at work it trims now and then; here after the last batch
    worker._trimmed_at_s.clear()
    await worker._trim(KEYS.shard_of(ONE), (await stream.last_ids([KEYS.shard_of(ONE)]))[0])

    assert fewest <= await redis.xlen(KEYS.stream_of(ONE)) <= most


async def test_more_is_trimmed_than_one_call_removes(books: Books, stream: LedgerStream, redis: "Redis") -> None:
    # one call removes a hundred times this, of entries that are alone in their node
    await redis.config_set("stream-node-max-entries", 1)
    try:
        entries = storm(LotWriter(Stream(), ONE), 500)
        await publish(redis, entries)
        shard = KEYS.shard_of(ONE)
        assert await stream.trim(shard, entries[250].stream_id) < 250
        await Archiver(books, stream, keep_ms=0)._trim(shard, entries[-1].stream_id)
        # entries of the same millisecond as the cursor stay
        oldest = StreamPosition.parse(await stream.first_id(shard)).at_ms
        assert oldest == StreamPosition.parse(entries[-1].stream_id).at_ms
    finally:
        await redis.config_set("stream-node-max-entries", 100)


async def test_nothing_at_or_after_the_cursor_is_trimmed(books: Books, stream: LedgerStream, redis: "Redis") -> None:
    entries = storm(LotWriter(Stream(), ONE), 500)
    await publish(redis, entries)
    await Archiver(books, stream, keep_ms=0)._trim(KEYS.shard_of(ONE), entries[250].stream_id)

    left = await stream.read(KEYS.shard_of(ONE), STREAM_START, block_ms=None, count=1000)
    assert 255 > len(entries) - len(left) > 0
    assert left[-255:-1] == entries[-255:-1]
    assert entries[250] in left


def sizes(cut: Iterable[Sequence[StreamEntry]]) -> list[list[int]]:
    return [[len(entry.events) for entry in batch] for batch in cut]


def test_a_transaction_takes_about_a_batch_of_events_and_at_least_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiver, "BATCH_EVENTS", 10)
    lot = LotWriter(Stream())
    entries = [lot.bids(*range(100, 100 + size)) for size in (4, 6, 1, 12, 9, 1, 1)]

    assert sizes(batches(entries)) == [[4, 6], [1], [12], [9, 1], [1]]
    assert list(batches([])) == []


def test_the_next_read_follows_how_much_the_last_one_held() -> None:
    lot = LotWriter(Stream())
    assert next_count([lot.bids(1)]) == archiver.READ_ENTRIES_MAX
    assert next_count([lot.bids(*range(1, 65))] * 3) == 256
    assert next_count([lot.bids(*range(1, 513))]) == 32
