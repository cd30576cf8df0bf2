from collections.abc import Awaitable, Callable

import pytest

from auction.domain.bidding import Bid
from auction.domain.errors import LedgerAway
from auction.domain.lot import LeadingBid
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.connection import ledger_errors
from auction.ledger.terms_codec import pack_terms
from tests.ledger.conftest import OwnServers
from tests.ledger.event_sequences import (
    LONG_MS,
    LOT,
    OTHER_LOT,
    PURSE,
    SHARDS,
    contents,
    kinds,
    opened,
    scheduled,
    taken,
    terms,
)

Writing = Callable[[BidLedger], Awaitable[object]]

WRITES: dict[str, Writing] = {
    "place_bids": lambda ledger: ledger.place_bids(LOT, [Bid("ada", 300, "key-0003"), Bid("bo", 400, "key-0004")]),
    "admit": lambda ledger: ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=900, purse_fen=1000),
    "pause": lambda ledger: ledger.pause(LOT, reason="", by="eve"),
    "extend": lambda ledger: ledger.extend(LOT, by_ms=5, reason="", by="eve"),
    "close_now": lambda ledger: ledger.close_now(LOT, reason="", by="eve"),
    "void": lambda ledger: ledger.void(LOT, reason="", by="eve"),
}
"""What is done to an open lot with a purse and two bids."""
STOPPED_WRITES: dict[str, Writing] = {
    "resume": lambda ledger: ledger.resume(LOT, review_above_fen=None, by="eve"),
    "restate": lambda ledger: ledger.restate(
        LOT, at_seq=8, voided_seq=7, leading=LeadingBid(100, "bo", 2, 100), reason="", by="eve"
    ),
}
SCHEDULED_WRITES: dict[str, Writing] = {
    "open_due": lambda ledger: ledger.open_due(LOT, by="clerk"),
    "open_now": lambda ledger: ledger.open_now(LOT, ends_at_ms=9_000_000_000_000, by="eve"),
}
EVERY_WRITE = WRITES | STOPPED_WRITES | SCHEDULED_WRITES
KEYS = ("lot", "bidders", "accepted", "purse", "due_of", "stream_of")
USES: dict[str, tuple[str, ...]] = {
    "place_bids": KEYS,
    "admit": ("lot", "bidders", "purse", "due_of", "stream_of"),
}
"""Which keys an action is given; the others get a lot, its sale's purse, the deadlines and the stream."""
PLAIN = ("lot", "purse", "due_of", "stream_of")


async def a_lot_for(ledger: BidLedger, name: str) -> None:
    """The lot in the state in which the action is allowed."""
    of = terms(deposit=PURSE)
    if name in SCHEDULED_WRITES:
        await scheduled(ledger, of=of)
        return
    await opened(ledger, of=of, purse_fen=10**13)
    await taken(ledger, "bo", 100, "key-0001")
    await taken(ledger, "ada", 200, "key-0002")
    if name in STOPPED_WRITES:
        await ledger.pause(LOT, reason="", by="eve")


@pytest.mark.parametrize(
    "name, key", [(name, key) for name in EVERY_WRITE for key in USES.get(name, PLAIN)], ids=lambda value: value
)
async def test_a_key_of_the_wrong_type_stops_a_script_before_its_first_write(
    ledger: BidLedger, name: str, key: str
) -> None:
    await a_lot_for(ledger, name)
    spoilt = getattr(ledger.keys, key)(LOT)
    await ledger.redis.set(spoilt, "not what it was")
    before = await contents(ledger)
    with pytest.raises(LedgerAway, match="WRONGTYPE"):
        await EVERY_WRITE[name](ledger)
    assert await contents(ledger) == before


@pytest.mark.parametrize("key", ["lot", "due_of", "stream_of"])
async def test_a_lot_is_not_scheduled_half(ledger: BidLedger, key: str) -> None:
    await ledger.redis.set(getattr(ledger.keys, key)(LOT), "not what it was")
    before = await contents(ledger)
    with pytest.raises(LedgerAway, match="WRONGTYPE"):
        await scheduled(ledger)
    assert await contents(ledger) == before


@pytest.mark.parametrize("key", ["bidders", "purse", "due_of", "stream_of"])
async def test_the_end_of_a_lot_is_not_written_half_either(ledger: BidLedger, key: str) -> None:
    await a_lot_for(ledger, "admit")
    await ledger.redis.hset(ledger.keys.lot(LOT), "ends_at", "1")
    await ledger.redis.set(getattr(ledger.keys, key)(LOT), "not what it was")
    before = await contents(ledger)
    with pytest.raises(LedgerAway, match="WRONGTYPE"):
        await EVERY_WRITE["admit"](ledger)
    assert await contents(ledger) == before


