from dataclasses import replace
from typing import Any

import msgspec
import pytest

from auction.domain.bidding import Bid, Refused
from auction.domain.deposits import Power
from auction.domain.errors import LedgerAway, RefusalCode
from auction.domain.events import BidPlaced, Closed
from auction.domain.terms import Bidding, Increment, MaxJump, SoftClose
from auction.ledger.bid_ledger import BATCH_BIDS_MAX, BidLedger
from auction.ledger.connection import ledger_errors
from auction.ledger.replies import AcceptedBid
from tests.ledger.event_sequences import (
    LOT,
    OTHER_LOT,
    PURSE,
    bid,
    contents,
    entries,
    kinds,
    opened,
    refused,
    taken,
    terms,
)

HIGHEST = 10**13


async def test_a_bid_on_no_lot_is_refused(ledger: BidLedger) -> None:
    first, second = await ledger.place_bids(LOT, [Bid("ada", 100, "key-0001"), Bid("bo", 100, "key-0002")])
    assert refused(first).code is RefusalCode.LOT_UNKNOWN
    assert refused(second).at_seq == 0
    assert refused(second).now_ms > 0


async def test_a_retry_gets_the_first_receipt_however_much_happened_since(ledger: BidLedger) -> None:
    await opened(ledger)
    first = await taken(ledger, "ada", 100, "key-0001")
    await taken(ledger, "bo", 200, "key-0002")
    await taken(ledger, "ada", 300, "key-0003")
    await ledger.close_now(LOT, reason="", by="eve")
    before = await contents(ledger)
    assert await bid(ledger, "ada", 100, "key-0001") == AcceptedBid(first, repeated=True)
    assert refused(await bid(ledger, "ada", 101, "key-0001")).code is RefusalCode.KEY_REUSED
    assert await contents(ledger) == before


async def test_a_key_belongs_to_its_bidder_and_its_lot(ledger: BidLedger) -> None:
    await opened(ledger)
    await opened(ledger, OTHER_LOT)
    await taken(ledger, "ada", 100, "key-0001")
    await taken(ledger, "bo", 200, "key-0001")
    await taken(ledger, "ada", 300, "key-0001", lot_id=OTHER_LOT)


async def test_a_batch_is_one_entry_and_its_bids_see_one_another(ledger: BidLedger) -> None:
    await opened(ledger)
    first, again, low, second, reused = await ledger.place_bids(
        LOT,
        [
            Bid("ada", 100, "key-0001"),
            Bid("ada", 100, "key-0001"),
            Bid("bo", 199, "key-0002"),
            Bid("bo", 200, "key-0002"),
            Bid("bo", 300, "key-0002"),
        ],
    )
    assert isinstance(first, AcceptedBid)
    assert again == replace(first, repeated=True)
    assert refused(low).facts == {"minimum_fen": 200}
    assert refused(low).at_seq == first.receipt.seq
    assert isinstance(second, AcceptedBid)
    assert second.receipt.seq == first.receipt.seq + 1
    assert refused(reused).code is RefusalCode.KEY_REUSED
    last = (await entries(ledger))[-1]
    assert [(event.key, event.price_fen) for event in last.events if isinstance(event, BidPlaced)] == [
        ("key-0001", 100),
        ("key-0002", 200),
    ]


async def test_what_a_bidder_leads_with_moves_with_the_lead_inside_a_batch(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(deposit=PURSE), purse_fen=500)
    await opened(ledger, OTHER_LOT, of=terms(deposit=PURSE), purse_fen=500)
    await taken(ledger, "ada", 300, "key-0001")
    # outbid on one lot, the power is free for the other: in the same batch, and in the next call
    answers = await ledger.place_bids(LOT, [Bid("bo", 400, "key-0002"), Bid("ada", 500, "key-0003")])
    assert all(isinstance(answer, AcceptedBid) for answer in answers)
    exceeded = refused(await bid(ledger, "ada", 100, "key-0004", lot_id=OTHER_LOT))
    assert (exceeded.code, exceeded.facts) == (RefusalCode.OVER_PURSE, {"available_fen": 0})
    await taken(ledger, "bo", 500, "key-0005", lot_id=OTHER_LOT)
    await ledger.close_now(LOT, reason="", by="eve")
    await ledger.close_now(OTHER_LOT, reason="", by="eve")
    # what is won stays secured, until the award has ended
    assert await shares(ledger) == {"ada": {LOT: 500}, "bo": {OTHER_LOT: 500}}
    await ledger.set_share(LOT, bidder_id="ada", share_fen=0)
    await ledger.set_share(OTHER_LOT, bidder_id="bo", share_fen=7)
    assert await shares(ledger) == {"bo": {OTHER_LOT: 7}}


