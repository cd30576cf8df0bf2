"""Watchers that do not read: they delay nobody, cost little, miss nothing that matters, and are let go in the end."""

import asyncio
import gc
import tracemalloc

import pytest

from api.live import keepalive, lot_projection
from api.live.lot_projection import KEPT_FRAMES_MIN
from api.live.protocol import CloseCode
from auction.domain.pricing import LeadingBid
from loadtests.live_client import stalled
from tests.ledger.event_sequences import LOT, opened
from tests.live.conftest import Bidding, closed_with, heard, running, shown, until

SMALL = {"send_buffer_bytes": 4096, "tick_ms": 1}
PATIENT = {"behind_ms_max": 600_000, "behind_bytes_max": 100_000_000}


async def until_behind(live, bidding: Bidding, count: int = 1) -> None:
    """Bid until so many sockets have something unsent, and no buffer on the way takes any more."""
    while len(live.gateway._behind) < count:
        while len(live.gateway._behind) < count:
            await bidding.bid(5)
        # kernels take what they first refused, as their acknowledgements come in
        await asyncio.sleep(0.4)


async def until_gone(live, bidding: Bidding) -> None:
    """Bid until nobody watches any more."""
    while live.gateway.hub.channels[LOT].watchers:
        await bidding.bid(5)


async def rest(connection, **last: object) -> list[dict]:
    """Everything that is still to be read, up to a frame with the fields of `last`."""
    connection.transport.resume_reading()
    found = [await heard(connection)]
    while not last.items() <= found[-1].items():
        found.append(await heard(connection))
    return found


@pytest.mark.parametrize("mode", ["state", "feed"])
async def test_a_watcher_that_reads_again_gets_what_nobody_may_miss_and_the_newest_state(ledger, mode):
    await opened(ledger)
    bidding = Bidding(ledger)
    async with running(ledger, **SMALL, **PATIENT) as live:
        slow = await stalled(live.url, LOT, mode=mode)
        await until(lambda: live.gateway.hub.channels.get(LOT) and live.gateway.hub.channels[LOT].projection)
        await until_behind(live, bidding)
        conflated = live.gateway.metrics.conflated
        await ledger.extend(LOT, by_ms=5_000, reason="behind your back", by="eve")
        await bidding.bid(30)
        await ledger.pause(LOT, reason="a look", by="eve")
        await ledger.resume(LOT, review_above_fen=None, by="eve")
        await bidding.bid(10)
        final = await ledger.close_now(LOT, reason="enough", by="eve")
        await shown(live, ledger)
        assert live.gateway.metrics.conflated > conflated
        frames = await rest(slow, type="tick", seq=final.seq)
        await slow.close()
    kinds = [frame["type"] for frame in frames if frame["type"] in {"extended", "paused", "resumed", "closed"}]
    assert kinds == ["extended", "paused", "resumed", "closed"]
    assert (frames[-1]["type"], frames[-1]["status"], frames[-1]["seq"]) == ("tick", "closed", final.seq)
    states = [frame for frame in frames if frame["type"] in {"snap", "tick"}]
    assert [frame["price_fen"] for frame in states] == sorted(frame["price_fen"] for frame in states)
    if mode == "feed":
        assert [frame["seq"] for frame in frames if frame["type"] == "bid"] == list(bidding.prices)
    else:
        assert len(states) < len(bidding.prices)


@pytest.mark.parametrize("mode", ["state", "feed"])
async def test_a_watcher_behind_sees_a_new_epoch_in_order(ledger, mode):
    await opened(ledger)
    bidding = Bidding(ledger)
    async with running(ledger, **SMALL, **PATIENT) as live:
        slow = await stalled(live.url, LOT, mode=mode)
        await until(lambda: live.gateway.hub.channels.get(LOT) and live.gateway.hub.channels[LOT].projection)
        await until_behind(live, bidding)
        now = await ledger.pause(LOT, reason="a look", by="eve")
        standing = LeadingBid(100, "ada", 1, 100)
        last_seq = max(bidding.prices)
        await ledger.restate(LOT, at_seq=now.seq, voided_seq=last_seq, leading=standing, reason="mistyped", by="eve")
        await ledger.resume(LOT, review_above_fen=None, by="eve")
        await shown(live, ledger)
        frames = await rest(slow, type="snap", epoch=2)
        await slow.close()
    kinds = [frame["type"] for frame in frames if frame["type"] not in {"hello", "bid", "tick"}]
    # the first is what it began with
    assert kinds == ["snap", "paused", "voided", "resumed", "snap"]
    assert (frames[-1]["epoch"], frames[-1]["price_fen"]) == (2, 100)


