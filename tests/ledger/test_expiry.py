"""What is over is dropped at a time that is set for it, with all that belongs to it; the rest of the sale stays."""

from auction.ledger.bid_ledger import BidLedger
from auction.ledger.keys import sale_of
from tests.ledger.event_sequences import LOT, OTHER_LOT, PURSE, opened, taken, terms


async def test_a_lot_and_a_sales_purses_are_dropped_together_with_their_keys(ledger: BidLedger) -> None:
    keys, redis = ledger.keys, ledger.redis
    for lot_id in (LOT, OTHER_LOT):
        await opened(ledger, lot_id, terms(deposit=PURSE), purse_fen=10_000)
        await taken(ledger, "ada", 100, "key-0001", lot_id=lot_id)
    of_lot = [keys.lot(LOT), keys.bidders(LOT), keys.accepted(LOT)]
    at_ms = await ledger.now_ms() + 3_600_000
    await ledger.expire([LOT], [sale_of(LOT)], at_ms=at_ms)
    assert [await redis.pexpiretime(name) for name in (*of_lot, keys.purse(LOT))] == [at_ms] * 4
    assert await redis.pexpiretime(keys.lot(OTHER_LOT)) == -1

    await ledger.expire([LOT], [], at_ms=1)
    assert await redis.exists(*of_lot) == 0
    assert await ledger.read(LOT) is None
    assert await ledger.read(OTHER_LOT) is not None

    # somebody is admitted with a purse once more: the sale goes on
    await ledger.admit(OTHER_LOT, bidder_id="dee", paddle=9, limit_fen=None, purse_fen=500)
    assert await redis.pexpiretime(keys.purse(LOT)) == -1