async def shares(ledger: BidLedger) -> dict[str, Any]:
    """Bidder -> lot -> what it takes of their purse."""
    purse: Any = await ledger.redis.hgetall(ledger.keys.purse(LOT))
    return {
        name.decode().removeprefix("shares:"): msgspec.msgpack.decode(packed)
        for name, packed in purse.items()
        if name.startswith(b"shares:")
    }


async def test_a_purse_secures_every_lot_that_it_admits(ledger: BidLedger) -> None:
    """Held 100 at 3x: two lots led at 100 take 34 and 34, and a third would make 102."""
    third = "launch-003"
    for lot_id in (LOT, OTHER_LOT, third):
        await opened(ledger, lot_id, terms(deposit=PURSE), bidders=())
        await ledger.admit(lot_id, bidder_id="ada", paddle=1, limit_fen=None, purse_fen=300, held_fen=100)
    await taken(ledger, "ada", 100, "key-0001")
    await taken(ledger, "ada", 100, "key-0002", lot_id=OTHER_LOT)
    assert await shares(ledger) == {"ada": {LOT: 34, OTHER_LOT: 34}}
    exceeded = refused(await bid(ledger, "ada", 100, "key-0003", lot_id=third))
    assert (exceeded.code, exceeded.facts) == (RefusalCode.OVER_PURSE, {"available_fen": 96})
    await ledger.close_now(LOT, reason="", by="eve")
    exceeded = refused(await bid(ledger, "ada", 100, "key-0004", lot_id=third))
    assert exceeded.facts == {"available_fen": 96}
    await ledger.set_share(LOT, bidder_id="ada", share_fen=0)
    await taken(ledger, "ada", 100, "key-0005", lot_id=third)


async def test_a_larger_purse_restates_the_share_of_the_lot_that_is_led(ledger: BidLedger) -> None:
    await opened(ledger, LOT, terms(deposit=PURSE), bidders=())
    await ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=None, purse_fen=300, held_fen=100)
    await taken(ledger, "ada", 100, "key-0001")
    await ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=None, purse_fen=400, held_fen=200)
    assert await shares(ledger) == {"ada": {LOT: 50}}


async def test_a_sale_from_before_lots_had_shares_goes_on(ledger: BidLedger) -> None:
    """There one purse served all lots, and `exposure` was the sum of the prices that its bidder led at."""
    keys, redis = ledger.keys, ledger.redis
    for lot_id in (LOT, OTHER_LOT):
        await opened(ledger, lot_id, terms(deposit=PURSE), purse_fen=500)
    await taken(ledger, "ada", 300, "key-0001")
    await redis.delete(keys.purse(LOT))
    await redis.hset(keys.purse(LOT), mapping={"purse:ada": 500, "purse:bo": 500, "exposure:ada": 300})
    power = await ledger.power(LOT, "ada")
    assert power is not None
    assert (power.purse_fen, power.held_fen) == (500, 500)
    assert refused(await bid(ledger, "ada", 300, "key-0002", lot_id=OTHER_LOT)).facts == {"available_fen": 200}
    # what is held comes to be known: the lots that are led take their part of it
    await ledger.admit(OTHER_LOT, bidder_id="ada", paddle=1, limit_fen=None, purse_fen=500, held_fen=50)
    await taken(ledger, "ada", 200, "key-0003", lot_id=OTHER_LOT)
    assert await shares(ledger) == {"ada": {OTHER_LOT: 20}}
    await taken(ledger, "bo", 400, "key-0004")
    assert await redis.hget(keys.purse(LOT), "exposure:ada") == b"0"
    assert await shares(ledger) == {"ada": {OTHER_LOT: 20}, "bo": {LOT: 400}}
    await ledger.close_now(LOT, reason="", by="eve")
    assert await shares(ledger) == {"ada": {OTHER_LOT: 20}, "bo": {LOT: 400}}


async def test_what_is_led_from_before_takes_its_share_once_it_is_won(ledger: BidLedger) -> None:
    await opened(ledger, LOT, terms(deposit=PURSE), purse_fen=500)
    await taken(ledger, "ada", 300, "key-0001")
    await ledger.redis.delete(ledger.keys.purse(LOT))
    await ledger.redis.hset(ledger.keys.purse(LOT), mapping={"purse:ada": 500, "exposure:ada": 300})
    await ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=None, purse_fen=500, held_fen=50)
    assert await shares(ledger) == {"ada": {LOT: 30}}
    assert await ledger.redis.hget(ledger.keys.purse(LOT), "exposure:ada") == b"0"


