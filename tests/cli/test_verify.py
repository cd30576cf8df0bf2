"""`auction verify`: a good record passes; one changed row or stream entry fails it, with the promise that is broken."""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from redis.asyncio import Redis

from auction.bootstrap import open_context
from auction.domain.bidding import Bid
from auction.domain.events import BidPlaced, Event
from auction.domain.ledger_layout import STREAM_START
from auction.domain.proof import PROMISES
from auction.ledger.entry import StreamEntry, chain_of
from auction.ledger.replies import AcceptedBid
from auction.ledger.stored_lot import StoredLots
from auction.services.catalogue.lots import (
    close_lot,
    create_lot,
    create_sale,
    open_lot,
    pause_lot,
    resume_lot,
    void_bid,
)
from auction.services.context import AppContext
from auction.services.payments import registration_deposits
from auction.services.verification.verdicts import verify_all, verify_lot
from auction.settings import load_settings
from auction.workers.archiver import Archiver
from tests.cli.commands import Said, auction_aside
from tests.lot_events import to_row

NO_PHANTOMS, ONCE, ORDER, DEADLINE, ONE_WINNER, CHAINED = 2, 3, 4, 5, 6, 8
SOLD, OPEN, PROXY = "launch-001", "launch-002", "launch-003"
TERMS: dict[str, Any] = {
    "bidding": "direct",
    "start_price_fen": 100,
    "increments": [{"from_fen": 0, "step_fen": 100}],
    "deposit": {"policy": "none"},
}
BIDDERS = ("ada", "bo", "cai")
# scheduled, opened, three bidders admitted, then the bids
FIRST_BID_SEQ, VOIDED_SEQ = 6, 8


@dataclass
class Kept:
    """A context with a record, and ways to damage it."""

    context: AppContext
    books: "asyncpg.Connection[asyncpg.Record]"

    async def sql(self, statement: str, *values: object) -> None:
        """Change exactly one row of the books."""
        said = await self.books.execute(statement, *values)
        assert said.endswith(" 1"), said

    @property
    def redis(self) -> "Redis":
        """The ledger's server."""
        return self.context.ledger.redis

    @property
    def stream(self) -> str:
        """The key of the sale's stream."""
        return self.context.ledger.keys.stream_of(SOLD)

    async def entries(self, lot_id: str) -> list[StreamEntry]:
        """The lot's entries in the stream."""
        shard = self.context.stream.keys.shard_of(lot_id)
        return [
            e
            for e in await self.context.stream.read(shard, STREAM_START, block_ms=None, count=500)
            if e.lot_id == lot_id
        ]

    async def ledger_keys(self) -> dict[bytes, Any]:
        """Every key of the ledger, to put back."""
        return {name: await self.redis.dump(name) async for name in self.redis.scan_iter()}

    async def put_back(self, keys: dict[bytes, Any]) -> None:
        """Make the ledger what it was."""
        await self.redis.flushall()
        for name, value in keys.items():
            await self.redis.restore(name, 0, value)

    async def forge(self, lot_id: str, event: Event, **fields: object) -> None:
        """Add an entry to the stream that no script has made, as it should look but for the fields given."""
        last = (await self.entries(lot_id))[-1]
        packed = msgspec.msgpack.encode([to_row(event)])
        seq = last.last_seq + 1
        whole: dict[Any, Any] = {
            "lot": lot_id, "epoch": last.epoch, "seq": seq, "at": last.at_ms, "ev": packed,
            "chain": chain_of(last.chain, lot_id, last.epoch, seq, last.at_ms, packed),
        }  # fmt: skip
        whole = {name: value for name, value in (whole | fields).items() if value is not None}
        await self.redis.xadd(self.stream, whole)


Damage = Callable[[Kept], Awaitable[None]]


