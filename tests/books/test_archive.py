import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from auction.books import archive, archive_queries, bidders
from auction.books.archive_queries import LotResult
from auction.books.chain import GENESIS, head_after
from auction.books.registration_batches import add_registrations
from auction.books.unit_of_work import Books, StatementRejected
from auction.domain.errors import BooksAway
from auction.domain.events import (
    Admitted,
    BidPlaced,
    BidVoided,
    Closed,
    Event,
    Extended,
    Frozen,
    Held,
    LotVoided,
    Opened,
    Paused,
    Restored,
    Resumed,
    Scheduled,
)
from auction.domain.ledger_layout import STREAM_START
from auction.ledger.entry import StreamEntry, decode_events
from tests.books.conftest import Sql, registration_of
from tests.books.event_sequences import END_MS, START_MS, LotWriter, Stream, bid

EVERYTHING = (
    "SELECT 'entry', lot_id, first_seq, encode(head, 'hex'), stream_id FROM ledger_entries",
    "SELECT 'bid', lot_id, seq, key, voided_by_seq FROM bids",
    "SELECT 'result', lot_id, closed_seq, outcome, winner_id FROM lot_results",
    "SELECT 'lot', lot_id, number, status, terms_sha256 FROM lots",
    "SELECT 'registration', lot_id, paddle, bidder_id, admitted_at_ms FROM registrations",
    "SELECT 'cursor', '', shard, stream_id, '' FROM archive_cursors",
)


async def append(books: Books, entries: Sequence[StreamEntry], shard: int = 3) -> archive.Appended:
    async with books.transaction() as tx:
        return await archive.append(tx, shard, entries)


async def contents(sql: Sql) -> list[tuple[object, ...]]:
    """Every row that the archive writes or marks."""
    return [row for table in EVERYTHING for row in sorted(await sql(table), key=repr)]


async def bids_of(books: Books, lot_id: str = "launch-001") -> list[archive_queries.ArchivedBid]:
    async with books.reading() as tx:
        return await archive_queries.bids_after(tx, lot_id)


async def result_of(books: Books, lot_id: str = "launch-001") -> LotResult | None:
    async with books.reading() as tx:
        return await archive_queries.result_of(tx, lot_id)


def whole_story(stream: Stream, lot_id: str = "launch-001") -> list[StreamEntry]:
    """A lot from its schedule to its close: bids, a voided one, a new epoch."""
    lot = LotWriter(stream, lot_id)
    return [
        *lot.opening(),
        lot.bids(100, 200, 300),
        lot.write(bid(400, 1), Held(1000)),
        lot.write(BidVoided(8, 300, "ann", 1, 300, "typed wrong", "olga"), new_epoch=True),
        lot.write(Resumed(END_MS, 0, 0, "olga")),
        lot.bids(500),
        lot.sold(500),
    ]


async def test_bids_are_written_down_as_they_were_taken(books: Books) -> None:
    lot = LotWriter(Stream())
    entries = [*lot.opening(), lot.bids(100, 250)]
    appended = await append(books, entries)

    first, second = await bids_of(books)
    assert appended == archive.Appended(entries[-1].stream_id, entries=5, bids=2)
    assert first == archive_queries.ArchivedBid(
        "launch-001", 5, 1, "ann", 1, 100, 100, True, "key-00000100", START_MS + 5, END_MS, None
    )
    assert (second.seq, second.bidder_id, second.paddle, second.amount_fen) == (6, "bob", 2, 250)


async def test_a_proxy_bid_keeps_its_maximum_apart_from_the_price_it_made(books: Books) -> None:
    lot = LotWriter(Stream())
    proxy = BidPlaced("bob", 2, 10**13, "key-proxy", 500, 0, END_MS)
    await append(books, [*lot.opening(), lot.write(proxy)])

    (only,) = await bids_of(books)
    assert (only.amount_fen, only.price_fen, only.leading) == (10**13, 500, False)


