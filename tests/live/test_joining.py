"""Joining in the middle and coming back: never a hole, never a repeat, never less than was seen elsewhere."""

import asyncio

import pytest

from api.live.protocol import RESUMED_EVENTS_MAX, CloseCode
from auction.domain.pricing import LeadingBid
from loadtests.live_client import LiveClient
from tests.ledger.event_sequences import LOT, OTHER_LOT, opened, taken
from tests.live.conftest import Bidding, closed_with, heard, heard_until, running, shown, speaking, sub, token, until


def bids_in(frames: list[dict]) -> list[int]:
    return [frame["seq"] for frame in frames if frame["type"] == "bid"]


async def test_whoever_joins_while_bids_pour_in_misses_none_and_gets_none_twice(live, ledger, watching):
    await opened(ledger)
    bidding = Bidding(ledger)
    clients: list[LiveClient] = []

    async def pour() -> None:
        while len(clients) < 24:
            await bidding.bid()

    pouring = asyncio.create_task(pour())
    for number in range(24):
        client = watching(live.url, mode="feed" if number % 4 else "state")
        await client.until(lambda client: client.state)
        clients.append(client)
    await pouring
    last_seq = max(bidding.prices)
    for client in clients:
        await client.until(lambda client: client.state["seq"] >= last_seq)
        assert client.faults == []
        assert client.closes == []
        assert client.state["price_fen"] == bidding.prices[last_seq]
        if client.mode == "feed":
            (joined_at,) = client.snaps
            heard_bids = {bid["seq"]: bid["amount_fen"] for bid in client.bids}
            assert heard_bids == {seq: price for seq, price in bidding.prices.items() if seq > joined_at[1]}


async def test_many_that_join_at_once_before_the_lot_was_read_share_one_reading(live, ledger, watching):
    await opened(ledger)
    clients = [watching(live.url, mode="feed") for _ in range(30)]
    await Bidding(ledger).bid(50)
    for client in clients:
        await client.until(lambda client: client.state.get("bids") == 50)
        assert client.faults == []
    assert len(live.gateway.hub.channels) == 1


async def test_what_happens_while_a_lot_is_being_read_is_told_all_the_same(live, ledger):
    await opened(ledger)
    hub = live.gateway.hub
    look_back = hub._reader.last_entries

    async def look_back_slowly(shard, **how):
        found = await look_back(shard, **how)
        # the lot has been read: this bid comes by the tail alone
        await taken(ledger, "ada", 100, "key-0001")
        await until(lambda: hub._buffered[LOT])
        return found

    hub._reader.last_entries = look_back_slowly
    async with speaking(live.url, sub(mode="feed")) as feed:
        assert (await heard(feed))["price_fen"] == 100
        await taken(ledger, "bo", 200, "key-0002")
        assert [frame["type"] for frame in await heard_until(feed, "tick")] == ["bid", "tick"]


async def test_a_feed_that_comes_back_is_told_exactly_what_it_missed(live, ledger):
    await opened(ledger)
    bidding = Bidding(ledger)
    async with speaking(live.url, sub(mode="feed")) as feed:
        snap = await heard(feed)
    await bidding.bid(20)
    await ledger.extend(LOT, by_ms=1_000, reason="why", by="eve")
    await bidding.bid(20)
    await shown(live, ledger)
    back = sub(mode="feed", epoch=1, seq=snap["seq"])
    async with speaking(live.url, back) as feed:
        missed = await heard_until(feed, "tick")
    assert bids_in(missed) == list(bidding.prices)
    assert [frame["type"] for frame in missed].count("extended") == 1
    assert "snap" not in {frame["type"] for frame in missed}
    prev = snap["seq"]
    for frame in missed[:-1]:
        if frame["type"] == "bid":
            assert frame["prev_seq"] == prev or frame["prev_seq"] <= snap["seq"]
        prev = frame["seq"]


async def test_a_feed_that_comes_back_to_a_process_that_is_new_misses_nothing_either(ledger):
    await opened(ledger)
    await opened(ledger, OTHER_LOT)
    bidding, other = Bidding(ledger), Bidding(ledger, OTHER_LOT)
    await bidding.bid(5)
    async with running(ledger) as old, speaking(old.url, sub(mode="feed")) as feed:
        snap = await heard(feed)
    before = len(bidding.prices)
    for _ in range(10):
        await bidding.bid(3)
        await other.bid(1)
    async with running(ledger) as new, speaking(new.url, sub(mode="feed", epoch=1, seq=snap["seq"])) as feed:
        missed = await heard_until(feed, "tick")
        assert bids_in(missed) == list(bidding.prices)[before:]
        await bidding.bid(1)
        following = await heard_until(feed, "tick")
        assert following[0]["prev_seq"] == missed[-1]["seq"]