@pytest.fixture
async def kept(
    valkey_url: str, redis: Redis, books_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Kept]:
    """Three lots, archived: one sold after a void, one open, one proxy; the commands find the same servers."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("AUCTION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AUCTION_REDIS_URL", valkey_url)
    monkeypatch.setenv("AUCTION_DATABASE_URL", books_url)
    books = await asyncpg.connect(books_url.replace("+asyncpg", ""))
    async with open_context(load_settings(payment_provider="sandbox"), secret="any secret") as context:
        await _three_lots(context)
        yield Kept(context, books)
    await books.close()


async def _three_lots(context: AppContext) -> None:
    await create_sale(context, title="Launch", actor="olga", sale_id="launch")
    for terms in (TERMS, TERMS, {**TERMS, "bidding": "proxy"}):
        lot = (await create_lot(context, sale_id="launch", title="A lot", terms=terms, actor="olga")).record.lot_id
        await open_lot(context, lot, duration_ms=3_600_000, actor="olga")
        for bidder in BIDDERS:
            await registration_deposits.register(context, lot, bidder_id=bidder, name=bidder)
    await _bids(context, SOLD, ada=100, bo=200, cai=900)
    await pause_lot(context, SOLD, reason="a slip", actor="olga")
    await void_bid(context, SOLD, VOIDED_SEQ, reason="a slip", actor="olga")
    await resume_lot(context, SOLD, actor="olga")
    await _bids(context, SOLD, ada=300, bo=400)
    await close_lot(context, SOLD, reason="enough", actor="olga")
    await _bids(context, OPEN, ada=100, bo=200, cai=300)
    await _bids(context, PROXY, ada=500, bo=300, cai=900)
    await Archiver(context.books, context.stream).catch_up()


async def _bids(context: AppContext, lot_id: str, **amounts: int) -> None:
    for bidder, amount in amounts.items():
        (answer,) = await context.ledger.place_bids(lot_id, [Bid(bidder, amount, f"key-{amount:08d}")])
        assert isinstance(answer, AcceptedBid), answer


def first_breach(said: Said) -> dict[str, Any]:
    """The one breach that was found; the command must have failed for it."""
    assert said.code == 1, said
    found = said.json()
    assert not found["ok"]
    breach: dict[str, Any] = found["breaches"][0]
    assert breach["name"] == PROMISES[breach["promise"]]
    return breach


async def test_a_good_record_passes_and_says_what_was_checked(kept: Kept) -> None:
    said = await auction_aside("verify", "--all")
    assert said.code == 0, said
    assert "All promises held" in said.out
    assert "3 lots" in said.out
    assert re.search(r"^All \d+ rules of money hold$", said.out, re.MULTILINE)


@pytest.mark.parametrize("what, lots", [(("--lot", SOLD), 1), (("--sale", "launch"), 3), (("--all",), 3)])
async def test_json_tells_how_much_was_checked(kept: Kept, what: tuple[str, ...], lots: int) -> None:
    said = await auction_aside("verify", *what, "--json")
    assert said.code == 0, said
    found = said.json()
    assert found["ok"] is True
    assert found["lots"] == lots
    assert found["breaches"] == []
    assert found["bids"] == (5 if lots == 1 else 11)
    assert set(found) == {"ok", "lots", "events", "bids", "breaches", "money", "audit", "seconds"}
    assert found["money"]["held"] == found["money"]["rules"] > 10
    assert found["money"]["broken"] == []


async def test_bids_that_are_not_archived_yet_are_checked_in_the_stream(kept: Kept) -> None:
    await _bids(kept.context, OPEN, ada=600, bo=700)
    said = await auction_aside("verify", "--all", "--json")
    assert said.code == 0, said
    assert said.json()["bids"] == 13


async def test_bids_that_come_while_it_is_checked_are_no_breach(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    amounts = iter(range(600, 10_000, 100))

    def followed_by_a_bid(read: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def read_and_bid(*what: object) -> object:
            found = await read(*what)
            amount = next(amounts)
            await _bids(kept.context, OPEN, **{BIDDERS[amount // 100 % 3]: amount})
            return found

        return read_and_bid

    for name in ("states", "receipts", "admissions"):
        monkeypatch.setattr(StoredLots, name, followed_by_a_bid(getattr(StoredLots, name)))
    verdict = await verify_lot(kept.context, OPEN)
    assert not verdict.breaches
    assert verdict.bids == 4


@pytest.mark.parametrize("words", [(), ("--lot", SOLD, "--all"), ("--sale", "launch", "--lot", SOLD)])
async def test_one_thing_to_check_must_be_named(kept: Kept, words: tuple[str, ...]) -> None:
    said = await auction_aside("verify", *words)
    assert said.code == 2
    for option in ("--lot", "--sale", "--all"):
        assert option in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("--lot", "launch-009"),
        ("--lot", "No Lot"),
        ("--sale", "unheard-of"),
        ("--lot", "\udcff"),
        ("--sale", "a\udcff"),
    ],
)
async def test_what_does_not_exist_is_not_called_good(kept: Kept, words: tuple[str, ...]) -> None:
    said = await auction_aside("verify", *words)
    assert said.code == 1
    assert "There is no" in said.err
    assert not said.out


async def changed_amount(kept: Kept) -> None:
    """An archived entry says that the first bid was of another amount."""
    _, _, packed = await _other_bid(kept)
    await kept.sql(
        "UPDATE ledger_entries SET packed = $1 WHERE lot_id = $2 AND first_seq = $3", packed, SOLD, FIRST_BID_SEQ
    )


async def changed_amount_with_its_chain(kept: Kept) -> None:
    """The same, and the forger has worked out the entry's own checksum."""
    before, old, packed = await _other_bid(kept)
    chain = chain_of(before.chain, SOLD, old.epoch, old.first_seq, old.at_ms, packed)
    await kept.sql(
        "UPDATE ledger_entries SET packed = $1, chain = $2 WHERE lot_id = $3 AND first_seq = $4",
        packed, chain, SOLD, FIRST_BID_SEQ,
    )  # fmt: skip


