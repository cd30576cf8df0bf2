"""A lot's keys as the checks read them: whatever is stored, and never an error for what no script wrote."""

from auction.domain.bidding import Admission
from auction.domain.deposits import Power
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.stored_lot import LOTS_AT_ONCE, StoredLots
from tests.ledger.event_sequences import LOT, OTHER_LOT, PURSE, opened, taken, terms


async def test_state_and_deadline_are_those_of_the_scripts(ledger: BidLedger) -> None:
    at = await opened(ledger)
    unknown = [f"launch-{number:03d}" for number in range(100, 100 + LOTS_AT_ONCE)]
    found = await StoredLots(ledger).states([*unknown, LOT])
    assert list(found) == [LOT]
    assert (found[LOT].seq, found[LOT].due_at_ms) == (at.seq, at.ends_at_ms)
    assert found[LOT].fields["chain"].decode() == at.chain
    assert await StoredLots(ledger).lots_due(ledger.keys.shard_of(LOT)) == [LOT]

    await ledger.redis.hset(ledger.keys.lot(LOT), "seq", "six")
    await ledger.redis.zrem(ledger.keys.due_of(LOT), LOT)
    damaged = (await StoredLots(ledger).states([LOT]))[LOT]
    assert (damaged.seq, damaged.due_at_ms) == (-1, None)


async def test_receipts_are_kept_by_key_and_bidder(ledger: BidLedger) -> None:
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-00000001")
    assert list(await StoredLots(ledger).receipts(LOT)) == [b"key-00000001 ada"]
    assert await StoredLots(ledger).receipts(OTHER_LOT) == {}


async def test_admissions_are_read_and_what_is_none_is_said_to_be_none(ledger: BidLedger) -> None:
    await opened(ledger, bidders=("ada",))
    await ledger.admit(LOT, bidder_id="bo", paddle=2, limit_fen=500, purse_fen=None)
    await ledger.redis.hset(ledger.keys.bidders(LOT), "cai", b"\x01")
    assert await StoredLots(ledger).admissions(LOT) == {"ada": Admission(1), "bo": Admission(2, 500), "cai": None}


async def test_power_is_limit_and_purse(ledger: BidLedger) -> None:
    await opened(ledger, of=terms(deposit=PURSE), bidders=("ada",), purse_fen=1_000)
    await ledger.admit(LOT, bidder_id="bo", paddle=2, limit_fen=500, purse_fen=None)
    await ledger.redis.hset(ledger.keys.bidders(LOT), "cai", b"\x01")
    bidders = [(LOT, bidder) for bidder in ("ada", "bo", "cai", "nobody")]
    assert await StoredLots(ledger).powers(bidders) == [Power(None, 1_000, 1_000), Power(500, None), None, None]
