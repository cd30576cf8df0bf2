"""What live gateways read of the ledger: its tail, a lot to fold on, who is admitted, and how many watch."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.domain.bidding import Admission
from auction.domain.deposits import NoDeposit, PurseDeposit
from auction.domain.errors import LedgerAway, LedgerChanged
from auction.domain.events import Opened, Scheduled
from auction.domain.ledger_layout import STREAM_START
from auction.domain.lot import Lot
from auction.domain.terms import Bidding, Increment, MaxJump, SoftClose
from auction.ledger import lot_reader
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.entry import StreamEntry
from auction.ledger.lot_reader import LotReader
from auction.ledger.server_state import STOPPED
from auction.ledger.tail import DamagedEntry, StreamTail
from auction.ledger.terms_codec import pack_terms, unpack_terms
from auction.ledger.watcher_counts import REPORT_AGE_MS_MAX, count_watchers, report_watchers
from tests.ledger.event_sequences import LOT, OTHER_LOT, PURSE, entries, opened, scheduled, taken, terms
from tests.lot_events import apply_all

ELSEWHERE = "elsewhere-001"
AMOUNTS = st.integers(1, 10**13)
MAYBE = st.none() | AMOUNTS

any_terms = st.builds(
    terms,
    bidding=st.sampled_from(Bidding),
    start_price_fen=AMOUNTS,
    increments=st.lists(st.builds(Increment, AMOUNTS, AMOUNTS), min_size=1, max_size=4).map(tuple),
    on_grid=st.booleans(),
    max_jump=st.none() | st.builds(MaxJump, MAYBE, MAYBE, MAYBE).filter(lambda jump: jump != MaxJump()),
    reserve_fen=MAYBE,
    cap_fen=MAYBE,
    review_above_fen=MAYBE,
    soft_close=st.none() | st.builds(SoftClose, AMOUNTS, AMOUNTS, MAYBE),
    deposit=st.sampled_from([NoDeposit(), PurseDeposit(1, 1)]),
)


@given(any_terms)
def test_terms_read_back_from_the_ledger_decide_as_those_that_were_packed(given_terms):
    assert unpack_terms(pack_terms(given_terms)) == given_terms


@given(any_terms, AMOUNTS)
def test_they_ask_for_the_same_minimum(given_terms, price_fen):
    there = Lot(given_terms, price_fen=price_fen)
    assert Lot(unpack_terms(pack_terms(given_terms)), price_fen=price_fen).minimum_fen() == there.minimum_fen()


# -- the tail ---------------------------------------------------------------------------------------------------------


async def started(ledger: BidLedger) -> StreamTail:
    tail = StreamTail(ledger)
    begun = [tail.is_started]
    await tail.start()
    begun.append(tail.is_started)
    assert begun == [False, True]
    return tail


async def test_a_tail_tells_what_comes_after_its_start_on_every_shard(ledger: BidLedger):
    assert ledger.keys.shard_of(LOT) != ledger.keys.shard_of(ELSEWHERE)
    await scheduled(ledger)
    tail = await started(ledger)
    assert await tail.read(block_ms=None, count=10) == []
    await scheduled(ledger, OTHER_LOT)
    await scheduled(ledger, ELSEWHERE)
    assert await tail.has_more()
    found = [entry for entry in await tail.read(block_ms=None, count=10) if isinstance(entry, StreamEntry)]
    assert {entry.lot_id for entry in found} == {OTHER_LOT, ELSEWHERE}
    assert not await tail.has_more()
    assert await tail.read(block_ms=1, count=10) == []


async def test_a_tail_waits_for_the_next_entry(ledger: BidLedger):
    tail = await started(ledger)
    reading = asyncio.create_task(tail.read(block_ms=4000, count=10))
    blocked = 0
    while not blocked:
        blocked = (await ledger.redis.info("clients"))["blocked_clients"]
    await scheduled(ledger)
    (entry,) = await reading
    assert isinstance(entry, StreamEntry)
    assert [type(event) for event in entry.events] == [Scheduled]


async def test_a_tail_goes_on_after_at_most_so_many_entries_a_shard(ledger: BidLedger):
    tail = await started(ledger)
    await opened(ledger)
    seqs = []
    while await tail.has_more():
        (entry,) = await tail.read(block_ms=None, count=1)
        assert isinstance(entry, StreamEntry)
        seqs.append(entry.first_seq)
    assert seqs == [1, 2, 3, 4, 5]


async def test_an_entry_that_no_script_wrote_is_told_and_passed_over(ledger: BidLedger):
    tail = await started(ledger)
    shard = ledger.keys.shard_of(LOT)
    await ledger.redis.xadd(ledger.keys.stream(shard), {"lot": LOT})
    await scheduled(ledger)
    damage, entry = await tail.read(block_ms=None, count=10)
    assert isinstance(damage, DamagedEntry)
    assert damage.shard == shard
    assert "no field epoch" in damage.reason
    assert isinstance(entry, StreamEntry)
    assert await tail.read(block_ms=None, count=10) == []


async def test_a_stream_that_lost_its_end_is_noticed_once_and_followed_on(ledger: BidLedger):
    await scheduled(ledger)
    await scheduled(ledger, ELSEWHERE)
    tail = await started(ledger)
    assert await tail.rewind_lost_shards() == []
    last = (await entries(ledger))[-1]
    await ledger.redis.xdel(ledger.keys.stream_of(LOT), last.stream_id)
    assert await tail.rewind_lost_shards() == [ledger.keys.shard_of(LOT)]
    assert await tail.rewind_lost_shards() == []
    await scheduled(ledger, OTHER_LOT)
    (entry,) = await tail.read(block_ms=None, count=10)
    assert isinstance(entry, StreamEntry)
    assert entry.lot_id == OTHER_LOT


# -- lots -------------------------------------------------------------------------------------------------------------


async def test_a_lot_read_in_the_middle_and_folded_on_is_the_lot_read_later(ledger: BidLedger):
    of = terms(soft_close=SoftClose(5_000_000, 5_000_000), cap_fen=10_000, on_grid=True)
    await opened(ledger, of=of, bidders=("ada", "bo"))
    await taken(ledger, "ada", 100, "key-0001")
    reader = LotReader(ledger)
    middle = await reader.read_lot(LOT)
    assert middle is not None
    await taken(ledger, "bo", 300, "key-0002")
    await ledger.pause(LOT, reason="a pause", by="eve")
    later = await reader.read_lot(LOT)
    assert later is not None
    lot = middle.lot
    for entry in await reader.last_entries(ledger.keys.shard_of(LOT), bytes_max=2**20):
        if entry.first_seq > middle.lot.seq:
            lot = apply_all(lot, entry.events, entry.at_ms)
            chain = entry.chain
    assert (lot.status, lot.epoch, lot.seq, lot.price_fen, lot.leader_id) == (
        later.lot.status, later.lot.epoch, later.lot.seq, later.lot.price_fen, later.lot.leader_id
    )  # fmt: skip
    assert (lot.bids, lot.ends_at_ms, lot.remaining_ms) == (
        later.lot.bids,
        later.lot.ends_at_ms,
        later.lot.remaining_ms,
    )
    assert chain == later.chain
    snapshot = await ledger.read(LOT)
    assert snapshot is not None
    assert lot.minimum_fen() == snapshot.minimum_fen


async def test_a_lot_that_the_ledger_does_not_know_is_none(ledger: BidLedger):
    assert await LotReader(ledger).read_lot(LOT) is None


async def test_a_lot_that_vanishes_while_it_is_read_is_none(ledger: BidLedger):
    await scheduled(ledger)
    reader = LotReader(ledger)
    read = ledger.read

    async def lose_then_read(lot_id: str):
        await ledger.redis.delete(ledger.keys.lot(lot_id))
        return await read(lot_id)

    ledger.read = lose_then_read  # type: ignore[method-assign]
    assert await reader.read_lot(LOT) is None


async def test_a_shards_last_entries_are_read_oldest_first_as_far_as_they_can_be_read(ledger: BidLedger):
    await scheduled(ledger)
    await ledger.redis.xadd(ledger.keys.stream_of(LOT), {"lot": LOT, "epoch": "one"})
    await scheduled(ledger, OTHER_LOT)
    await opened_again(ledger)
    reader = LotReader(ledger)
    shard = ledger.keys.shard_of(LOT)
    found = await reader.last_entries(shard, bytes_max=2**20)
    assert [(entry.lot_id, type(event)) for entry in found for event in entry.events] == [
        (OTHER_LOT, Scheduled),
        (LOT, Opened),
    ]
    assert await reader.entries_since(shard, found[0].stream_id) == found[1:]
    assert [entry.first_seq for entry in await reader.entries_since(shard, STREAM_START)] == [1]
    assert await reader.last_entries(shard, bytes_max=0) == []
    assert await reader.last_entries(ledger.keys.shard_of(ELSEWHERE), bytes_max=2**20) == []


async def test_a_shards_last_entries_are_read_in_pages_up_to_a_number_of_bytes(
    ledger: BidLedger, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(lot_reader, "PAGE_ENTRIES", 2)
    await opened(ledger, bidders=("ada", "bo"))
    for number in range(1, 6):
        await taken(ledger, ("ada", "bo")[number % 2], 100 * number, f"key-{number:04d}")
    reader, shard = LotReader(ledger), ledger.keys.shard_of(LOT)
    every = await reader.last_entries(shard, bytes_max=2**20)
    assert [entry.first_seq for entry in every] == list(range(1, 10))
    assert await reader.last_entries(shard, bytes_max=every[-1].size_bytes + 1) == every[-2:]
    assert await reader.last_entries(shard, bytes_max=sum(entry.size_bytes for entry in every[-2:]) + 1) == every[-4:]
    assert await reader.entries_since(shard, every[-4].stream_id) == every[-3:-1]


async def test_shards_that_the_scripts_refuse_are_named(ledger: BidLedger):
    any_lineage = LotReader(await BidLedger.open(ledger.redis, ledger.keys.shards, lineage=""))
    assert await LotReader(ledger).refused_shards([1, 2, 3, 4]) == set()
    await ledger.redis.set(ledger.keys.lineage(1), STOPPED)
    await ledger.redis.delete(ledger.keys.lineage(2))
    await ledger.redis.set(ledger.keys.lineage(3), "somebody else's")
    assert await LotReader(ledger).refused_shards([1, 2, 3, 4]) == {1, 2, 3}
    assert await any_lineage.refused_shards([1, 2, 3, 4]) == {1, 2}


async def test_a_lot_of_an_emptied_or_stopped_shard_is_not_called_unknown(ledger: BidLedger):
    assert await LotReader(ledger).read_lot(LOT) is None
    await ledger.redis.set(ledger.keys.lineage_of(LOT), STOPPED)
    with pytest.raises(LedgerChanged):
        await LotReader(ledger).read_lot(LOT)
    await ledger.redis.delete(ledger.keys.lineage_of(LOT))
    with pytest.raises(LedgerChanged):
        await LotReader(ledger).read_lot(LOT)


async def opened_again(ledger: BidLedger) -> None:
    await ledger.open_now(LOT, ends_at_ms=await ledger.now_ms() + 60_000, by="eve")


async def test_admissions_are_read_as_they_were_made(ledger: BidLedger):
    await opened(ledger, of=terms(deposit=PURSE), bidders=("ada",), purse_fen=500)
    await ledger.admit(LOT, bidder_id="bo", paddle=7, limit_fen=12_300, purse_fen=500)
    reader = LotReader(ledger)
    assert await reader.read_admission(LOT, "ada") == Admission(1, None)
    assert await reader.read_admission(LOT, "bo") == Admission(7, 12_300)
    assert await reader.read_admission(LOT, "cai") is None


# -- watchers ---------------------------------------------------------------------------------------------------------


async def test_watchers_of_all_gateways_are_added_up_and_each_is_told_of_the_others(ledger: BidLedger):
    now_ms = await ledger.now_ms()
    assert await report_watchers(ledger, "one", {LOT: 3, OTHER_LOT: 1}, now_ms=now_ms) == {LOT: 0, OTHER_LOT: 0}
    assert await report_watchers(ledger, "two", {LOT: 4}, now_ms=now_ms) == {LOT: 3}
    assert await count_watchers(ledger, [LOT, OTHER_LOT, ELSEWHERE]) == {LOT: 7, OTHER_LOT: 1, ELSEWHERE: 0}
    assert await report_watchers(ledger, "one", {LOT: 0}, now_ms=now_ms) == {LOT: 4}
    assert await count_watchers(ledger, [LOT]) == {LOT: 4}


async def test_nothing_to_report_or_count_asks_nothing(ledger: BidLedger):
    assert await report_watchers(ledger, "one", {}, now_ms=0) == {}
    assert await count_watchers(ledger, []) == {}


async def test_a_gateway_that_fell_silent_does_not_count_and_is_cleared_away(ledger: BidLedger):
    redis, keys = ledger.redis, ledger.keys
    now_ms = await ledger.now_ms()
    await report_watchers(ledger, "gone", {LOT: 5}, now_ms=now_ms - REPORT_AGE_MS_MAX - 1000)
    await report_watchers(ledger, "here", {LOT: 2}, now_ms=now_ms)
    assert await count_watchers(ledger, [LOT]) == {LOT: 2}
    assert set(await redis.hgetall(keys.watchers(LOT))) == {b"here"}
    assert 0 < await redis.ttl(keys.watchers(LOT)) <= 60


async def test_a_ledger_that_is_away_is_said_to_be(own_server):
    server = await own_server()
    ledger = await BidLedger.open(server.client(timeout_ms=200), 16)
    tail = await started(ledger)
    server.kill()
    for asking in (
        tail.read(block_ms=None, count=1),
        tail.rewind_lost_shards(),
        LotReader(ledger).last_entries(0, bytes_max=1),
        LotReader(ledger).entries_since(0, STREAM_START),
        LotReader(ledger).refused_shards([0]),
        LotReader(ledger).read_lot(LOT),
        LotReader(ledger).read_admission(LOT, "ada"),
        count_watchers(ledger, [LOT]),
        report_watchers(ledger, "one", {LOT: 1}, now_ms=0),
    ):
        with pytest.raises(LedgerAway):
            await asking