async def _other_bid(kept: Kept) -> tuple[StreamEntry, StreamEntry, bytes]:
    """The entry before the first bid, that of the bid, and its events with an amount that the rules would take."""
    before, old = (await kept.entries(SOLD))[FIRST_BID_SEQ - 2 : FIRST_BID_SEQ]
    event = old.events[0]
    assert isinstance(event, BidPlaced)
    return before, old, msgspec.msgpack.encode([to_row(replace(event, amount_fen=150, price_fen=150))])


def row(statement: str) -> Damage:
    """Change one archived row."""

    async def damage(kept: Kept) -> None:
        await kept.sql(statement)

    return damage


def entry(change: str) -> Damage:
    """Change the archived entry of the first bid."""
    return row(f"UPDATE ledger_entries SET {change} WHERE lot_id = '{SOLD}' AND first_seq = {FIRST_BID_SEQ}")


def bid(change: str, seq: int = FIRST_BID_SEQ) -> Damage:
    """Change an archived bid."""
    return row(f"UPDATE bids SET {change} WHERE lot_id = '{SOLD}' AND seq = {seq}")


def result(change: str) -> Damage:
    """Change how the lot ended."""
    return row(f"UPDATE lot_results SET {change} WHERE lot_id = '{SOLD}'")


async def taken_out_of_the_stream(kept: Kept) -> None:
    entries = await kept.entries(SOLD)
    assert await kept.redis.xdel(kept.stream, entries[FIRST_BID_SEQ - 1].stream_id) == 1


async def last_taken_out_of_the_stream(kept: Kept) -> None:
    await _bids(kept.context, OPEN, ada=600, bo=700)
    entries = await kept.entries(OPEN)
    assert await kept.redis.xdel(kept.stream, entries[-1].stream_id) == 1


def next_bid(amount: int) -> BidPlaced:
    return BidPlaced("bo", 2, amount, "key-of-a-forger", amount, 1, 0)


async def forged_next_bid(kept: Kept) -> None:
    """A bid that the rules would take, chained as it must be: only the ledger's state does not know it."""
    last = (await kept.entries(OPEN))[-1].events[0]
    assert isinstance(last, BidPlaced)
    await kept.forge(OPEN, replace(next_bid(900), ends_at_ms=last.ends_at_ms))


async def forged_low_bid(kept: Kept) -> None:
    last = (await kept.entries(OPEN))[-1].events[0]
    assert isinstance(last, BidPlaced)
    await kept.forge(OPEN, replace(next_bid(150), ends_at_ms=last.ends_at_ms))


