"""What a watcher hears, from greeting to end, over real sockets."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from api.live.clock import DRIFT_MS
from api.live.protocol import CloseCode
from auction.domain.pricing import LeadingBid
from auction.domain.terms import Bidding, SoftClose
from auction.services.identity.tokens import Role
from tests.ledger.event_sequences import LOT, OTHER_LOT, bid, opened, scheduled, taken, terms
from tests.live.conftest import Bidding as Bids
from tests.live.conftest import (
    Heard,
    Running,
    closed_with,
    heard,
    heard_until,
    running,
    say,
    speaking,
    sub,
    token,
    until,
)

LATE = terms(soft_close=SoftClose(4_000_000, 5_000_000))


async def test_a_watcher_is_greeted_then_shown_the_lot_then_told_its_news(live, ledger):
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    async with speaking(live.url, sub()) as watcher:
        snap = await heard(watcher)
        now = await ledger.read(LOT)
        assert snap == {
            "type": "snap", "lot_id": LOT, "epoch": 1, "seq": now.seq, "status": "open", "price_fen": 100, "leader": 1,
            "bids": 1, "minimum_fen": 200, "ends_at_ms": now.ends_at_ms, "remaining_ms": 0, "now_ms": snap["now_ms"],
            "watchers": 1, "reserve_met": None, "outcome": None,
        }  # fmt: skip
        await taken(ledger, "bo", 500, "key-0002")
        tick = await heard(watcher)
        assert (tick["type"], tick["price_fen"], tick["leader"], tick["seq"]) == ("tick", 500, 2, now.seq + 1)
        assert tick["minimum_fen"] == 600


async def test_a_feed_hears_every_bid_with_the_price_it_made(live, ledger):
    await opened(ledger, of=terms(bidding=Bidding.PROXY))
    await taken(ledger, "ada", 99_900, "key-0001")
    async with speaking(live.url, sub(mode="feed")) as watcher:
        snap = await heard(watcher)
        await bid(ledger, "bo", 500, "key-0002")
        first, tick = await heard_until(watcher, "tick")
        assert (first["type"], first["paddle"], first["amount_fen"], first["leading"]) == ("bid", 2, 600, False)
        assert first["prev_seq"] <= snap["seq"] < first["seq"] == tick["seq"]
        assert (tick["price_fen"], tick["leader"]) == (600, 1)


async def test_a_lot_goes_through_its_life_before_the_watchers_eyes(live, ledger):
    await scheduled(ledger, of=LATE)
    await ledger.admit(LOT, bidder_id="ada", paddle=1, limit_fen=None, purse_fen=None)
    async with speaking(live.url, sub(), max_size=None) as watcher:
        assert (await heard(watcher))["status"] == "scheduled"
        now = await ledger.open_now(LOT, ends_at_ms=await ledger.now_ms() + 3_600_000, by="eve")
        assert (await heard(watcher))["status"] == "open"

        receipt = await taken(ledger, "ada", 100, "key-0001")
        extended, tick = await heard_until(watcher, "tick")
        assert (extended["type"], extended["by_bid"], extended["ends_at_ms"]) == ("extended", True, receipt.ends_at_ms)
        assert tick["ends_at_ms"] == receipt.ends_at_ms > now.ends_at_ms

        await ledger.extend(LOT, by_ms=60_000, reason="a storm", by="eve")
        extended, tick = await heard_until(watcher, "tick")
        assert (extended["by_bid"], extended["reason"]) == (False, "a storm")
        assert extended["ends_at_ms"] == tick["ends_at_ms"] == receipt.ends_at_ms + 60_000

        await ledger.pause(LOT, reason="a look", by="eve")
        paused, tick = await heard_until(watcher, "tick")
        assert (paused["type"], paused["reason"], tick["status"]) == ("paused", "a look", "paused")
        assert paused["remaining_ms"] == tick["remaining_ms"] > 0
        assert paused["cause"] == tick["pause_cause"] == "staff"

        await ledger.resume(LOT, review_above_fen=200, by="eve")
        resumed, tick = await heard_until(watcher, "tick")
        assert (resumed["type"], tick["status"], tick["remaining_ms"]) == ("resumed", "open", 0)
        assert "pause_cause" not in tick
        assert resumed["ends_at_ms"] == tick["ends_at_ms"]

        await ledger.admit(LOT, bidder_id="bo", paddle=2, limit_fen=None, purse_fen=None)
        await taken(ledger, "bo", 300, "key-0002")
        *_, held, tick = await heard_until(watcher, "tick")
        assert (held["type"], tick["status"]) == ("held", "held")

        await ledger.resume(LOT, review_above_fen=0, by="eve")
        await heard_until(watcher, "tick")
        await ledger.close_now(LOT, reason="enough", by="eve")
        closed, tick = await heard_until(watcher, "tick")
        assert {name: closed[name] for name in ("type", "status", "outcome", "price_fen", "leader", "reason")} == {
            "type": "closed", "status": "closed", "outcome": "sold", "price_fen": 300, "leader": 2, "reason": "enough",
        }  # fmt: skip
        assert (tick["status"], tick["ends_at_ms"]) == ("closed", closed["ends_at_ms"])


async def test_a_voided_bid_begins_a_new_epoch_for_everyone(live, ledger):
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    last = await taken(ledger, "bo", 900, "key-0002")
    async with speaking(live.url, sub()) as watcher, speaking(live.url, sub(mode="feed")) as feed:
        for each in (watcher, feed):
            assert (await heard(each))["price_fen"] == 900
        now = await ledger.pause(LOT, reason="a look", by="eve")
        await ledger.restate(
            LOT,
            at_seq=now.seq,
            voided_seq=last.seq,
            leading=LeadingBid(100, "ada", 1, 100),
            reason="mistyped",
            by="eve",
        )
        for each in (watcher, feed):
            *_, voided, snap = await heard_until(each, "snap")
            assert (voided["type"], voided["epoch"], voided["bid_seq"]) == ("voided", 2, last.seq)
            assert (voided["price_fen"], voided["leader"]) == (100, 1)
            assert (snap["epoch"], snap["seq"], snap["price_fen"], snap["leader"]) == (2, voided["seq"], 100, 1)


async def test_a_withdrawn_lot_is_closed_as_void(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub()) as watcher:
        await heard(watcher)
        await ledger.void(LOT, reason="stolen", by="eve")
        closed, tick = await heard_until(watcher, "tick")
        assert (closed["type"], closed["status"], closed["leader"], tick["status"]) == ("closed", "void", None, "void")
        assert tick["outcome"] == "void"


async def test_a_watcher_is_told_whether_the_reserve_is_met_and_never_how_high_it_is(live, ledger):
    await opened(ledger, of=terms(reserve_fen=7_777))
    async with speaking(live.url, sub()) as watcher:
        assert (await heard(watcher))["reserve_met"] is False
        await taken(ledger, "ada", 7_700, "key-0001")
        below = await heard(watcher)
        await taken(ledger, "bo", 7_800, "key-0002")
        above = await heard(watcher)
        await ledger.close_now(LOT, reason="the end", by="eve")
        *_, after = await heard_until(watcher, "tick")
    assert [below["reserve_met"], above["reserve_met"], above["outcome"]] == [False, True, None]
    assert (after["reserve_met"], after["outcome"]) == (True, "sold")
    assert not any("7777" in str(frame) for frame in (below, above, after))


async def test_one_socket_may_watch_several_lots_and_change_how(live, ledger):
    await opened(ledger)
    await opened(ledger, OTHER_LOT)
    async with speaking(live.url, sub(), sub(OTHER_LOT)) as watcher:
        assert {(await heard(watcher))["lot_id"], (await heard(watcher))["lot_id"]} == {LOT, OTHER_LOT}
        await taken(ledger, "ada", 100, "key-0001", lot_id=OTHER_LOT)
        assert (await heard(watcher))["lot_id"] == OTHER_LOT
        await say(watcher, sub(mode="feed"))
        assert (await heard(watcher))["lot_id"] == LOT
        await taken(ledger, "ada", 100, "key-0001")
        assert [(frame["type"], frame["lot_id"]) for frame in await heard_until(watcher, "tick")] == [
            ("bid", LOT),
            ("tick", LOT),
        ]
    assert live.gateway.hub.channels[LOT].watchers == set()


async def test_busy_lots_are_told_in_turns_and_the_last_state_is_never_left_out(ledger):
    await opened(ledger)
    bids = Bids(ledger)
    ticks: list[Heard] = []
    async with running(ledger, tick_ms=150) as live, speaking(live.url, sub()) as watcher:
        await heard(watcher)
        # on a machine that takes 150 ms for each bid it takes more of them until two share a turn
        while not 0 < len(ticks) < bids.made:
            await bids.bid(10)
            ticks.append(await heard(watcher))
            while ticks[-1]["bids"] < bids.made:
                ticks.append(await heard(watcher))
        assert ticks[-1]["price_fen"] == 100 * bids.made


# -- bidders ----------------------------------------------------------------------------------------------------------


def plain(you: dict) -> dict:
    return {name: value for name, value in you.items() if name not in {"type", "lot_id"}}


async def test_a_signed_in_bidder_is_told_when_they_lead_and_when_they_are_outbid(live, ledger):
    await opened(ledger)
    await taken(ledger, "ada", 100, "key-0001")
    async with speaking(live.url, sub(token=token("ada"))) as watcher:
        *_, you = await heard_until(watcher, "you")
        assert plain(you) == {"leading": True, "paddle": 1, "limit_fen": None}
        await taken(ledger, "bo", 200, "key-0002")
        *_, you = await heard_until(watcher, "you")
        assert plain(you) == {"leading": False, "paddle": 1, "limit_fen": None, "outbid_by": 2}
        await taken(ledger, "cai", 300, "key-0003")
        await taken(ledger, "ada", 400, "key-0004")
        *others, you = await heard_until(watcher, "you")
        assert plain(you) == {"leading": True, "paddle": 1, "limit_fen": None}
        assert all(frame["type"] == "tick" for frame in others)


async def test_a_bidder_hears_of_their_registration_and_of_a_raised_limit(live, ledger):
    await opened(ledger, bidders=("ada",))
    async with speaking(live.url, sub(token=token("dee"))) as watcher:
        *_, you = await heard_until(watcher, "you")
        assert plain(you) == {"leading": False, "paddle": None, "limit_fen": None}
        await ledger.admit(LOT, bidder_id="dee", paddle=4, limit_fen=5_000, purse_fen=None)
        assert plain(await heard(watcher)) == {"leading": False, "paddle": 4, "limit_fen": 5_000}
        await ledger.admit(LOT, bidder_id="dee", paddle=4, limit_fen=90_000, purse_fen=None)
        assert plain(await heard(watcher)) == {"leading": False, "paddle": 4, "limit_fen": 90_000}


async def test_all_screens_of_a_bidder_are_told_and_nobody_elses(live, ledger):
    await opened(ledger)
    async with (
        speaking(live.url, sub(token=token("ada"))) as phone,
        speaking(live.url, sub(token=token("ada"), mode="feed")) as desk,
        speaking(live.url, sub(token=token("olga", Role.OPS))) as staff,
        speaking(live.url, sub()) as anyone,
    ):
        for screen in (phone, desk):
            await heard_until(screen, "you")
        for other in (staff, anyone):
            await heard(other)
        await taken(ledger, "ada", 100, "key-0001")
        for screen in (phone, desk):
            assert (await heard_until(screen, "you"))[-1]["leading"]
        for other in (staff, anyone):
            assert (await heard(other))["type"] == "tick"
            await say(other, {"type": "sync", "c0": 1})
            assert (await heard(other))["type"] == "synced"


async def test_a_token_that_runs_out_leaves_an_anonymous_watcher(ledger):
    await opened(ledger)
    async with running(ledger, ping_ms=150) as live, speaking(live.url, sub(token=token("ada"))) as watcher:
        await heard_until(watcher, "you")
        (channel,) = live.gateway.hub.channels.values()
        (socket,) = live.gateway._connections
        assert socket.identity is not None
        socket.identity = replace(socket.identity, expires_at_s=0)
        await until(lambda: not any(each.bidder_id for each in channel.watchers))
        await taken(ledger, "ada", 100, "key-0001")
        await heard_until(watcher, "tick")
        await say(watcher, {"type": "sync", "c0": 1})
        assert {frame["type"] for frame in await heard_until(watcher, "synced")} <= {"hb", "synced"}


# -- time -------------------------------------------------------------------------------------------------------------


def doubt_of(live: Running) -> float:
    """How far the gateway's idea of the ledger's time may be off, in ms: half a round trip, and a clock's drift."""
    return max(sample.round_trip_ms for sample in live.gateway.clock._samples) + DRIFT_MS


