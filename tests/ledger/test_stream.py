import asyncio

import msgspec
import pytest

from auction.domain.events import Admitted, BidPlaced, Opened, Scheduled, to_row
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.stream import START, EntryDamaged, chain_of, decode
from tests.ledger.event_sequences import LOT, OTHER_LOT, entries, feed_of, opened, scheduled, taken, terms

ELSEWHERE = "elsewhere-001"


async def test_the_feed_reads_what_the_scripts_wrote_in_order(ledger: BidLedger) -> None:
    await opened(ledger, bidders=("ada",))
    await taken(ledger, "ada", 100, "key-0001")
    stream, shard = feed_of(ledger), ledger.keys.shard_of(LOT)
    found = await stream.read(shard, START, block_ms=None, count=100)
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
    stream, shard = feed_of(ledger), ledger.keys.shard_of(LOT)
    last = await stream.last_id(shard)
    reader = asyncio.create_task(stream.read(shard, last, block_ms=4000, count=10))
    blocked = 0
    while not blocked:
        blocked = (await ledger.redis.info("clients"))["blocked_clients"]
    await scheduled(ledger, OTHER_LOT)
    (entry,) = await reader
    assert (entry.lot_id, entry.first_seq) == (OTHER_LOT, 1)


async def test_the_feed_knows_its_shards_and_how_far_each_is(ledger: BidLedger) -> None:
    await scheduled(ledger)
    stream = feed_of(ledger)
    shard, other = ledger.keys.shard_of(LOT), ledger.keys.shard_of(ELSEWHERE)
    assert shard != other
    assert stream.shards == range(16)
    assert await stream.first_id(other) == await stream.last_id(other) == START
    assert await stream.last_id(shard) == (await entries(ledger))[-1].stream_id
    await scheduled(ledger, ELSEWHERE)
    first, last, second = await stream.positions([shard, other, shard])
    assert first == second == await stream.first_id(shard)
    assert last == await stream.first_id(other) != START


async def test_trimming_keeps_what_comes_from_a_position_on(ledger: BidLedger) -> None:
    await ledger.redis.config_set("stream-node-max-entries", 1)  # trimming is by whole nodes
    try:
        await opened(ledger)
        stream, shard = feed_of(ledger), ledger.keys.shard_of(LOT)
        before = await entries(ledger)
        assert await stream.trim(shard, START) == 0
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


async def test_a_strange_entry_stops_the_feed(ledger: BidLedger) -> None:
    await scheduled(ledger, of=terms())
    shard = ledger.keys.shard_of(LOT)
    await ledger.redis.xadd(ledger.keys.stream(shard), {"who": "knows"})
    with pytest.raises(EntryDamaged, match="has no field lot"):
        await feed_of(ledger).read(shard, START, block_ms=None, count=10)