async def forged_without_the_chain(kept: Kept) -> None:
    await kept.forge(OPEN, next_bid(900), chain="0" * 40)


async def forged_without_a_field(kept: Kept) -> None:
    """Nobody can tell whose entry that is meant to be: every lot of the stream is named, the first one first."""
    await kept.forge(OPEN, next_bid(900), at=None)


async def forged_seq(kept: Kept) -> None:
    """A second entry at a seq that is archived."""
    await kept.forge(OPEN, next_bid(900), seq=6)


async def state_of_another_price(kept: Kept) -> None:
    await kept.redis.hset(kept.context.ledger.keys.lot(OPEN), "price", "200")


def state_field(name: str, value: str) -> Damage:
    """Change one field of the open lot's state."""

    async def damage(kept: Kept) -> None:
        await kept.redis.hset(kept.context.ledger.keys.lot(OPEN), name, value)

    return damage


async def keys_gone(kept: Kept) -> None:
    assert await kept.redis.delete(kept.context.ledger.keys.accepted(OPEN)) == 1


def accepted_key(bidder: str, key: str, receipt: list[int] | None) -> Damage:
    """Put another receipt under a key; None: forget it."""

    async def damage(kept: Kept) -> None:
        name, field = kept.context.ledger.keys.accepted(OPEN), f"{key} {bidder}"
        if receipt is None:
            assert await kept.redis.hdel(name, field) == 1
        else:
            await kept.redis.hset(name, field, msgspec.msgpack.encode(receipt))

    return damage


def deadline(at_ms: int | None, lot_id: str = OPEN) -> Damage:
    """Give a lot another deadline; None: none."""

    async def damage(kept: Kept) -> None:
        due = kept.context.ledger.keys.due_of(lot_id)
        if at_ms is None:
            assert await kept.redis.zrem(due, lot_id) == 1
        else:
            await kept.redis.zadd(due, {lot_id: at_ms})

    return damage


def admission(bidder: str, row: object) -> Damage:
    """Admit a bidder otherwise than their record says; None: not at all."""

    async def damage(kept: Kept) -> None:
        bidders = kept.context.ledger.keys.bidders(OPEN)
        if row is None:
            assert await kept.redis.hdel(bidders, bidder) == 1
        else:
            await kept.redis.hset(bidders, bidder, msgspec.msgpack.encode(row))

    return damage


async def other_terms(kept: Kept) -> None:
    """The published reserve is not that by which the ledger decides."""
    name = kept.context.ledger.keys.lot(OPEN)
    packed: Any = await kept.redis.hget(name, "terms")
    await kept.redis.hset(name, "terms", msgspec.msgpack.encode({**msgspec.msgpack.decode(packed), "reserve": 5}))


async def admitted_by_a_script(kept: Kept) -> None:
    """Somebody called the script, as only the registration may."""
    await kept.context.ledger.admit(OPEN, bidder_id="eve", paddle=9, limit_fen=None, purse_fen=None)


async def entry_of_an_unknown_lot(kept: Kept) -> None:
    await kept.forge(OPEN, next_bid(900), lot="launch-099", seq=1)


async def deadline_of_an_unknown_lot(kept: Kept) -> None:
    await kept.redis.zadd(kept.context.ledger.keys.due_of(OPEN), {"launch-099": 5})


async def state_gone(kept: Kept) -> None:
    await kept.redis.delete(kept.context.ledger.keys.lot(OPEN))


async def state_rolled_back(kept: Kept) -> None:
    """The lot as it was before its last bids, which are in the stream and in the archive."""
    key = kept.context.ledger.keys.lot(OPEN)
    before: Any = await kept.redis.dump(key)
    await _bids(kept.context, OPEN, ada=600, bo=700)
    await Archiver(kept.context.books, kept.context.stream).catch_up()
    await kept.redis.restore(key, 0, before, replace=True)


async def ledger_rolled_back(kept: Kept) -> None:
    """The ledger as it was before its last bids, which the archive has: a log that was cut, or an old copy."""
    known = len(await kept.entries(OPEN))
    await state_rolled_back(kept)
    for one in (await kept.entries(OPEN))[known:]:
        await kept.redis.xdel(kept.stream, one.stream_id)