async def test_the_ledgers_time_is_told_on_request(live, ledger):
    async with speaking(live.url) as anyone:
        before_ms = await ledger.now_ms()
        await say(anyone, {"type": "sync", "c0": 17.25})
        synced = await heard(anyone)
        after_ms = await ledger.now_ms()
        assert (synced["type"], synced["c0"]) == ("synced", 17.25)
        doubt_ms = doubt_of(live)
        assert before_ms - doubt_ms <= synced["s1"] <= synced["s2"] <= after_ms + doubt_ms


async def test_an_idle_lot_is_said_to_be_alive(ledger):
    await opened(ledger)
    now = await ledger.read(LOT)
    async with running(ledger, ping_ms=100) as live, speaking(live.url, sub()) as watcher:
        beat = (await heard_until(watcher, "hb"))[-1]
        assert (beat["type"], beat["seq"], beat["watchers"]) == ("hb", now.seq, 1)
        assert now.now_ms - doubt_of(live) <= beat["now_ms"] <= await ledger.now_ms() + doubt_of(live)


# -- ends -------------------------------------------------------------------------------------------------------------


async def test_a_stopping_gateway_sends_everyone_elsewhere(ledger):
    await opened(ledger)
    async with running(ledger) as live, speaking(live.url, sub()) as watcher, speaking(live.url) as silent:
        await heard(watcher)
        stopping = asyncio.create_task(live.stop())
        assert await closed_with(watcher) == CloseCode.RESTART
        assert await closed_with(silent) == CloseCode.RESTART
        await stopping
    with pytest.raises(ConnectionRefusedError):
        async with speaking(live.url):
            pass
    assert await ledger.redis.hgetall(ledger.keys.watchers(LOT)) == {}


