import pytest
from redis.asyncio import Redis

from auction.domain.errors import LedgerAway, LedgerChanged, RequestRefused
from auction.domain.text import SALE_ID_LENGTH_MAX, is_id, is_sale_id
from auction.ledger import server_guard
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import connect
from auction.ledger.keys import KeySpace, lot_id_of, sale_of
from auction.ledger.server_guard import ServerGuard
from tests.ledger.event_sequences import LOT, OTHER_LOT, SHARDS, opened, scheduled


async def test_a_ledger_keeps_the_number_of_shards_it_was_first_started_with(client: "Redis") -> None:
    first = await BidLedger.open(client, 16)
    await opened(first)
    again = await BidLedger.open(client, 16)
    assert await again.read(LOT) is not None
    with pytest.raises(RequestRefused, match="AUCTION_LEDGER_SHARDS=16") as caught:
        await BidLedger.open(client, 8)
    assert caught.value.code == "wrong-shards"
    assert await client.get(KeySpace.shards_key()) == b"16"


async def test_a_ledger_that_is_not_there_cannot_be_opened(tmp_path: object) -> None:
    async with connect(f"unix://{tmp_path}/nobody.sock") as client:
        with pytest.raises(LedgerAway):
            await BidLedger.open(client, SHARDS)


async def test_deadlines_come_earliest_first_from_every_shard(ledger: BidLedger) -> None:
    elsewhere = "elsewhere-001"
    assert ledger.keys.shard_of(elsewhere) != ledger.keys.shard_of(LOT)
    assert (await ledger.deadlines(per_shard_max=2)).upcoming == []
    await scheduled(ledger, LOT, opens_in_ms=9_000)
    await scheduled(ledger, elsewhere, opens_in_ms=5_000)
    await scheduled(ledger, OTHER_LOT, opens_in_ms=90_000)
    found = await ledger.deadlines(per_shard_max=2)
    assert [lot_id for _, lot_id in found.upcoming] == [elsewhere, LOT, OTHER_LOT]
    assert all(at_ms > found.now_ms for at_ms, _ in found.upcoming)
    assert [lot_id for _, lot_id in (await ledger.deadlines(per_shard_max=1)).upcoming] == [elsewhere, LOT]


def test_every_key_of_a_lot_lives_on_the_shard_of_its_sale() -> None:
    keys = KeySpace(SHARDS)
    tag = f"{{{keys.shard_of_sale('launch'):02d}}}"
    names = [
        keys.lot(LOT),
        keys.bidders(LOT),
        keys.accepted(LOT),
        keys.purse(LOT),
        keys.due_of(LOT),
        keys.stream_of(LOT),
        keys.watchers(LOT),
        keys.refusals(LOT),
    ]
    assert len(set(names)) == len(names)
    assert all(name.startswith(f"a1:{tag}:") for name in names)
    assert keys.purse(LOT) == keys.purse(OTHER_LOT)
    assert keys.lot(LOT) != keys.lot(OTHER_LOT)


def test_a_lots_id_names_its_sale() -> None:
    assert lot_id_of("autumn-launch", 7) == "autumn-launch-007"
    assert sale_of(lot_id_of("autumn-launch", 1234)) == "autumn-launch"
    assert KeySpace(SHARDS).shard_of("launch-001") == KeySpace(SHARDS).shard_of("launch-999")


@pytest.mark.parametrize("text", ["a", "launch-001", "a-b-c", "0", "x" * 64])
def test_well_formed_ids(text: str) -> None:
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "-", "a-", "-a", "a--b", "A", "a_b", "a b", "a\n", "ä", "x" * 65, "a:{07}", "*"])
def test_ids_that_are_none(text: str) -> None:
    assert not is_id(text)


def test_a_sales_id_leaves_room_for_its_lots() -> None:
    longest = "s" * SALE_ID_LENGTH_MAX
    assert is_sale_id(longest)
    assert is_id(lot_id_of(longest, 999))
    assert not is_sale_id(longest + "s")
    assert not is_sale_id("a--b")


async def test_a_ledger_that_must_be_there_is_not_begun(client: "Redis") -> None:
    expected = await BidLedger.open(client, SHARDS, lineage="of-another-day")
    nothing = await BidLedger.open(client, SHARDS, begin=False)
    assert (expected.lineage, nothing.lineage) == ("of-another-day", "")
    assert await client.keys("*") == []
    for ledger in (expected, nothing):
        with pytest.raises(LedgerChanged):
            await ledger.read("launch-001")


async def test_a_server_that_nobody_checks_is_not_used(
    client: "Redis", valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_guard, "CHECK_S_MAX", 0.01)
    guard = ServerGuard()
    guarded = connect(valkey_url, guard=guard)
    ledger = BidLedger(guarded, KeySpace(SHARDS), lineage="")
    with pytest.raises(LedgerChanged):
        await ledger.now_ms()
    assert guard.changed.is_set()
    guard.admit(await server_guard.server_id(client))
    assert await ledger.now_ms() > 0
    await guarded.aclose()