async def test_a_withdrawn_lot_gives_the_purse_back(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(deposit=PURSE), purse_fen=500)
    await opened(ledger, OTHER_LOT, of=terms(deposit=PURSE), purse_fen=500)
    await taken(ledger, "ada", 500, "key-0001")
    await ledger.void(LOT, reason="", by="eve")
    await taken(ledger, "ada", 500, "key-0002", lot_id=OTHER_LOT)


async def test_the_highest_amounts_come_through_exactly(ledger: BidLedger) -> None:
    of = terms(
        start_price_fen=HIGHEST - 200,
        increments=(Increment(0, 1),),
        cap_fen=HIGHEST,
        max_jump=MaxJump(steps=1_000_000, percent=10_000, fen=HIGHEST),
        deposit=PURSE,
    )
    await opened(ledger, of=of, purse_fen=HIGHEST)
    await ledger.admit(LOT, bidder_id="bo", paddle=2, limit_fen=HIGHEST - 100, purse_fen=HIGHEST)
    first = await taken(ledger, "ada", HIGHEST - 101, "key-0001")
    assert (first.price_fen, first.minimum_fen) == (HIGHEST - 101, HIGHEST - 100)
    assert refused(await bid(ledger, "bo", HIGHEST - 99, "key-0002")).facts == {"limit_fen": HIGHEST - 100}
    assert refused(await bid(ledger, "bo", HIGHEST - 101, "key-0002")).facts == {"minimum_fen": HIGHEST - 100}
    last = await taken(ledger, "cai", HIGHEST - 1, "key-0003")
    assert last.amount_fen == HIGHEST - 1
    snapshot = await ledger.read(LOT)
    assert snapshot is not None
    assert (snapshot.price_fen, snapshot.ceiling_fen, snapshot.minimum_fen) == (HIGHEST - 1, HIGHEST - 1, HIGHEST)
    assert await ledger.redis.hget(ledger.keys.lot(LOT), "price") == b"9999999999999"
    assert await shares(ledger) == {"cai": {LOT: HIGHEST - 1}}
    placed = (await entries(ledger))[-1].events[0]
    assert isinstance(placed, BidPlaced)
    assert placed.amount_fen == HIGHEST - 1
    assert (await taken(ledger, "ada", HIGHEST, "key-0004")).price_fen == HIGHEST
    closed = (await entries(ledger))[-1].events[-1]
    assert isinstance(closed, Closed)
    assert (closed.price_fen, closed.outcome) == (HIGHEST, "sold")


async def test_a_bid_at_the_cap_ends_the_lot_in_the_midst_of_a_batch(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(cap_fen=HIGHEST))
    above, capped, late = await ledger.place_bids(
        LOT, [Bid("ada", 200, "key-0001"), Bid("bo", HIGHEST, "key-0002"), Bid("ada", HIGHEST, "key-0003")]
    )
    assert isinstance(above, AcceptedBid)
    assert isinstance(capped, AcceptedBid)
    assert (refused(late).facts, refused(late).at_seq) == ({"status": "closed"}, capped.receipt.seq + 1)
    assert (await kinds(ledger))[-3:] == ["bid", "bid", "closed"]
    assert len((await entries(ledger))[-1].events) == 3


async def test_512_bids_are_a_batch(ledger: BidLedger) -> None:
    bidders = [f"bidder-{number:03d}" for number in range(BATCH_BIDS_MAX)]
    await opened(ledger, of=terms(deposit=PURSE, soft_close=SoftClose(1, 1)), bidders=bidders, purse_fen=HIGHEST)
    bids = [Bid(bidder, 100 * number, "k" * 64) for number, bidder in enumerate(bidders, start=1)]
    answers = await ledger.place_bids(LOT, bids)
    assert all(isinstance(answer, AcceptedBid) and not answer.repeated for answer in answers)
    seqs = [answer.receipt.seq for answer in answers if isinstance(answer, AcceptedBid)]
    assert seqs == list(range(seqs[0], seqs[0] + BATCH_BIDS_MAX))
    assert len((await entries(ledger))[-1].events) == BATCH_BIDS_MAX