async def test_long_after_its_end_a_lots_watchers_are_told_that_nothing_more_comes(ledger):
    await opened(ledger)
    await opened(ledger, OTHER_LOT)
    async with running(ledger, ping_ms=100, ended_ms=50) as live:
        async with speaking(live.url, sub()) as one, speaking(live.url, sub(), sub(OTHER_LOT)) as both:
            await heard(one)
            assert {(await heard(both))["lot_id"] for _ in range(2)} == {LOT, OTHER_LOT}
            await ledger.close_now(LOT, reason="enough", by="eve")
            assert (await heard_until(one, "closed"))[-1]["status"] == "closed"
            assert await closed_with(one) == CloseCode.ENDED
            await heard_until(both, "closed")
            await taken(ledger, "ada", 100, "key-0001", lot_id=OTHER_LOT)
            while (await heard(both)).get("price_fen") != 100:
                pass
        async with speaking(live.url, sub()) as late:
            assert (await heard(late))["status"] == "closed"
            assert await closed_with(late) == CloseCode.ENDED


async def test_a_lot_that_nobody_watches_is_forgotten_after_a_while(ledger):
    await opened(ledger)
    async with running(ledger, ping_ms=100, linger_ms=20) as live:
        async with speaking(live.url, sub()) as watcher:
            await heard(watcher)
            assert LOT in live.gateway.hub.channels
        await until(lambda: not live.gateway.hub.channels)
        async with speaking(live.url, sub()) as again:
            assert (await heard(again))["type"] == "snap"