DAMAGES: dict[str, tuple[str, int, Damage]] = {
    "entry: another amount": (SOLD, CHAINED, changed_amount),
    "entry: another amount, its checksum made to fit": (SOLD, CHAINED, changed_amount_with_its_chain),
    "entry: one bit": (SOLD, CHAINED, entry("packed = set_byte(packed, 3, get_byte(packed, 3) # 1)")),
    "entry: its time": (SOLD, CHAINED, entry("at_ms = at_ms + 1")),
    "entry: its chain": (SOLD, CHAINED, entry("chain = repeat('0', 40)")),
    "entry: its head": (SOLD, CHAINED, entry("head = decode(repeat('00', 32), 'hex')")),
    "entry: deleted": (
        SOLD, CHAINED, row(f"DELETE FROM ledger_entries WHERE lot_id = '{SOLD}' AND first_seq = {FIRST_BID_SEQ}"),
    ),
    "chain: another secret of the commitments": (
        SOLD, CHAINED, row(f"UPDATE lot_chains SET secret = decode(repeat('00', 32), 'hex') WHERE lot_id = '{SOLD}'"),
    ),
    "chain: as if the lot had been begun before there were public lines": (
        SOLD, CHAINED, row(f"DELETE FROM lot_chains WHERE lot_id = '{SOLD}'"),
    ),
    "bid: another amount": (SOLD, NO_PHANTOMS, bid("amount_fen = amount_fen + 1")),
    "bid: another bidder": (SOLD, NO_PHANTOMS, bid("bidder_id = 'eve'")),
    "bid: another time": (SOLD, NO_PHANTOMS, bid("at_ms = at_ms - 1")),
    "bid: another epoch": (SOLD, NO_PHANTOMS, bid("epoch = epoch + 1")),
    "bid: another key": (SOLD, NO_PHANTOMS, bid("key = 'another-key'")),
    "bid: no longer void": (SOLD, NO_PHANTOMS, bid("voided_by_seq = NULL", VOIDED_SEQ)),
    "bid: deleted": (SOLD, NO_PHANTOMS, row(f"DELETE FROM bids WHERE lot_id = '{SOLD}' AND seq = {FIRST_BID_SEQ}")),
    "bid: one that nobody made": (
        SOLD, NO_PHANTOMS, row(
            "INSERT INTO bids SELECT lot_id, 1, epoch, bidder_id, paddle, amount_fen, price_fen, \"leading\", 'key-new',"
            f" at_ms, ends_at_ms, voided_by_seq FROM bids WHERE lot_id = '{SOLD}' AND seq = {FIRST_BID_SEQ}"
        ),
    ),
    "result: another price": (SOLD, ONE_WINNER, result("hammer_price_fen = hammer_price_fen - 100")),
    "result: another winner": (SOLD, ONE_WINNER, result("winner_id = 'cai'")),
    "result: another time": (SOLD, ONE_WINNER, result("closed_at_ms = closed_at_ms + 1")),
    "result: another cause": (SOLD, ONE_WINNER, result("cause = CASE cause WHEN 'staff' THEN 'time' ELSE 'staff' END")),
    "result: deleted": (SOLD, ONE_WINNER, row(f"DELETE FROM lot_results WHERE lot_id = '{SOLD}'")),
    "result: of a lot that is open": (
        OPEN, ONE_WINNER, row(f"INSERT INTO lot_results VALUES ('{OPEN}', 'no-bids', NULL, NULL, NULL, 9, 9, 'time')"),
    ),
    "stream: the last entry taken out, not archived": (OPEN, ORDER, last_taken_out_of_the_stream),
    "stream: a forged bid that fits": (OPEN, NO_PHANTOMS, forged_next_bid),
    "registration: another paddle": (
        OPEN, NO_PHANTOMS, row(f"UPDATE registrations SET paddle = 9 WHERE lot_id = '{OPEN}' AND bidder_id = 'bo'"),
    ),
    "lot: closed in the books": (OPEN, ORDER, row(f"UPDATE lots SET status = 'closed' WHERE lot_id = '{OPEN}'")),
    "lot: open in the books": (SOLD, ORDER, row(f"UPDATE lots SET status = 'open' WHERE lot_id = '{SOLD}'")),
    "state: rolled back": (OPEN, CHAINED, state_rolled_back),
    "ledger: rolled back behind its archive": (OPEN, ORDER, ledger_rolled_back),
}  # fmt: skip