def count_calls(monkeypatch, owner, name):
    """Counts the calls of a method from here on."""
    calls = []
    method = getattr(owner, name)

    def counted(*given, **named):
        calls.append(given)
        return method(*given, **named)

    monkeypatch.setattr(owner, name, counted)
    return calls


async def test_one_reading_of_a_shards_last_entries_serves_all_its_lots(live, ledger, monkeypatch):
    """A feed that comes back gets what it missed on each, also where nobody watched it here before."""
    lots = (LOT, OTHER_LOT)
    for lot_id in lots:
        await opened(ledger, lot_id)
    bidding = {lot_id: Bidding(ledger, lot_id) for lot_id in lots}
    for lot_id in lots:
        await bidding[lot_id].bid(3)
    assert len({ledger.keys.shard_of(lot_id) for lot_id in lots}) == 1
    readings = count_calls(monkeypatch, live.gateway.hub._reader, "last_entries")
    for lot_id in lots:
        first, *missed = bidding[lot_id].prices
        async with speaking(live.url, sub(lot_id, mode="feed", epoch=1, seq=first)) as feed:
            assert bids_in(await heard_until(feed, "tick")) == missed
        # the other lot's come by the tail, which nobody reads the stream for
        await bidding[OTHER_LOT].bid(2)
    assert len(readings) == 1


async def test_entries_that_the_tail_has_not_brought_yet_are_read_for_whoever_comes_back(live, ledger):
    await opened(ledger)
    await opened(ledger, OTHER_LOT)
    bidding = Bidding(ledger, OTHER_LOT)
    await bidding.bid(1)
    async with speaking(live.url, sub()) as watcher:
        await heard(watcher)
        go_on = await behind_the_ledger(live, ledger)
        await bidding.bid(3)
        first, *missed = bidding.prices
        async with speaking(live.url, sub(OTHER_LOT, mode="feed", epoch=1, seq=first)) as feed:
            assert bids_in(await heard_until(feed, "tick")) == missed
            go_on.set()
            await bidding.bid(1)
            assert bids_in(await heard_until(feed, "tick")) == list(bidding.prices)[-1:]


async def test_a_made_up_lot_costs_the_ledger_no_script_and_no_entries(live, ledger, monkeypatch):
    await opened(ledger)
    reader = live.gateway.hub._reader
    calls = [
        count_calls(monkeypatch, ledger, "read"),
        count_calls(monkeypatch, reader, "last_entries"),
        count_calls(monkeypatch, reader, "entries_since"),
    ]
    for number in range(5):
        async with speaking(live.url, sub(f"launch-9{number:02d}")) as watcher:
            assert await closed_with(watcher) == CloseCode.UNKNOWN_LOT
    assert calls == [[], [], []]


@pytest.mark.parametrize("missed", [RESUMED_EVENTS_MAX, RESUMED_EVENTS_MAX + 1])
async def test_a_feed_that_missed_too_much_begins_again(live, ledger, missed):
    await opened(ledger)
    async with speaking(live.url, sub(mode="feed")) as feed:
        snap = await heard(feed)
    bidding = Bidding(ledger)
    await bidding.burst(missed)
    await shown(live, ledger)
    async with speaking(live.url, sub(mode="feed", epoch=1, seq=snap["seq"])) as feed:
        first = await heard(feed)
        assert first["type"] == ("bid" if missed <= RESUMED_EVENTS_MAX else "snap")
        assert first["seq"] == (min if first["type"] == "bid" else max)(bidding.prices)


async def test_a_feed_that_missed_nothing_is_told_where_the_lot_stands(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub(mode="feed")) as feed:
        snap = await heard(feed)
    async with speaking(live.url, sub(mode="feed", epoch=1, seq=snap["seq"])) as feed:
        assert [frame["type"] for frame in await heard_until(feed, "tick")] == ["tick"]


async def test_a_watcher_of_the_state_comes_back_to_a_snapshot(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub()) as watcher:
        snap = await heard(watcher)
    await Bidding(ledger).bid(3)
    await shown(live, ledger)
    async with speaking(live.url, sub(epoch=1, seq=snap["seq"])) as watcher:
        again = await heard(watcher)
        assert (again["type"], again["bids"]) == ("snap", 3)


async def test_another_epoch_always_begins_with_a_snapshot(live, ledger):
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    last = await taken(ledger, "bo", 900, "key-0002")
    async with speaking(live.url, sub(mode="feed")) as feed:
        snap = await heard(feed)
    now = await ledger.pause(LOT, reason="a look", by="eve")
    standing = LeadingBid(100, "ada", 1, 100)
    await ledger.restate(LOT, at_seq=now.seq, voided_seq=last.seq, leading=standing, reason="mistyped", by="eve")
    await shown(live, ledger)
    for seq in (snap["seq"], now.seq + 1):
        async with speaking(live.url, sub(mode="feed", epoch=1, seq=seq)) as feed:
            again = await heard(feed)
            assert (again["type"], again["epoch"], again["price_fen"]) == ("snap", 2, 100)