# -- operators --------------------------------------------------------------------------------------------------------


async def test_operators_are_told_that_it_is_alive_and_what_it_counts(live, ledger):
    await opened(ledger)
    async with speaking(live.url, sub()) as watcher:
        await heard(watcher)
        await taken(ledger, "ada", 100, "key-0001")
        await heard(watcher)
        async with httpx.AsyncClient(base_url=live.url.replace("ws://", "http://"), trust_env=False) as operator:
            alive = await operator.get("/healthz")
            metrics = (await operator.get("/metrics")).text
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert "auction_live_deliveries_total 1.0" in metrics
    assert "auction_live_lots 1.0" in metrics


async def test_watchers_are_told_while_the_ledger_refuses_the_lots_shard(live, ledger):
    await opened(ledger)
    lineage_key = ledger.keys.lineage_of(LOT)
    async with speaking(live.url, sub()) as watcher:
        assert "ledger_away" not in await heard(watcher)
        await ledger.redis.set(lineage_key, "stopped")
        away = await heard(watcher)
        assert (away["type"], away["status"], away["ledger_away"]) == ("tick", "open", True)
        async with speaking(live.url, sub()) as late:
            assert (await heard(late))["ledger_away"]
        await ledger.redis.set(lineage_key, ledger.lineage)
        assert "ledger_away" not in await heard(watcher)
        await taken(ledger, "ada", 100, "key-0001")
        assert (await heard_until(watcher, "tick"))[-1]["price_fen"] == 100
