"""A ledger that comes back older, empty or as somebody else's: nothing is decided on it, and nothing is hidden."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from auction.books import frozen_lots
from auction.books.archive_rows import Fault
from auction.bootstrap import open_context
from auction.domain.bidding import Admission, Bid
from auction.domain.errors import LedgerChanged, RequestRefused
from auction.domain.events import FreezeCause, Restored
from auction.domain.ledger_layout import Mark
from auction.domain.lot import Lot, LotStatus
from auction.domain.terms_reader import read_terms
from auction.ledger.rebuild import LedgerRebuild
from auction.ledger.replies import AcceptedBid
from auction.ledger.server_state import ServerState
from auction.services.recovery.marks import MarkSpool
from auction.workers.clerk import Clerk
from tests.ledger.server_process import OwnServer
from tests.recovery.conftest import TERMS, House, codes, open_house


async def stored_mark(house: House, lot_id: str) -> tuple[int, int]:
    """Wait until the lot's newest answer is marked in the database: its epoch and seq."""
    at = await house.snapshot(lot_id)
    while True:
        async with house.context.books.reading() as tx:
            rows = await tx.rows(
                text("SELECT epoch, seq FROM acknowledged_marks WHERE lot_id = :lot").bindparams(lot=lot_id)
            )
        if [(row["epoch"], row["seq"]) for row in rows] == [(at.epoch, at.seq)]:
            return at.epoch, at.seq


async def frozen(house: House) -> list[tuple[str, str]]:
    """Frozen lots and causes."""
    async with house.context.books.reading() as tx:
        return [(lot.lot_id, str(lot.cause)) for lot in await frozen_lots.list_frozen(tx)]


async def test_a_folder_put_back_takes_no_bid_until_it_is_restored(house: House) -> None:
    lot_id = await house.new_lot()
    await house.accepted(lot_id, 100, 200)
    kept = house.keep_folder()
    assert await house.accepted(lot_id, 300, 400) == [7, 8]
    await house.archive()

    await house.put_back(kept)
    await house.until_checked()
    for call in (
        house.bid(lot_id, 300),
        house.context.ledger.pause(lot_id, reason="", by="olga"),
        house.snapshot(lot_id),
    ):
        with pytest.raises(LedgerChanged):
            await call

    planned = await house.restore(dry_run=True)
    assert [(plan.lot_id, plan.archived_seq, plan.ledger_seq, plan.lost_seqs) for plan in planned.lots] == [
        (lot_id, 8, 6, None)
    ]
    with pytest.raises(LedgerChanged):
        await house.snapshot(lot_id)
    assert (await house.restore()).is_complete

    restored = await house.snapshot(lot_id)
    assert (restored.status, restored.epoch, restored.seq) == (LotStatus.PAUSED, 2, 1_000_000)
    assert (restored.price_fen, restored.leader_id, restored.bids) == (400, "ann", 4)
    assert 0 < restored.remaining_ms <= 3_600_000
    resumed = await house.context.ledger.resume(lot_id, review_above_fen=None, by="olga")
    assert resumed.seq == 1_000_001
    assert await house.accepted(lot_id, 500) == [1_000_002]
    await house.archive()
    assert await house.broken() == []
    assert await frozen(house) == []


async def test_a_retry_after_restoring_gets_the_first_receipt(house: House) -> None:
    lot_id = await house.new_lot()
    (first,) = await house.bid(lot_id, 100)
    await house.archive()
    await house.context.ledger.redis.flushall()
    await house.restore()

    (again,) = await house.bid(lot_id, 100)
    assert isinstance(first, AcceptedBid)
    assert again == AcceptedBid(first.receipt, repeated=True)


async def test_a_maximum_comes_back_with_the_lot_and_goes_on_when_it_is_resumed(house: House) -> None:
    lot_id = await house.new_lot(terms={**TERMS, "auto_bids": True})
    ledger = house.context.ledger
    bids = [Bid("ann", 5_000, "key-of-ann", is_maximum=True), Bid("ann", 7_000, "raised-by-ann", is_maximum=True)]
    first = await ledger.place_bids(lot_id, bids)
    await house.archive()
    await ledger.redis.flushall()
    await house.restore()

    restored = await house.snapshot(lot_id)
    assert (restored.status, restored.price_fen, restored.ceiling_fen) == (LotStatus.PAUSED, 100, 7_000)
    again = await ledger.place_bids(lot_id, bids)
    assert [answer.receipt for answer in again if isinstance(answer, AcceptedBid)] == [
        answer.receipt for answer in first if isinstance(answer, AcceptedBid)
    ]
    await ledger.resume(lot_id, review_above_fen=None, by="olga")
    (answered,) = await ledger.place_bids(lot_id, [Bid("bob", 600, "key-of-bob")])
    assert isinstance(answered, AcceptedBid)
    assert (answered.receipt.leading, (await house.snapshot(lot_id)).price_fen) == (False, 700)
    await house.archive()
    assert await house.broken() == []