async def test_entries_are_kept_word_for_word_under_a_chain_over_every_event(books: Books) -> None:
    entries = whole_story(Stream())
    await append(books, entries[:5])
    await append(books, entries[5:])

    async with books.reading() as tx:
        kept = [entry async for entry in archive_queries.entries_of(tx, "launch-001")]
        heads = await archive.heads_of(tx, ["launch-001", "ghost-001"])
        secret = await archive_queries.chain_secret_of(tx, "launch-001")
    assert secret is not None
    assert heads["launch-001"].secret == secret
    head = GENESIS
    for entry, was in zip(kept, entries, strict=True):
        head = head_after(head, secret, was.lot_id, was.epoch, was.first_seq, was.at_ms, was.events)
        assert (entry.first_seq, entry.last_seq, entry.epoch) == (was.first_seq, was.last_seq, was.epoch)
        assert (entry.at_ms, entry.chain, entry.stream_id) == (was.at_ms, was.chain, was.stream_id)
        assert (decode_events(entry.packed), entry.head, entry.shard) == (was.events, head, 3)
    assert set(heads) == {"launch-001"}
    assert (heads["launch-001"].last_seq, heads["launch-001"].epoch) == (entries[-1].last_seq, 2)


async def test_a_batch_written_any_number_of_times_changes_nothing(books: Books, launch: str, sql: Sql) -> None:
    stream = Stream()
    entries = [*whole_story(stream), *whole_story(stream, "launch-002")]
    await append(books, entries)
    once = await contents(sql)

    for again in (entries, entries[:3], entries[4:6], entries[-1:], []):
        assert await append(books, again) == archive.Appended(entries[-1].stream_id, 0, 0)

    assert await contents(sql) == once


async def test_of_a_batch_read_from_a_stale_cursor_only_the_new_part_is_written(books: Books, sql: Sql) -> None:
    entries = whole_story(Stream())
    await append(books, entries[:5])
    appended = await append(books, entries)

    assert (appended.entries, appended.bids) == (len(entries) - 5, 2)
    assert await sql("SELECT count(*) FROM ledger_entries") == [(len(entries),)]


async def test_entries_that_come_back_under_new_stream_ids_are_left_out(books: Books, sql: Sql) -> None:
    await append(books, whole_story(Stream()))
    before = await sql(EVERYTHING[0])
    later = Stream()
    for _ in range(50):
        later.next_id()
    retold = whole_story(later)
    appended = await append(books, retold)

    assert (appended.entries, appended.bids, appended.cursor) == (0, 0, retold[-1].stream_id)
    assert await sql(EVERYTHING[0]) == before


