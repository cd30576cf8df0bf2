import asyncio

import msgspec
import pytest

from auction.domain.events import Admitted, BidPlaced, Opened, Scheduled
from auction.domain.ledger_layout import STREAM_START
from auction.ledger import stream as stream_module
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.entry import EntryDamaged, StreamEntry, chain_of, decode
from tests.ledger.event_sequences import LOT, OTHER_LOT, entries, opened, scheduled, stream_of, taken, terms
from tests.lot_events import to_row

ELSEWHERE = "elsewhere-001"


async def test_the_stream_gives_what_the_scripts_wrote_in_order(ledger: BidLedger) -> None:
    await opened(ledger, bidders=("ada",))
    await taken(ledger, "ada", 100, "key-0001")
    stream, shard = stream_of(ledger), ledger.keys.shard_of(LOT)
    found = await stream.read(shard, STREAM_START, block_ms=None, count=100)
    assert [type(event) for entry in found for event in entry.events] == [Scheduled, Admitted, Opened, BidPlaced]
    assert [(entry.first_seq, entry.last_seq) for entry in found] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert {entry.lot_id for entry in found} == {LOT}
    chain = ""
    for entry in found:
        chain = chain_of(chain, entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
        assert entry.chain == chain
    assert await stream.read(shard, found[1].stream_id, block_ms=None, count=1) == [found[2]]
    assert await stream.read(shard, found[-1].stream_id, block_ms=None, count=100) == []
    assert await stream.read(shard, found[-1].stream_id, block_ms=5, count=100) == []


async def test_a_waiting_reader_gets_the_next_entry(ledger: BidLedger) -> None:
    await scheduled(ledger)
    stream, shard = stream_of(ledger), ledger.keys.shard_of(LOT)
    last = (await stream.last_ids([shard]))[0]
    reader = asyncio.create_task(stream.read(shard, last, block_ms=4000, count=10))
    blocked = 0
    while not blocked:
        blocked = (await ledger.redis.info("clients"))["blocked_clients"]
    await scheduled(ledger, OTHER_LOT)
    (entry,) = await reader
    assert (entry.lot_id, entry.first_seq) == (OTHER_LOT, 1)


async def test_the_streams_are_known_by_shard_and_how_far_each_is(ledger: BidLedger) -> None:
    await scheduled(ledger)
    stream = stream_of(ledger)
    shard, other = ledger.keys.shard_of(LOT), ledger.keys.shard_of(ELSEWHERE)
    assert shard != other
    assert stream.shards == range(16)
    assert await stream.first_id(other) == (await stream.last_ids([other]))[0] == STREAM_START
    assert (await stream.last_ids([shard]))[0] == (await entries(ledger))[-1].stream_id
    await scheduled(ledger, ELSEWHERE)
    first, last, second = await stream.last_ids([shard, other, shard])
    assert first == second == await stream.first_id(shard)
    assert last == await stream.first_id(other) != STREAM_START


async def test_trimming_keeps_what_comes_from_a_position_on(ledger: BidLedger) -> None:
    await ledger.redis.config_set("stream-node-max-entries", 1)  # trimming is by whole nodes
    try:
        await opened(ledger)
        stream, shard = stream_of(ledger), ledger.keys.shard_of(LOT)
        before = await entries(ledger)
        assert await stream.trim(shard, STREAM_START) == 0
        assert await stream.trim(shard, before[2].stream_id) == 2
        assert await entries(ledger) == before[2:]
        assert await stream.first_id(shard) == before[2].stream_id
    finally:
        await ledger.redis.config_set("stream-node-max-entries", 100)


GOOD = {
    b"lot": b"launch-001",
    b"epoch": b"1",
    b"seq": b"5",
    b"at": b"1700000000000",
    b"ev": msgspec.msgpack.encode([to_row(Opened(5, 0, "eve"))]),
    b"chain": b"0" * 40,
}


def packed(*rows: object) -> bytes:
    """Events as an entry carries them."""
    return msgspec.msgpack.encode(rows)


def test_an_entry_is_decoded_field_by_field() -> None:
    entry = decode("7-0", GOOD)
    assert (entry.stream_id, entry.lot_id, entry.epoch, entry.first_seq, entry.last_seq) == ("7-0", LOT, 1, 5, 5)
    assert entry.events == (Opened(5, 0, "eve"),)
    assert entry.at_ms == 1_700_000_000_000


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_named(field: bytes) -> None:
    with pytest.raises(EntryDamaged, match=f"stream entry 7-0 has no field {field.decode()}"):
        decode("7-0", {name: value for name, value in GOOD.items() if name != field})


@pytest.mark.parametrize(
    "damage",
    [
        {b"epoch": b"one"},
        {b"seq": b""},
        {b"at": b"1.5"},
        {b"lot": b"\xff"},
        {b"chain": b"\xff"},
        {b"ev": b""},
        {b"ev": b"\xc1"},
        {b"ev": GOOD[b"ev"][:-1]},
        {b"ev": GOOD[b"ev"] + b"\x00"},
        {b"ev": packed()},
        {b"ev": packed("opened")},
        {b"ev": packed([])},
        {b"ev": packed([7])},
        {b"ev": packed(["sung", 5, 0, "eve"])},
        {b"ev": packed(["opened", 5, 0])},
        {b"ev": packed(["opened", 5, 0, "eve", 1])},
        {b"ev": packed(["opened", "5", 0, "eve"])},
        {b"ev": packed(["opened", 5.0, 0, "eve"])},
        {b"ev": packed(["opened", True, 0, "eve"])},
    ],
    ids=repr,
)
def test_a_damaged_entry_is_named(damage: dict[bytes, bytes]) -> None:
    with pytest.raises(EntryDamaged, match="stream entry 7-0: "):
        decode("7-0", GOOD | damage)


async def test_a_strange_entry_stops_the_reading(ledger: BidLedger) -> None:
    await scheduled(ledger, of=terms())
    shard = ledger.keys.shard_of(LOT)
    await ledger.redis.xadd(ledger.keys.stream(shard), {"who": "knows"})
    with pytest.raises(EntryDamaged, match="has no field lot"):
        await stream_of(ledger).read(shard, STREAM_START, block_ms=None, count=10)


async def backwards(ledger: BidLedger, after_id: str = STREAM_START, lot_id: str = LOT) -> list[StreamEntry]:
    return [entry async for entry in stream_of(ledger).lot_entries_back_to(lot_id, after_id)]


async def test_a_lots_entries_are_read_from_the_newest_back_to_a_position(ledger: BidLedger, monkeypatch) -> None:
    monkeypatch.setattr(stream_module, "PAGE_ENTRIES", 2)
    await opened(ledger, bidders=("ada", "bo"))
    await opened(ledger, OTHER_LOT)
    for number in range(1, 6):
        await taken(ledger, "ada" if number % 2 else "bo", 100 * number, f"key-{number:04d}")
    written = await entries(ledger)
    assert await backwards(ledger) == written[::-1]
    assert await backwards(ledger, written[2].stream_id) == written[:2:-1]


async def test_a_shards_entries_are_read_page_by_page_from_a_position(ledger: BidLedger, monkeypatch) -> None:
    monkeypatch.setattr(stream_module, "PAGE_ENTRIES", 2)
    await opened(ledger, bidders=("ada", "bo"))
    written = await entries(ledger)
    shard = ledger.keys.shard_of(LOT)
    assert [entry async for entry in stream_of(ledger).entries_after(shard, STREAM_START)] == written
    assert [entry async for entry in stream_of(ledger).entries_after(shard, written[0].stream_id)] == written[1:]


async def test_a_damaged_entry_is_left_out_on_the_way_back(ledger: BidLedger) -> None:
    await opened(ledger, bidders=("ada",))
    written = await entries(ledger)
    await ledger.redis.xadd(ledger.keys.stream_of(LOT), {"lot": LOT, "epoch": "1", "seq": "4", "at": "x", "ev": "?"})
    assert await backwards(ledger) == written[::-1]


async def test_a_lot_without_entries_has_none(ledger: BidLedger) -> None:
    assert await backwards(ledger) == []


async def test_an_entrys_fields_are_read_as_they_stand(ledger: BidLedger) -> None:
    stream, shard = stream_of(ledger), ledger.keys.shard_of(LOT)
    assert await stream.read_fields(shard, STREAM_START) is None
    await ledger.redis.xadd(ledger.keys.stream_of(LOT), {"lot": LOT, "ev": b"\xff\x00"}, id="5-1")
    assert await stream.read_fields(shard, STREAM_START) == ("5-1", {"lot": LOT, "ev": "\\xff\\x00"})