@pytest.mark.parametrize("name", EVERY_WRITE)
async def test_a_full_server_refuses_whole(own_server: OwnServers, name: str) -> None:
    server = await own_server()
    ledger = await BidLedger.open(server.client(), SHARDS)
    await a_lot_for(ledger, name)
    await ledger.redis.config_set("maxmemory", "1mb")
    before = await contents(ledger)
    with pytest.raises(LedgerAway, match=r"OOM|maxmemory"):
        await EVERY_WRITE[name](ledger)
    assert await contents(ledger) == before
    await ledger.redis.config_set("maxmemory", "0")
    await EVERY_WRITE[name](ledger)
    assert await contents(ledger) != before


async def test_a_full_server_still_answers_what_writes_nothing(own_server: OwnServers) -> None:
    server = await own_server()
    ledger = await BidLedger.open(server.client(), SHARDS)
    await a_lot_for(ledger, "place_bids")
    await ledger.redis.config_set("maxmemory", "1mb")
    with pytest.raises(LedgerAway):
        await scheduled(ledger, OTHER_LOT)
    (again,) = await ledger.place_bids(LOT, [Bid("ada", 200, "key-0002")])
    assert again.repeated  # type: ignore[union-attr]
    snapshot = await ledger.read(LOT)
    assert snapshot is not None
    assert snapshot.price_fen == 200


WRONG_WORDS: dict[str, tuple[str, tuple[str | int | bytes, ...]]] = {
    "a limit in words": ("admit_bidder", ("dee", 4, "high", -1)),
    "half a fen": ("admit_bidder", ("dee", 4, "1.5", -1)),
    "a limit past 2^53": ("admit_bidder", ("dee", 4, 2**53 + 2, -1)),
    "no paddle": ("admit_bidder", ("dee", "", -1, -1)),
    "not a number": ("admit_bidder", ("dee", 4, "nan", -1)),
    "no end": ("open_lot", ("now", "soon", "eve")),
    "back in time": ("extend_lot", (-1, "", "eve")),
    "by nothing": ("extend_lot", (0, "", "eve")),
    "a price in words": ("restate_lot", (7, 6, "much", "", 0, 0, "", "eve")),
    "a review limit in words": ("resume_lot", ("high", "eve")),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
async def test_words_that_make_no_sense_change_nothing(ledger: BidLedger, name: str) -> None:
    await a_lot_for(ledger, "admit")
    before = await contents(ledger)
    script, words = WRONG_WORDS[name]
    keys = ledger.keys
    names = [keys.lot(LOT), keys.purse(LOT), keys.due_of(LOT), keys.stream_of(LOT)]
    if script == "admit_bidder":
        names.insert(1, keys.bidders(LOT))
    with pytest.raises(LedgerAway, match=r"must be"), ledger_errors(writing=True):
        await ledger._scripts.call(script, names, (LOT, *words))
    assert await contents(ledger) == before


@pytest.mark.parametrize("packed", [b"", b"\xc0", b"\x80", b"\x07", pack_terms(terms())[:-1]])
async def test_terms_that_cannot_be_read_are_not_scheduled(ledger: BidLedger, packed: bytes) -> None:
    keys = ledger.keys
    names = (keys.lot(LOT), keys.due_of(LOT), keys.stream_of(LOT))
    with pytest.raises(LedgerAway), ledger_errors(writing=True):
        await ledger._scripts.call("schedule_lot", names, (LOT, packed, "0" * 64, 0, 9_000_000_000_000, 0))
    assert set(await contents(ledger)) == {b"a1:shards"}


async def test_a_leader_who_committed_to_nothing_is_no_trouble_later(ledger: BidLedger) -> None:
    """Redis takes no -0 for a number, and what is written after the first write must not fail."""
    await a_lot_for(ledger, "restate")
    await ledger.restate(LOT, at_seq=8, voided_seq=7, leading=LeadingBid(100, "bo", 2, 0), reason="", by="eve")
    await ledger.resume(LOT, review_above_fen=None, by="eve")
    assert (await kinds(ledger))[-2:] == ["voided", "resumed"]
    await ledger.extend(LOT, by_ms=LONG_MS, reason="", by="eve")