LEDGER_DAMAGES: dict[str, tuple[str, int, Damage]] = {
    "stream: an archived entry taken out": (SOLD, ORDER, taken_out_of_the_stream),
    "stream: a forged bid that is too low": (OPEN, ORDER, forged_low_bid),
    "stream: a forged entry without the chain": (OPEN, CHAINED, forged_without_the_chain),
    "stream: a forged entry without a field": (SOLD, CHAINED, forged_without_a_field),
    "stream: a forged entry at an old seq": (OPEN, CHAINED, forged_seq),
    "state: another price": (OPEN, ORDER, state_of_another_price),
    "state: another opening": (OPEN, ORDER, state_field("opens_at", "5")),
    "state: another review limit": (OPEN, ORDER, state_field("review", "1")),
    "state: another time at which it was stopped": (OPEN, ORDER, state_field("stopped_at", "5")),
    "state: another last time": (OPEN, ORDER, state_field("last_at", "5")),
    "state: no number": (OPEN, CHAINED, state_field("seq", "six")),
    "state: another fingerprint of terms": (OPEN, ORDER, state_field("terms_sha256", "0" * 64)),
    "state: other terms": (OPEN, ORDER, other_terms),
    "state: terms that are none": (OPEN, ORDER, state_field("terms", "none")),
    "keys: all forgotten": (OPEN, ONCE, keys_gone),
    "keys: one forgotten": (OPEN, ONCE, accepted_key("bo", "key-00000200", None)),
    "keys: another receipt": (OPEN, ONCE, accepted_key("bo", "key-00000200", [7, 250, 250, 350, 1, 2, 0, 0])),
    "keys: no receipt": (OPEN, ONCE, accepted_key("bo", "key-00000200", [])),
    "keys: one of a bid that nobody made": (OPEN, ONCE, accepted_key("bo", "key-new", [99, 1, 1, 1, 1, 2, 0, 0])),
    "deadline: none": (OPEN, DEADLINE, deadline(None)),
    "deadline: another": (OPEN, DEADLINE, deadline(5)),
    "deadline: of a lot that is over": (SOLD, DEADLINE, deadline(5, SOLD)),
    "deadline: of an unknown lot": ("launch-099", NO_PHANTOMS, deadline_of_an_unknown_lot),
    "bidder: forgotten": (OPEN, NO_PHANTOMS, admission("bo", None)),
    "bidder: a higher limit": (OPEN, NO_PHANTOMS, admission("bo", [2, 10**12])),
    "bidder: another paddle": (OPEN, NO_PHANTOMS, admission("bo", [3, -1])),
    "bidder: unreadable": (OPEN, NO_PHANTOMS, admission("bo", "anything")),
    "bidder: admitted by nobody": (OPEN, NO_PHANTOMS, admission("eve", [9, -1])),
    "bidder: admitted, never registered": (OPEN, NO_PHANTOMS, admitted_by_a_script),
    "stream: an entry of an unknown lot": ("launch-099", NO_PHANTOMS, entry_of_an_unknown_lot),
    "state: gone": (OPEN, CHAINED, state_gone),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
async def test_one_damage_fails_the_check_and_the_broken_promise_is_named(kept: Kept, damage: str) -> None:
    lot_id, promise, do = DAMAGES[damage]
    await do(kept)
    breach = first_breach(await auction_aside("verify", "--all", "--json"))
    assert (breach["lot_id"], breach["promise"]) == (lot_id, promise), breach


async def test_each_damage_to_the_ledger_is_found_and_the_broken_promise_is_named(
    kept: Kept, subtests: pytest.Subtests
) -> None:
    """All on one record: what is damaged is put back each time."""
    whole = await kept.ledger_keys()
    for damage, (lot_id, promise, do) in LEDGER_DAMAGES.items():
        with subtests.test(damage):
            await do(kept)
            breach = (await verify_all(kept.context)).breaches[0]
            assert (breach.lot_id, breach.promise) == (lot_id, promise), breach
        await kept.put_back(whole)
    assert not (await verify_all(kept.context)).breaches


async def test_people_are_told_the_lot_the_seq_and_the_promise(kept: Kept) -> None:
    await bid("amount_fen = amount_fen + 1")(kept)
    said = await auction_aside("verify", "--sale", "launch")
    assert said.code == 1
    assert "lot launch-001, seq 6: promise 2 (no phantoms)" in said.out
    assert "1 of 3 lots break a promise" in said.out


async def with_a_deposit(kept: Kept) -> str:
    """A fourth lot of the sale, with one bidder's deposit held for it."""
    terms = {**TERMS, "deposit": {"policy": "flat", "amount_fen": 10_000}}
    lot_id = (await create_lot(kept.context, sale_id="launch", title="A lot", terms=terms, actor="olga")).record.lot_id
    await open_lot(kept.context, lot_id, duration_ms=3_600_000, actor="olga")
    await registration_deposits.register(kept.context, lot_id, bidder_id="ada", name="Ada")
    await Archiver(kept.context.books, kept.context.stream).catch_up()
    return lot_id


async def changed_line(kept: Kept) -> None:
    """A line of the journal says another amount; the database's triggers refuse that, so they are off."""
    await kept.books.execute("SET session_replication_role = replica")
    await kept.sql("UPDATE journal_lines SET amount_fen = amount_fen + 1 WHERE account = 'memo_authorised'")


async def test_money_that_was_moved_by_the_rules_passes(kept: Kept) -> None:
    await with_a_deposit(kept)
    said = await auction_aside("verify", "--all")
    assert said.code == 0, said
    assert "rules of money hold" in said.out


@pytest.mark.parametrize("what", [("--lot", SOLD), ("--sale", "launch"), ("--all",)])
async def test_a_damaged_row_of_the_journal_fails_the_check_whatever_is_checked(
    kept: Kept, what: tuple[str, ...]
) -> None:
    await with_a_deposit(kept)
    await changed_line(kept)
    said = await auction_aside("verify", *what, "--json")
    assert said.code == 1, said
    found = said.json()
    assert (found["ok"], found["breaches"]) == (False, [])
    first = found["money"]["broken"][0]
    assert first["name"] == "entries-balance"
    assert "deposit-authorised:" in first["what"][0]


async def test_people_are_told_the_first_rule_of_money_that_is_broken(kept: Kept) -> None:
    await with_a_deposit(kept)
    await changed_line(kept)
    said = await auction_aside("verify", "--all")
    assert said.code == 1
    assert "All promises held" in said.out
    assert "rule of money entries-balance: entry deposit-authorised:" in said.out
    assert re.search(r"\d+ of \d+ rules of money are broken; first entries-balance:", said.out)


async def test_power_that_no_deposit_backs_is_named(kept: Kept) -> None:
    """The ledger knows a limit that the books never gave."""
    terms = {**TERMS, "deposit": {"policy": "ladder", "bands": [{"deposit_fen": 10_000, "limit_fen": 1_000_000}]}}
    lot_id = (await create_lot(kept.context, sale_id="launch", title="A lot", terms=terms, actor="olga")).record.lot_id
    await open_lot(kept.context, lot_id, duration_ms=3_600_000, actor="olga")
    asked = await registration_deposits.register(kept.context, lot_id, bidder_id="ada", name="Ada")
    assert asked.registration is not None
    await kept.context.ledger.admit(
        lot_id, bidder_id="ada", paddle=asked.registration.paddle, limit_fen=9_000_000, purse_fen=None
    )
    said = await auction_aside("verify", "--lot", lot_id, "--json")
    assert said.code == 1, said
    (broken,) = said.json()["money"]["broken"]
    assert broken["name"] == "power-within-deposits"
    assert f"ada on lot {lot_id}: the ledger gives more" in broken["what"][0]