async def test_no_batch_is_empty_or_larger_and_nothing_is_written(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    await opened(ledger)
    before = await contents(ledger)
    for size in (0, BATCH_BIDS_MAX + 1):
        with subtests.test(size=size):
            with pytest.raises(LedgerAway, match="place_bids takes 1 to 512 bids"):
                await ledger.place_bids(
                    LOT, [Bid("ada", 100 + number * 100, f"key-{number}") for number in range(size)]
                )
            assert await contents(ledger) == before


GOOD = ["ada", 100, "key-0001"]
NO_BATCHES: list[object] = [
    [["ada", 0, "key-0001"]],
    [["ada", -1, "key-0001"]],
    [["ada", 1.5, "key-0001"]],
    [["ada", HIGHEST + 1, "key-0001"]],
    [["ada", 2**53 + 1, "key-0001"]],
    [["ada", 2**64 - 1, "key-0001"]],
    [["ada", float("nan"), "key-0001"]],
    [["ada", float("inf"), "key-0001"]],
    [["ada", "100", "key-0001"]],
    [["ada", None, "key-0001"]],
    [["ada", True, "key-0001"]],
    [[7, 100, "key-0001"]],
    [["ada", 100, 7]],
    [["ada", 100]],
    [GOOD, []],
    [GOOD, None, GOOD],
    [GOOD, "ada"],
    [GOOD, 7],
    {"bids": [GOOD]},
    "ada",
    7,
    None,
]


async def test_what_is_no_batch_of_bids_is_refused_whole(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    await opened(ledger)
    before = await contents(ledger)
    for rows in NO_BATCHES:
        with subtests.test(repr(rows)):
            with pytest.raises(LedgerAway, match="nothing was changed"):
                await _raw(ledger, msgspec.msgpack.encode(rows))
            assert await contents(ledger) == before


async def test_what_is_no_msgpack_is_refused_whole(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    await opened(ledger)
    before = await contents(ledger)
    for packed in (b"", b"\xc1", b"\x91", b"\xdc\xff\xff", b"\x91\x93\xa3ada", b"\x90\x90"):
        with subtests.test(repr(packed)):
            with pytest.raises(LedgerAway):
                await _raw(ledger, packed)
            assert await contents(ledger) == before


async def _raw(ledger: BidLedger, packed: bytes) -> None:
    """A batch in bytes, past everything that Python checks."""
    keys = ledger.keys
    names = (keys.lot(LOT), keys.bidders(LOT), keys.accepted(LOT), keys.purse(LOT))
    shards = (keys.due_of(LOT), keys.stream_of(LOT), keys.lineage_of(LOT), keys.activity_of(LOT))
    with ledger_errors(writing=True):
        await ledger._scripts.call("place_bids", (*names, *shards), (LOT, packed, "", 0))


async def test_proxy_bids_keep_the_maximum_to_themselves(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(bidding=Bidding.PROXY))
    first = await taken(ledger, "ada", 1000, "key-0001")
    assert (first.price_fen, first.leading) == (100, True)
    second = await taken(ledger, "bo", 600, "key-0002")
    assert (second.price_fen, second.leading) == (700, False)
    raised = await taken(ledger, "ada", 2000, "key-0003")
    assert (raised.price_fen, raised.leading) == (700, True)
    assert isinstance(await bid(ledger, "ada", 2000, "key-0004"), Refused)


async def test_of_equal_maxima_the_earlier_leads(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(bidding=Bidding.PROXY))
    await taken(ledger, "ada", 1000, "key-0001")
    second = await taken(ledger, "bo", 1000, "key-0002")
    assert (second.price_fen, second.leading) == (1000, False)
    snapshot = await ledger.read(LOT)
    assert snapshot is not None
    assert (snapshot.leader_id, snapshot.minimum_fen) == ("ada", 1100)


async def test_a_limit_may_be_reached_and_not_passed(ledger: BidLedger) -> None:
    await opened(ledger)
    await ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=500, purse_fen=None)
    assert refused(await bid(ledger, "ada", 501, "key-0001")).code is RefusalCode.OVER_LIMIT
    await taken(ledger, "ada", 500, "key-0001")


async def test_power_is_read_as_it_was_admitted(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(deposit=PURSE), bidders=("ada",), purse_fen=500)
    await ledger.admit(LOT, bidder_id="bo", paddle=2, limit_fen=900, purse_fen=None)
    assert await ledger.power(LOT, "ada") == Power(None, 500, 500)
    assert await ledger.power(LOT, "bo") == Power(900, None)
    assert await ledger.power(LOT, "cai") is None


async def test_a_jump_may_be_as_wide_as_its_widest_part(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(max_jump=MaxJump(steps=3, percent=1, fen=150)))
    refusal = refused(await bid(ledger, "ada", 401, "key-0001"))
    assert (refusal.code, refusal.facts) == (RefusalCode.JUMP_TOO_LARGE, {"maximum_fen": 400})
    await taken(ledger, "ada", 400, "key-0001")