async def test_an_emptied_ledger_decides_nothing_and_is_not_begun_anew(house: House) -> None:
    """`lot-unknown` would be a decision."""
    lot_id = await house.new_lot()
    await house.accepted(lot_id, 100)
    await house.archive()
    await house.context.ledger.redis.flushall()

    with pytest.raises(LedgerChanged):
        await house.bid(lot_id, 200)
    # nor by a process that starts now
    async with open_context(house.settings) as other:
        with pytest.raises(LedgerChanged):
            await other.ledger.read(lot_id)
    keys = house.context.ledger.keys
    assert await house.context.ledger.redis.keys("*") == [keys.lineage_of(lot_id).encode()]  # it says `stopped`

    report = await house.restore()
    assert report.is_complete
    assert (await house.snapshot(lot_id)).price_fen == 100
    await house.archive()
    assert await house.broken() == []


async def test_acknowledged_bids_that_were_never_archived_are_listed(house: House) -> None:
    lot_id, other = await house.new_lot(), await house.new_lot("second")
    await house.accepted(lot_id, 100)
    await house.archive()
    kept = house.keep_folder()
    assert await house.accepted(lot_id, 200, 300) == [6, 7]
    assert await stored_mark(house, lot_id) == (1, 7)

    await house.put_back(kept)
    await house.until_checked()
    assert await frozen(house) == [(lot_id, "behind")]
    assert codes(await house.bid(lot_id, 200)) == ["lot-frozen"]
    assert (await house.snapshot(lot_id)).status is LotStatus.FROZEN
    assert len(await house.accepted(other, 100)) == 1  # the other lots go on
    assert await house.context.ledger.close_due(lot_id) is not None
    assert (await house.snapshot(lot_id)).status is LotStatus.FROZEN

    await house.archive()
    report = await house.restore()
    (plan,) = report.lots
    assert (plan.lot_id, plan.archived_seq) == (lot_id, 5)
    assert plan.lost_seqs is not None
    assert plan.lost_seqs[0] == 6
    assert plan.lost_seqs[1] >= 7
    assert isinstance(plan.event, Restored)
    assert plan.event.lost_to_seq == plan.lost_seqs[1]
    await house.archive()
    assert await frozen(house) == []
    assert await house.broken() == []


async def test_a_fork_never_closes_the_lot_in_the_archive(
    own_ledger: OwnServer, books_url: str, tmp_path: Path
) -> None:
    """Somebody who checks nothing goes on with an older ledger: other bids under the same seqs, and beyond them."""
    async with open_house(own_ledger, books_url, tmp_path) as house:
        lot_id = await house.new_lot()
        kept = house.keep_folder()
        await house.accepted(lot_id, 100, 200, 300)
        await house.archive()
    await house.put_back(kept)
    stray = house.unguarded()
    assert await house.accepted(lot_id, 500, 600, 700, 800, 900, ledger=stray) == [5, 6, 7, 8, 9]
    async with open_house(own_ledger, books_url, tmp_path) as house:
        await house.archive()
        assert await frozen(house) == [(lot_id, "forked")]
        assert codes(await house.bid(lot_id, 1000, ledger=stray)) == ["lot-frozen"]
        await house.archive()
        async with house.context.books.reading() as tx:
            assert await frozen_lots.count_set_aside(tx, [lot_id]) == {lot_id: 6}

        await house.restore()
        restored = await house.snapshot(lot_id)
        assert (restored.price_fen, restored.leader_id, restored.seq) == (300, "bob", 1_000_000)
        await house.archive()
        assert await frozen(house) == []
        assert await house.broken() == []


async def test_another_record_up_to_the_same_seq_is_found_by_its_checksum(house: House) -> None:
    lot_id = await house.new_lot()
    await house.archive()
    kept = house.keep_folder()
    assert await house.accepted(lot_id, 100, 200) == [5, 6]
    assert await stored_mark(house, lot_id) == (1, 6)

    await house.put_back(kept)
    assert await house.accepted(lot_id, 500, 600, ledger=house.unguarded()) == [5, 6]
    await house.until_checked()
    assert await frozen(house) == [(lot_id, "forked")]


async def test_a_sound_lot_is_not_restored(house: House) -> None:
    lot_id = await house.new_lot()
    await house.archive()
    report = await house.restore(lot_id)
    assert [plan.problem for plan in report.lots] == ["nothing is wrong with it"]
    assert (await house.restore()).lots == []


async def test_a_restart_with_everything_in_place_goes_on_by_itself(house: House) -> None:
    lot_id = await house.new_lot()
    await house.accepted(lot_id, 100)
    house.server.kill()
    await house.server.start()
    await house.until_checked()
    assert len(await house.accepted(lot_id, 200)) == 1


