from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from auction.domain.bidding import Bid
from auction.domain.errors import LedgerAway
from auction.domain.pricing import LeadingBid
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
KEYS = ("lot", "bidders", "accepted", "purse", "due_of", "stream_of", "activity_of")
USES: dict[str, tuple[str, ...]] = {
    "place_bids": KEYS,
    "admit": ("lot", "bidders", "purse", "due_of", "stream_of", "activity_of"),
}
"""Which keys an action is given; the others get a lot, its sale's purse, and the shard's deadlines, stream and activity."""
PLAIN = ("lot", "purse", "due_of", "stream_of", "activity_of")


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


@asynccontextmanager
async def of_the_wrong_type(ledger: BidLedger, key: str) -> AsyncIterator[None]:
    """One of the lot's keys holds a string for as long as this lasts, and then what it held before."""
    name = getattr(ledger.keys, key)(LOT)
    kept = await ledger.redis.dump(name)
    await ledger.redis.set(name, "not what it was")
    try:
        yield
    finally:
        await ledger.redis.delete(name)
        if kept is not None:
            await ledger.redis.restore(name, 0, kept)


async def refused_whole(ledger: BidLedger, write: Writing, words: str) -> None:
    """The write is refused with these words in the reason, and changes nothing."""
    before = await contents(ledger)
    with pytest.raises(LedgerAway, match=words):
        await write(ledger)
    assert await contents(ledger) == before


@pytest.mark.parametrize("name", EVERY_WRITE)
async def test_a_key_of_the_wrong_type_stops_a_script_before_its_first_write(
    ledger: BidLedger, subtests: pytest.Subtests, name: str
) -> None:
    await a_lot_for(ledger, name)
    for key in USES.get(name, PLAIN):
        with subtests.test(key):
            async with of_the_wrong_type(ledger, key):
                await refused_whole(ledger, EVERY_WRITE[name], "WRONGTYPE")


async def test_a_lot_is_not_scheduled_half(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    for key in ("lot", "due_of", "stream_of"):
        with subtests.test(key):
            async with of_the_wrong_type(ledger, key):
                await refused_whole(ledger, scheduled, "WRONGTYPE")


async def test_the_end_of_a_lot_is_not_written_half_either(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    await a_lot_for(ledger, "admit")
    await ledger.redis.hset(ledger.keys.lot(LOT), "ends_at", "1")
    for key in ("bidders", "purse", "due_of", "stream_of"):
        with subtests.test(key):
            async with of_the_wrong_type(ledger, key):
                await refused_whole(ledger, EVERY_WRITE["admit"], "WRONGTYPE")


@asynccontextmanager
async def full(ledger: BidLedger) -> AsyncIterator[None]:
    """The server has less memory than it uses for as long as this lasts."""
    await ledger.redis.config_set("maxmemory", "1mb")
    yield
    await ledger.redis.config_set("maxmemory", "0")


async def test_a_full_server_refuses_whole(own_server: OwnServers, subtests: pytest.Subtests) -> None:
    server = await own_server()
    client = server.client()
    for name, write in EVERY_WRITE.items():
        await client.flushall()
        ledger = await BidLedger.open(client, SHARDS)
        await a_lot_for(ledger, name)
        with subtests.test(name):
            async with full(ledger):
                await refused_whole(ledger, write, r"OOM|maxmemory")
            before = await contents(ledger)
            await write(ledger)
            assert await contents(ledger) != before


async def test_a_full_server_still_answers_what_writes_nothing(own_server: OwnServers) -> None:
    server = await own_server()
    ledger = await BidLedger.open(server.client(), SHARDS)
    await a_lot_for(ledger, "place_bids")
    async with full(ledger):
        with pytest.raises(LedgerAway):
            await scheduled(ledger, OTHER_LOT)
        (again,) = await ledger.place_bids(LOT, [Bid("ada", 200, "key-0002")])
        assert again.repeated  # type: ignore[union-attr]
        snapshot = await ledger.read(LOT)
        assert snapshot is not None
        assert snapshot.price_fen == 200


Words = tuple[str | int | bytes, ...]
WRONG_WORDS: dict[str, tuple[str, Words]] = {
    "a limit in words": ("admit_bidder", ("dee", 4, "high", -1, -1)),
    "half a fen": ("admit_bidder", ("dee", 4, "1.5", -1, -1)),
    "a limit past 2^53": ("admit_bidder", ("dee", 4, 2**53 + 2, -1, -1)),
    "no paddle": ("admit_bidder", ("dee", "", -1, -1, -1)),
    "not a number": ("admit_bidder", ("dee", 4, "nan", -1, -1)),
    "no end": ("open_lot", ("now", "soon", "eve")),
    "back in time": ("extend_lot", (-1, 0, "", "eve")),
    "by nothing": ("extend_lot", (0, 0, "", "eve")),
    "a price in words": ("restate_lot", (7, 6, "much", "", 0, 0, "", "eve")),
    "a review limit in words": ("resume_lot", ("high", "eve")),
}


async def called(ledger: BidLedger, script: str, words: Words) -> None:
    """A script told these words past everything that Python checks."""
    keys = ledger.keys
    names = [keys.lot(LOT), keys.purse(LOT), keys.due_of(LOT), keys.stream_of(LOT)]
    if script == "admit_bidder":
        names.insert(1, keys.bidders(LOT))
    with ledger_errors(writing=True):
        action = () if script in {"admit_bidder", "schedule_lot"} else (keys.accepted(LOT), "")
        await ledger._scripts.call(
            script,
            (*names, keys.lineage_of(LOT), *action[:1], keys.activity_of(LOT)),
            (LOT, *words, "", 0, *action[1:]),
        )


async def test_words_that_make_no_sense_change_nothing(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    await a_lot_for(ledger, "admit")
    for name, (script, words) in WRONG_WORDS.items():
        with subtests.test(name):
            await refused_whole(ledger, partial(called, script=script, words=words), "must be")


async def test_terms_that_cannot_be_read_are_not_scheduled(ledger: BidLedger, subtests: pytest.Subtests) -> None:
    keys = ledger.keys
    names = (keys.lot(LOT), keys.due_of(LOT), keys.stream_of(LOT), keys.lineage_of(LOT))
    before = await contents(ledger)
    for packed in (b"", b"\xc0", b"\x80", b"\x07", pack_terms(terms())[:-1]):
        with subtests.test(repr(packed)):
            words = (LOT, packed, "0" * 64, 0, 9_000_000_000_000, 0, "", 0)
            with pytest.raises(LedgerAway), ledger_errors(writing=True):
                await ledger._scripts.call("schedule_lot", names, words)
            assert await contents(ledger) == before


async def test_a_leader_who_committed_to_nothing_is_no_trouble_later(ledger: BidLedger) -> None:
    """Redis takes no -0 for a number, and what is written after the first write must not fail."""
    await a_lot_for(ledger, "restate")
    await ledger.restate(LOT, at_seq=8, voided_seq=7, leading=LeadingBid(100, "bo", 2, 0), reason="", by="eve")
    await ledger.resume(LOT, review_above_fen=None, by="eve")
    assert (await kinds(ledger))[-2:] == ["voided", "resumed"]
    await ledger.extend(LOT, by_ms=LONG_MS, reason="", by="eve")