async def test_a_crash_between_rows_and_cursor_leaves_neither(
    books: Books, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would be red if the rows or the cursor were committed apart from the other."""
    entries = whole_story(Stream())
    empty = await contents(sql)
    write = archive._write

    async def write_and_crash(*args: object) -> None:
        await write(*args)  # type: ignore[arg-type]
        raise MemoryError

    monkeypatch.setattr(archive, "_write", write_and_crash)
    with pytest.raises(MemoryError):
        await append(books, entries)
    assert await sql("SELECT count(*) FROM bids") == [(0,)]
    assert await contents(sql) == empty

    monkeypatch.setattr(archive, "_write", write)
    appended = await append(books, entries)
    assert (appended.entries, appended.bids) == (len(entries), 5)


async def test_a_crash_before_the_commit_leaves_rows_and_cursor_as_they_were(books: Books, sql: Sql) -> None:
    entries = whole_story(Stream())
    await append(books, entries[:5])
    before = await contents(sql)

    async def append_and_die() -> None:
        async with books.transaction() as tx:
            pid = await tx.session.scalar(text("SELECT pg_backend_pid()"))
            await archive.append(tx, 3, entries[5:])
            await sql("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)

    with pytest.raises(BooksAway):
        await append_and_die()

    assert await contents(sql) == before
    assert (await append(books, entries)).entries == len(entries) - 5


async def test_two_archivers_of_one_shard_write_each_entry_once(books: Books, sql: Sql) -> None:
    stream = Stream()
    stories = [LotWriter(stream, f"launch-{n:03d}") for n in range(1, 6)]
    entries = [entry for lot in stories for entry in lot.opening()]
    for price in range(100, 3100, 100):
        entries += [lot.bids(price, price + 50) for lot in stories]

    async def archive_all(step: int) -> int:
        return sum([(await append(books, entries[i : i + step])).bids for i in range(0, len(entries), step)])

    written = await asyncio.gather(archive_all(7), archive_all(11))

    assert sum(written) == 300
    assert await sql("SELECT count(*), count(DISTINCT (lot_id, seq)) FROM bids") == [(300, 300)]
    assert await sql("SELECT stream_id FROM archive_cursors") == [(entries[-1].stream_id,)]


async def test_shards_have_cursors_of_their_own(books: Books) -> None:
    one, other = whole_story(Stream()), whole_story(Stream(), "other-001")
    await append(books, one, shard=3)
    await append(books, other[:2], shard=5)

    async with books.reading() as tx:
        assert await archive.cursors(tx) == {3: one[-1].stream_id, 5: other[1].stream_id}
        assert await archive.cursor(tx, 5) == other[1].stream_id
        assert await archive.cursor(tx, 4) == STREAM_START


async def test_cursors_compare_as_numbers(books: Books) -> None:
    lot = LotWriter(Stream())
    entries = list(lot.opening())
    early = [StreamEntry(f"9-{n}", *astuple(entry)) for n, entry in zip((9, 10), entries, strict=False)]
    late = [StreamEntry("10-0", *astuple(entries[2]))]

    assert (await append(books, early)).cursor == "9-10"
    assert (await append(books, [*early, *late])).cursor == "10-0"


def astuple(entry: StreamEntry) -> tuple[str, int, int, int, tuple[Event, ...], bytes, str]:
    """All of an entry but its stream id."""
    return entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.events, entry.packed, entry.chain


async def test_one_entry_holds_512_bids(books: Books) -> None:
    lot = LotWriter(Stream())
    appended = await append(books, [*lot.opening(), lot.bids(*range(100, 100 + 512))])

    assert (appended.entries, appended.bids) == (5, 512)
    async with books.reading() as tx:
        page = await archive_queries.bids_after(tx, "launch-001", after_seq=4, limit=1000)
    assert [b.seq for b in page] == list(range(5, 517))


async def test_thousands_of_small_entries_over_many_lots_are_one_batch(books: Books, sql: Sql) -> None:
    stream = Stream()
    stories = [LotWriter(stream, f"launch-{n:03d}") for n in range(1, 301)]
    entries = [entry for lot in stories for entry in lot.opening()]
    entries += [lot.bids(price) for price in range(100, 900, 100) for lot in stories]
    entries += [lot.sold(800, "bob", 2) for lot in stories]
    appended = await append(books, entries)

    assert (appended.entries, appended.bids) == (300 * 13, 300 * 8)
    assert await sql("SELECT count(*), min(closed_seq), max(closed_seq) FROM lot_results") == [(300, 13, 13)]


async def frozen(sql: Sql) -> list[tuple[object, ...]]:
    """Lot, cause and archived seq of the frozen lots."""
    return await sql("SELECT lot_id, cause, archived_seq FROM frozen_lots ORDER BY lot_id")


async def set_aside(sql: Sql) -> list[object]:
    """The stream ids of the entries that were set aside."""
    return [row[0] for row in await sql("SELECT stream_id FROM entries_set_aside ORDER BY stream_id")]


@pytest.mark.parametrize("missing", [0, 2, 5])
async def test_a_hole_freezes_the_lot_and_what_follows_is_set_aside(books: Books, sql: Sql, missing: int) -> None:
    stream = Stream()
    entries = whole_story(stream)
    del entries[missing]
    await append(books, [*entries, *whole_story(stream, "other-001")])

    archived_seq = entries[missing - 1].last_seq if missing else 0
    assert await frozen(sql) == [("launch-001", "incomplete", archived_seq)]
    assert await set_aside(sql) == [entry.stream_id for entry in entries[missing:]]
    assert await sql("SELECT count(*) FROM ledger_entries WHERE lot_id = 'other-001'") == [(len(entries) + 1,)]
    assert await sql("SELECT lot_id FROM lot_results") == [("other-001",)]


async def test_a_hole_against_what_was_written_before_is_seen(books: Books, sql: Sql) -> None:
    entries = whole_story(Stream())
    await append(books, entries[:4])
    appended = await append(books, entries[5:])

    assert appended.frozen["launch-001"].detail.endswith("begins at seq 8, the archive ends at 4")
    assert await frozen(sql) == [("launch-001", "incomplete", 4)]
    assert appended.cursor == entries[-1].stream_id


async def test_a_fork_freezes_the_lot_and_both_records_are_kept(books: Books, launch: str, sql: Sql) -> None:
    """The ledger was put back to seq 4 and took other bids: nothing of them reaches the archive, nor does its close."""
    stream = Stream()
    lot, other = LotWriter(stream), LotWriter(stream)
    archived = [*lot.opening(), lot.bids(100, 200, 900)]
    list(other.opening())
    forked = [other.bids(100, 300), other.bids(9000), other.sold(9000, "bob", 2)]
    await append(books, archived)
    appended = await append(books, forked)

    assert (appended.entries, appended.bids, appended.cursor) == (0, 0, forked[-1].stream_id)
    assert await frozen(sql) == [("launch-001", "forked", 7)]
    assert await set_aside(sql) == [entry.stream_id for entry in forked]
    assert [b.amount_fen for b in await bids_of(books)] == [100, 200, 900]
    assert await result_of(books) is None
    assert await sql("SELECT status FROM lots WHERE lot_id = 'launch-001'") == [("frozen",)]


async def test_a_fork_that_gets_as_far_as_the_archive_is_no_repetition(books: Books, sql: Sql) -> None:
    """The same seqs with other bids: only the checksum tells."""
    stream = Stream()
    lot, other = LotWriter(stream), LotWriter(stream)
    await append(books, [*lot.opening(), lot.bids(100, 200), lot.bids(300)])
    list(other.opening())
    forked = [other.bids(150, 250), other.bids(300)]
    await append(books, forked)

    assert await frozen(sql) == [("launch-001", "forked", 7)]
    assert await set_aside(sql) == [entry.stream_id for entry in forked]


async def test_a_fork_beyond_the_archive_is_seen_by_its_checksum(books: Books, sql: Sql) -> None:
    stream = Stream()
    lot, other = LotWriter(stream), LotWriter(stream)
    await append(books, [*lot.opening(), lot.bids(100)])
    list(other.opening())
    other.bids(200)
    await append(books, [other.bids(300)])

    assert await frozen(sql) == [("launch-001", "forked", 5)]


async def test_an_older_epoch_after_a_newer_one_is_seen(books: Books, sql: Sql) -> None:
    entries = whole_story(Stream())
    await append(books, entries[:7])
    older = entries[7]
    await append(
        books, [StreamEntry(older.stream_id, older.lot_id, 1, older.first_seq, 0, older.events, older.packed, "")]
    )
    assert await frozen(sql) == [("launch-001", "forked", 10)]


async def test_a_restored_event_that_continues_the_archive_ends_the_freeze(books: Books, launch: str, sql: Sql) -> None:
    stream = Stream()
    lot, other = LotWriter(stream), LotWriter(stream)
    archived = [*lot.opening(), lot.bids(100)]
    list(other.opening())
    await append(books, [*archived, other.bids(200)])

    lot.seq, lot.epoch = 999_999, 2
    restored = lot.write(Restored(2, 1_000_000, 5, 6, "paused", 1000, "a folder put back", "olga"))
    await append(books, [restored, lot.write(Resumed(END_MS, 0, 0, "olga")), lot.bids(400)])

    assert await sql("SELECT lot_id, restored_at_ms FROM frozen_lots") == [("launch-001", restored.at_ms)]
    assert [(b.seq, b.amount_fen) for b in await bids_of(books)] == [(5, 100), (1_000_002, 400)]
    assert await sql("SELECT status FROM lots WHERE lot_id = 'launch-001'") == [("open",)]


async def test_a_lot_that_the_ledger_stopped_itself_is_frozen_here_too(books: Books, launch: str, sql: Sql) -> None:
    lot = LotWriter(Stream())
    await append(books, [*lot.opening(), lot.write(Frozen(1000, "behind"))])

    assert await frozen(sql) == [("launch-001", "behind", 5)]
    assert await sql("SELECT status FROM lots WHERE lot_id = 'launch-001'") == [("frozen",)]


async def test_entries_out_of_order_are_a_mistake_of_the_caller(books: Books) -> None:
    entries = whole_story(Stream())
    with pytest.raises(ValueError, match="out of order"):
        await append(books, entries[::-1])


async def test_a_key_used_twice_by_one_bidder_on_one_lot_is_never_written(books: Books, sql: Sql) -> None:
    lot = LotWriter(Stream())
    with pytest.raises(StatementRejected, match="uq_bids_lot_id_bidder_id_key"):
        await append(books, [*lot.opening(), lot.write(bid(100), bid(200, 1), bid(100))])

    assert await sql("SELECT count(*) FROM bids") == [(0,)]


@pytest.mark.parametrize("split", [5, 6, 7], ids=["before the bid", "between bid and voiding", "in one batch"])
async def test_a_voided_bid_is_marked_with_the_event_that_voided_it(books: Books, split: int) -> None:
    entries = whole_story(Stream())
    await append(books, entries[:split])
    await append(books, entries[split:])

    assert {b.seq: b.voided_by_seq for b in await bids_of(books)} == {5: None, 6: None, 7: None, 8: 10, 12: None}


async def test_only_the_bid_of_the_lot_that_was_named_is_voided(books: Books) -> None:
    stream = Stream()
    entries = [*whole_story(stream, "other-001")[:6], *whole_story(stream)]
    await append(books, entries)

    assert [b.voided_by_seq for b in await bids_of(books, "other-001")] == [None] * 4


async def test_a_lots_status_in_the_books_follows_its_events(books: Books, launch: str, sql: Sql) -> None:
    lot = LotWriter(Stream())
    told: list[tuple[Event, str]] = [
        (Scheduled("a" * 64, START_MS, END_MS, 0), "scheduled"),
        (Admitted("ann", 1, -1, -1), "scheduled"),
        (Opened(END_MS, 0, "clerk"), "open"),
        (bid(100), "open"),
        (Held(5), "held"),
        (Resumed(END_MS, 0, 0, "olga"), "open"),
        (Paused(5, "why", "olga"), "paused"),
        (BidVoided(4, 0, "", 0, 0, "why", "olga"), "paused"),
        (Resumed(END_MS, 0, 0, "olga"), "open"),
        (Extended(END_MS, 0, "why", "olga"), "open"),
        (Closed("no-bids", 0, "", 0, "time", "", ""), "closed"),
    ]
    for event, status in told:
        await append(books, [lot.write(event)])
        assert await sql("SELECT status FROM lots") == [(status,)]


async def test_the_last_status_of_a_batch_counts(books: Books, launch: str, sql: Sql) -> None:
    lot = LotWriter(Stream())
    await append(books, [*lot.opening(), lot.write(LotVoided("rain", "olga"))])

    assert await sql("SELECT status FROM lots") == [("void",)]


@pytest.mark.parametrize(
    "ending, expected",
    [
        (Closed("sold", 500, "bob", 2, "cap", "", ""), ("sold", 500, "bob", 2, 5, START_MS + 5, "cap")),
        (Closed("no-bids", 0, "", 0, "time", "", ""), ("no-bids", None, None, None, 5, START_MS + 5, "time")),
        (
            Closed("reserve-unmet", 400, "bob", 2, "staff", "late", "olga"),
            ("reserve-unmet", 400, None, None, 5, START_MS + 5, "staff"),
        ),
        (LotVoided("rain", "olga"), ("void", None, None, None, 5, START_MS + 5, "staff")),
    ],
    ids=["sold", "no bids", "reserve unmet", "void"],
)
async def test_a_lots_result_is_that_of_its_last_event(
    books: Books, ending: Event, expected: tuple[object, ...]
) -> None:
    lot = LotWriter(Stream())
    await append(books, lot.opening_and(ending))

    assert await result_of(books) == LotResult("launch-001", *expected)  # type: ignore[arg-type]


async def test_a_lot_that_is_not_over_has_no_result(books: Books) -> None:
    stream = Stream()
    await append(books, [*whole_story(stream), *whole_story(stream, "other-001")[:-1]])

    assert await result_of(books, "other-001") is None
    async with books.reading() as tx:
        assert list(await archive_queries.results_of(tx, ["launch-001", "other-001", "ghost-001"])) == ["launch-001"]
        assert await archive_queries.archived_lots(tx) == ["launch-001", "other-001"]


async def test_a_registration_notes_when_the_ledger_first_admitted_its_bidder(
    books: Books, launch: str, sql: Sql
) -> None:
    async with books.transaction() as tx:
        for paddle, bidder in ((1, "ann"), (2, "bob"), (3, "cho")):
            await bidders.ensure_bidder(tx, bidder_id=bidder, name=bidder)
            await add_registrations(tx, [registration_of(launch, bidder, paddle)])
    lot = LotWriter(Stream())
    await append(books, [*lot.opening(), lot.write(Admitted("bob", 2, 9, -1))])
    await append(books, [lot.write(Admitted("ann", 1, 9, -1))])

    assert await sql("SELECT bidder_id, admitted_at_ms FROM registrations ORDER BY 1") == [
        ("ann", START_MS + 2),
        ("bob", START_MS + 3),
        ("cho", None),
    ]


async def test_what_the_books_do_not_know_is_written_down_all_the_same(books: Books, sql: Sql) -> None:
    await append(books, whole_story(Stream(), "ghost-001"))

    assert [b.seq for b in await bids_of(books, "ghost-001")] == [5, 6, 7, 8, 12]
    assert await sql("SELECT count(*) FROM lots") == [(0,)]


async def test_bids_are_read_by_page(books: Books) -> None:
    await append(books, whole_story(Stream()))
    async with books.reading() as tx:
        pages = [
            [b.seq for b in await archive_queries.bids_after(tx, "launch-001", after_seq=after, limit=2)]
            for after in (0, 6, 8, 12)
        ]

    assert pages == [[5, 6], [7, 8], [12], []]


async def test_entries_are_read_across_pages(books: Books) -> None:
    lot = LotWriter(Stream())
    entries = [*lot.opening(), *(lot.bids(price) for price in range(100, 2400))]
    await append(books, entries)
    async with books.reading() as tx:
        kept = [entry.first_seq async for entry in archive_queries.entries_of(tx, "launch-001")]

    assert kept == [entry.first_seq for entry in entries]


async def test_a_lot_that_was_begun_under_full_lines_finishes_under_them(books: Books, sql: Sql) -> None:
    """A database of before: its entries are there, and no row says what their chains run over."""
    entries = whole_story(Stream())
    head = GENESIS
    await append(books, entries[:3])
    for entry in entries[:3]:
        head = head_after(head, None, entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.events)
        await sql("UPDATE ledger_entries SET head = :head WHERE first_seq = :seq", head=head, seq=entry.first_seq)
    await sql("DELETE FROM lot_chains")

    await append(books, entries)

    for entry in entries[3:]:
        head = head_after(head, None, entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.events)
    async with books.reading() as tx:
        assert (await archive.heads_of(tx, ["launch-001"]))["launch-001"].sha256 == head
        assert await archive_queries.chain_secret_of(tx, "launch-001") is None


async def test_each_lot_has_a_secret_of_its_own(books: Books) -> None:
    stream = Stream()
    await append(books, [*whole_story(stream), *whole_story(stream, "launch-002")])
    async with books.reading() as tx:
        secrets = {await archive_queries.chain_secret_of(tx, f"launch-00{number}") for number in (1, 2)}
    assert len(secrets) == 2
    assert None not in secrets