async def test_purses_come_back_with_what_the_leader_has_committed(house: House) -> None:
    keys = house.context.ledger.keys
    terms = read_terms({**TERMS, "deposit": {"policy": "purse", "multiplier": 10, "amount_fen": 100}})
    lot = Lot(terms, LotStatus.PAUSED, seq=9, price_fen=300, leader_id="ann", leader_paddle=1, ceiling_fen=300, bids=1)
    await LedgerRebuild(house.server.client(), keys).put_lot(
        "launch-007",
        lot,
        chain="",
        event=None,
        known_seq=None,
        admissions={"ann": Admission(1, None, 1_000)},
        receipts={},
        purses={"ann": (1_000, 100), "bob": (500, 50)},
        shares={},
    )
    held: Any = await house.context.ledger.redis.hgetall(keys.purse("launch-007"))
    assert {name: msgspec.msgpack.decode(packed) for name, packed in held.items()} == {
        b"power:launch-007 ann": [1_000, 100],
        b"power:launch-007 bob": [500, 50],
        b"shares:ann": {"launch-007": 30},
    }
    assert (await house.snapshot("launch-007")).price_fen == 300


async def test_a_lot_that_moved_meanwhile_is_not_replaced(house: House) -> None:
    lot_id = await house.new_lot()
    await house.archive()
    rebuild = LedgerRebuild(house.server.client(), house.context.ledger.keys)
    state = await rebuild.state.mark_of(lot_id)
    assert state is not None
    with pytest.raises(RequestRefused, match="changed in the ledger meanwhile"):
        await rebuild.put_lot(
            lot_id,
            Lot(read_terms(TERMS)),
            chain="",
            event=None,
            known_seq=state.seq - 1,
            admissions={},
            receipts={},
            purses={},
            shares={},
        )
    assert await rebuild.state.mark_of(lot_id) == state


async def test_stopped_shards_are_named(house: House) -> None:
    state = ServerState(house.server.client(), house.context.ledger.keys)
    await state.stop_shard(3)
    assert await state.stopped_shards(house.context.ledger.lineage) == (3,)


async def test_a_stopped_shard_keeps_the_clerk_from_no_other(house: House) -> None:
    """Both lots are past their end; one of them stands on a shard that is stopped."""
    stopped_lot, other = await house.new_lot(), await house.new_lot("second")
    keys, redis = house.context.ledger.keys, house.context.ledger.redis
    assert keys.shard_of(stopped_lot) != keys.shard_of(other)
    for lot_id in (stopped_lot, other):
        await redis.hset(keys.lot(lot_id), "ends_at", "5")
        await redis.zadd(keys.due_of(lot_id), {lot_id: 4 if lot_id == stopped_lot else 5})
    await ServerState(redis, keys).stop_shard(keys.shard_of(stopped_lot))
    async with house.context.books.transaction() as tx:
        await frozen_lots.add(tx, {stopped_lot: Fault(FreezeCause.FORKED, "a test", 0)})

    clerk = Clerk(house.context)
    await clerk.meet_deadlines()
    await clerk.reconcile()
    assert (await house.snapshot(other)).status is LotStatus.CLOSED


async def test_a_restoring_that_was_broken_off_passes_over_the_lots_that_it_had_restored(house: House) -> None:
    lot_id, other = await house.new_lot(), await house.new_lot("second")
    await house.archive()
    await house.context.ledger.redis.flushall()
    first = await house.restore(lot_id)
    # what `--lot` leaves stopped is named
    assert first.shards_left == [house.context.ledger.keys.shard_of(lot_id)]
    await house.archive()

    report = await house.restore()
    assert [(plan.lot_id, plan.problem) for plan in report.lots] == [(other, None)]
    assert report.shards_left == []
    assert (await house.snapshot(lot_id)).epoch == 2
    await house.archive()
    assert await house.broken() == []


async def test_what_a_process_had_noted_beside_the_database_counts_as_acknowledged(house: House) -> None:
    lot_id = await house.new_lot()
    await house.archive()
    head = await house.snapshot(lot_id)
    marks = house.settings.data_dir / "marks"
    MarkSpool(marks, house.context.ledger.lineage).keep({lot_id: Mark(head.epoch, head.seq + 7, "")})
    (marks / f"{os.getpid()}.json").rename(marks / "of-another-process.json")
    await house.context.ledger.redis.flushall()

    (plan,) = (await house.restore(dry_run=True)).lots
    assert plan.lost_seqs == (head.seq + 1, head.seq + 7)


async def test_a_stream_that_goes_on_after_another_id_has_no_entry_for_a_moment(house: House) -> None:
    """What marks the id is of no lot: left there by a lost connection, every check would name it as damage."""
    redis, keys = house.context.ledger.redis, house.context.ledger.keys
    rebuild = LedgerRebuild(redis, keys)

    async def transactions() -> int:
        return int((await redis.info("commandstats")).get("cmdstat_exec", {"calls": 0})["calls"])

    before = await transactions()
    for _ in range(2):
        await rebuild.continue_stream(5, "77-3")
        assert (await rebuild.state.last_id(5), await redis.xlen(keys.stream(5))) == ("77-3", 0)
    assert await transactions() == before + 1