async def test_a_watcher_too_far_behind_is_let_go_with_a_word(ledger):
    await opened(ledger)
    bidding = Bidding(ledger)
    async with running(ledger, **SMALL, behind_bytes_max=2_000, behind_ms_max=600_000) as live:
        slow = await stalled(live.url, LOT, mode="feed")
        await until(lambda: live.gateway.hub.channels.get(LOT) and live.gateway.hub.channels[LOT].projection)
        await until_gone(live, bidding)
        slow.transport.resume_reading()
        assert await closed_with(slow) == CloseCode.TOO_SLOW
        assert slow.close_reason == "too many bytes behind"


async def test_a_watcher_too_long_behind_is_let_go_with_a_word(ledger, monkeypatch):
    # it answers no ping either, and is not to be let go for that
    monkeypatch.setattr(keepalive, "UNANSWERED_PINGS_MAX", 1_000_000)
    await opened(ledger)
    async with running(ledger, **SMALL, behind_ms_max=50, ping_ms=150) as live:
        slow = await stalled(live.url, LOT)
        await until(lambda: live.gateway.hub.channels.get(LOT) and live.gateway.hub.channels[LOT].projection)
        await until_gone(live, Bidding(ledger))
        slow.transport.resume_reading()
        assert await closed_with(slow) == CloseCode.TOO_SLOW


async def test_a_stalled_watcher_takes_nothing_from_the_others(ledger, watching):
    await opened(ledger)
    bidding = Bidding(ledger)
    async with running(ledger, **SMALL, **PATIENT) as live:
        feed, state = watching(live.url, mode="feed"), watching(live.url)
        for client in (feed, state):
            await client.until(lambda client: client.state)
        slow = [await stalled(live.url, LOT, mode="feed"), await stalled(live.url, LOT)]
        await until(lambda: len(live.gateway.hub.channels[LOT].watchers) == 4)
        await until_behind(live, bidding, 2)
        await bidding.bid(100)
        for client in (feed, state):
            await client.until(lambda client: client.seq == max(bidding.prices))
            assert client.faults == []
        assert [bid["seq"] for bid in feed.bids] == list(bidding.prices)
        assert len(live.gateway._behind) == 2
        for connection in slow:
            connection.transport.abort()


async def growth(ledger, *, sockets: int, bids: int) -> int:
    """By how many bytes this process grows while so many stalled watchers miss so many bids."""
    await opened(ledger)
    bidding = Bidding(ledger)
    async with running(ledger, **SMALL, **PATIENT) as live:
        slow = [await stalled(live.url, LOT, mode="feed" if n % 2 else "state") for n in range(sockets)]
        await until(lambda: LOT in live.gateway.hub.channels)
        await until(lambda: len(live.gateway.hub.channels[LOT].watchers) == sockets)
        await until_behind(live, bidding, sockets)
        tracemalloc.start()
        try:
            # by then all that the lot keeps for those who come back has been made under watch
            await bidding.burst(KEPT_FRAMES_MIN + 20)
            await shown(live, ledger)
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            await bidding.burst(bids)
            await shown(live, ledger)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(live.gateway._behind) == sockets
        for connection in slow:
            connection.transport.abort()
    # what the test itself notes of its bids
    return after - before - 200 * bids


async def test_stalled_watchers_cost_the_same_however_much_they_miss(ledger, monkeypatch):
    monkeypatch.setattr(lot_projection, "KEPT_MS", -1)  # else all of the burst is kept for those who come back
    # queued for each of the five feeds, 200 bids would be 150 KB
    assert await growth(ledger, sockets=10, bids=200) < 50_000


@pytest.mark.slow
async def test_fifty_stalled_watchers_cost_the_same_however_much_they_miss(ledger, monkeypatch):
    monkeypatch.setattr(lot_projection, "KEPT_MS", -1)
    # queued for each of the twenty-five feeds, 3,000 bids would be 11 MB
    assert await growth(ledger, sockets=50, bids=3_000) < 1_000_000