# -- a client that knows more than the gateway ------------------------------------------------------------------------


async def behind_the_ledger(live, ledger) -> asyncio.Event:
    """Have the gateway's tail stand still, until the event is set."""
    go_on = asyncio.Event()
    tail = live.gateway._follower._tail
    read = tail.read

    async def held_read(**how):
        await go_on.wait()
        return await read(**how)

    tail.read = held_read
    # the call under way is the last that is not held
    await taken(ledger, "ada", 100, "key-a001")
    await until(lambda: live.gateway.hub.channels[LOT].projection.lot.price_fen == 100)
    return go_on


async def test_who_has_seen_more_elsewhere_waits_and_is_never_shown_less(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub()) as witness:
        await heard(witness)
        go_on = await behind_the_ledger(live, ledger)
        await heard(witness)
        ahead = await taken(ledger, "bo", 700, "key-a002")
        channel = live.gateway.hub.channels[LOT]
        back = sub(mode="feed", epoch=1, seq=ahead.seq, token=token("bo"))
        async with speaking(live.url, back) as ahead_of_us:
            await until(lambda: channel.ahead)
            # the claim has been checked with the ledger, which has as much
            await until(lambda: not live.gateway.hub._tasks)
            assert channel.ahead
            go_on.set()
            first = await heard(ahead_of_us)
            assert (first["type"], first["seq"], first["price_fen"]) == ("tick", ahead.seq, 700)
            you = (await heard_until(ahead_of_us, "you"))[-1]
            assert you["leading"]
        assert not channel.ahead


async def test_who_claims_more_than_the_ledger_has_is_shown_what_there_is(live, ledger):
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    async with speaking(live.url, sub(mode="feed", epoch=1, seq=999)) as liar:
        assert (await heard(liar))["type"] == "snap"
    async with speaking(live.url, sub(mode="feed", epoch=7, seq=1)) as liar:
        assert (await heard(liar))["epoch"] == 1


# -- when what is known is not to be trusted ---------------------------------------------------------------------------


async def test_entries_that_went_missing_send_the_watchers_back_to_be_shown_anew(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub()) as watcher:
        await heard(watcher)
        # an entry that no watcher was told: the lot in the ledger is beyond what the stream says
        go_on = await behind_the_ledger(live, ledger)
        await heard(watcher)
        lost = await ledger.redis.xrevrange(ledger.keys.stream_of(LOT), count=1)
        await taken(ledger, "bo", 700, "key-a002")
        gone = await ledger.redis.xrevrange(ledger.keys.stream_of(LOT), count=1)
        assert gone[0][0] > lost[0][0]
        await ledger.redis.xdel(ledger.keys.stream_of(LOT), gone[0][0])
        await taken(ledger, "ada", 900, "key-a003")
        go_on.set()
        assert await closed_with(watcher) == CloseCode.RESYNC
    async with speaking(live.url, sub()) as watcher:
        assert (await heard(watcher))["price_fen"] == 900


async def test_a_stream_that_lost_its_end_sends_the_watchers_of_its_lots_back(live, ledger):
    elsewhere = "elsewhere-001"
    await opened(ledger)
    await opened(ledger, elsewhere)
    assert ledger.keys.shard_of(LOT) != ledger.keys.shard_of(elsewhere)
    async with speaking(live.url, sub()) as watcher, speaking(live.url, sub(elsewhere)) as untouched:
        await heard(watcher)
        await heard(untouched)
        await ledger.redis.xtrim(ledger.keys.stream_of(LOT), maxlen=0, approximate=False)
        assert await closed_with(watcher) == CloseCode.RESYNC
        await taken(ledger, "ada", 100, "key-0001", lot_id=elsewhere)
        assert (await heard_until(untouched, "tick"))[-1]["price_fen"] == 100


async def test_an_entry_that_cannot_be_read_sends_the_watchers_of_its_shard_back(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub()) as watcher:
        await heard(watcher)
        await ledger.redis.xadd(ledger.keys.stream_of(LOT), {"lot": LOT, "ev": "?"})
        assert await closed_with(watcher) == CloseCode.RESYNC
    async with speaking(live.url, sub()) as watcher:
        await heard(watcher)
        await taken(ledger, "ada", 100, "key-0001")
        assert (await heard_until(watcher, "tick"))[-1]["price_fen"] == 100
