"""What one call accepted is kept together with its answers, and found again as the entry that it wrote."""

from auction.domain.bidding import Bid
from auction.domain.events import BidPlaced
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.replies import AcceptedBid
from tests.ledger.event_sequences import LOT, OTHER_LOT, bid, opened, stream_of, taken


async def test_the_answers_of_a_call_share_what_it_accepted(ledger: BidLedger) -> None:
    await opened(ledger)
    bids = [
        Bid("ada", 100, "key-0001"), Bid("bo", 50, "key-0002"), Bid("bo", 200, "key-0003"), Bid("ada", 100, "key-0001"),
    ]  # fmt: skip
    first, _, second, again = await ledger.place_bids(LOT, bids)
    assert isinstance(first, AcceptedBid)
    assert isinstance(second, AcceptedBid)
    assert isinstance(again, AcceptedBid)
    assert (again.repeated, again.receipt) == (True, first.receipt)
    batch = first.batch
    assert batch is not None
    assert second.batch is batch
    assert again.batch is batch
    assert batch.bids == [(first.receipt, bids[0]), (second.receipt, bids[2])]
    snapshot = await ledger.read(LOT)
    assert snapshot is not None
    assert (batch.lot_id, batch.epoch, batch.at_ms, batch.chain) == (LOT, 1, first.receipt.at_ms, snapshot.chain)


async def test_a_retry_in_a_later_call_is_of_no_batch(ledger: BidLedger) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    alone = await bid(ledger, "ada", 100, "key-0001")
    new, among = await ledger.place_bids(LOT, [Bid("bo", 200, "key-0002"), Bid("ada", 100, "key-0001")])
    assert isinstance(alone, AcceptedBid)
    assert isinstance(new, AcceptedBid)
    assert isinstance(among, AcceptedBid)
    assert (alone.batch, among.batch) == (None, None)
    assert new.batch is not None


async def test_the_entry_of_a_bid_is_found_by_its_seq_and_time(ledger: BidLedger) -> None:
    await opened(ledger)
    await opened(ledger, OTHER_LOT)
    first = await taken(ledger, "ada", 100, "key-0001")
    await taken(ledger, "ada", 100, "key-0001", lot_id=OTHER_LOT)
    second = await taken(ledger, "bo", 200, "key-0002")
    stream = stream_of(ledger)
    for receipt in (first, second):
        entry = await stream.entry_with(LOT, receipt.seq, receipt.at_ms)
        assert entry is not None
        event = entry.events[receipt.seq - entry.first_seq]
        assert isinstance(event, BidPlaced)
        assert (event.amount_fen, entry.at_ms) == (receipt.amount_fen, receipt.at_ms)
    assert await stream.entry_with(LOT, second.seq + 1, second.at_ms) is None
    assert await stream.entry_with(LOT, first.seq, first.at_ms - 1) is None
    await ledger.redis.xtrim(ledger.keys.stream_of(LOT), maxlen=0, approximate=False)
    assert await stream.entry_with(LOT, first.seq, first.at_ms) is None
