from auction.ledger import lot_log
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.lot_log import entries_back_to
from auction.ledger.stream import START
from tests.ledger.event_sequences import LOT, OTHER_LOT, entries, opened, taken


async def test_a_lots_entries_are_read_from_the_newest_back_to_a_position(ledger: BidLedger, monkeypatch) -> None:
    monkeypatch.setattr(lot_log, "READ", 2)
    await opened(ledger, bidders=("ada", "bo"))
    await opened(ledger, OTHER_LOT)
    for number in range(1, 6):
        await taken(ledger, "ada" if number % 2 else "bo", 100 * number, f"key-{number:04d}")
    written = await entries(ledger)
    found = [entry async for entry in entries_back_to(ledger.redis, ledger.keys, LOT, START)]
    assert found == written[::-1]
    found = [entry async for entry in entries_back_to(ledger.redis, ledger.keys, LOT, written[2].stream_id)]
    assert found == written[:2:-1]


async def test_a_damaged_entry_is_passed_over_on_the_way_back(ledger: BidLedger) -> None:
    await opened(ledger, bidders=("ada",))
    written = await entries(ledger)
    await ledger.redis.xadd(ledger.keys.stream_of(LOT), {"lot": LOT, "epoch": "1", "seq": "4", "at": "x", "ev": "?"})
    assert [entry async for entry in entries_back_to(ledger.redis, ledger.keys, LOT, START)] == written[::-1]


async def test_a_lot_without_entries_has_none(ledger: BidLedger) -> None:
    assert [entry async for entry in entries_back_to(ledger.redis, ledger.keys, LOT, START)] == []
