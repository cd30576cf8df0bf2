"""Promise 13: every watcher reaches the ledger's state and never sees a price fall within an epoch, whatever breaks."""

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest

from auction.domain.bidding import Bid
from auction.domain.errors import LedgerAway, OutcomeUnknown
from auction.domain.events import BidPlaced
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.replies import AcceptedBid, Snapshot
from auction.ledger.server_state import STOPPED
from auction.ledger.watcher_counts import count_watchers
from loadtests.live_client import LOST, LiveClient, stalled
from tests.ledger.event_sequences import LOT, SHARDS, entries, opened, taken
from tests.ledger.server_process import OwnServer
from tests.live.conftest import closed_with, heard, heard_until, speaking, sub, token

BIDDERS = ("ada", "bo", "cai")


@pytest.fixture
async def own_server() -> AsyncIterator[OwnServer]:
    """A ledger's server to be killed."""
    server = OwnServer(None, {})
    await server.start()
    yield server
    await server.close()


class Storm:
    """Bids that go on whatever happens, each asked for until it is answered."""

    def __init__(self, ledger: BidLedger) -> None:
        self.ledger = ledger
        self.prices: dict[int, int] = {}
        self.task: asyncio.Task[None] | None = None
        self.over = False

    async def rage(self, pause_s: float) -> None:
        number = 0
        while not self.over:
            number += 1
            bid = Bid(BIDDERS[number % 3], 100 * number, f"key-{number:06d}")
            receipt = (await self._asked(bid)).receipt
            self.prices[receipt.seq] = receipt.price_fen
            await asyncio.sleep(pause_s)

    async def _asked(self, bid: Bid) -> AcceptedBid:
        while True:
            try:
                (answer,) = await self.ledger.place_bids(LOT, [bid])
            except (LedgerAway, OutcomeUnknown):
                await asyncio.sleep(0.02)
                continue
            assert isinstance(answer, AcceptedBid), answer
            return answer

    async def until(self, more: int) -> None:
        """Wait for so many more bids."""
        wanted = len(self.prices) + more
        while len(self.prices) < wanted:
            assert self.task is not None
            assert not self.task.done(), self.task.result()
            await asyncio.sleep(0.01)


async def persistently(call):
    """A control action, until the ledger answers it."""
    while True:
        try:
            return await call()
        except (LedgerAway, OutcomeUnknown):
            await asyncio.sleep(0.02)


async def ride_out(own_server, gateways, watching, *, watchers: int, calm: int, pause_s: float) -> None:
    """Watchers of both kinds through everything that may break, `calm` bids between two faults; then the reckoning."""
    ledger = await BidLedger.open(own_server.client(timeout_ms=1_000), SHARDS)
    await opened(ledger, bidders=BIDDERS)
    some = gateways(own_server.url)
    await some.start(2)
    clients = [
        watching(some.url, mode="feed" if n % 2 else "state", token=token(BIDDERS[n % 3]) if n % 5 == 0 else None)
        for n in range(watchers)
    ]
    for client in clients:
        await client.until(lambda client: client.state)
    asleep = [await stalled(some.url, LOT, mode=mode) for mode in ("feed", "state")]
    storm = Storm(ledger)
    storm.task = asyncio.create_task(storm.rage(pause_s))

    await storm.until(calm)
    await some.kill()
    await storm.until(calm)
    await some.start()
    await persistently(lambda: ledger.extend(LOT, by_ms=60_000, reason="a storm", by="eve"))
    await storm.until(calm)
    own_server.kill()
    await own_server.start()
    await storm.until(calm)
    some.processes[0].terminate()
    await some.processes.pop(0).communicate()
    for client in clients[::7]:
        client.cut()
    await storm.until(calm)
    storm.over = True
    await storm.task
    final = await persistently(lambda: ledger.close_now(LOT, reason="enough", by="eve"))

    for client in clients:
        await client.until(lambda client: client.state.get("status") == "closed")
    for connection in asleep:
        connection.transport.abort()
    told = await every_bid(ledger)
    for client in clients:
        hold_against(client, final, told)
    assert {code for client in clients for code in client.closes} <= {LOST, 1012}
    assert sum(len(client.closes) for client in clients) > 0


async def every_bid(ledger: BidLedger) -> dict[int, int]:
    """Seq -> price of every bid in the ledger's stream."""
    return {
        seq: event.price_fen
        for entry in await entries(ledger)
        for seq, event in enumerate(entry.events, entry.first_seq)
        if isinstance(event, BidPlaced)
    }


def hold_against(client: LiveClient, final: Snapshot, told: dict[int, int]) -> None:
    """What a watcher saw against what the ledger holds."""
    assert client.faults == []
    state = client.state
    assert (state["epoch"], state["seq"], state["price_fen"], state["leader"], state["bids"]) == (
        final.epoch, final.seq, final.price_fen, final.leader_paddle, final.bids
    )  # fmt: skip
    if client.mode == "feed":
        # shown the lot as a whole once, and told every bid since, once
        (joined,) = client.snaps
        assert [(bid["seq"], bid["amount_fen"]) for bid in client.bids] == [
            (seq, price) for seq, price in told.items() if seq > joined[1]
        ]
        assert [event["type"] for event in client.events] == ["extended", "closed"]
    if client.token is not None:
        assert client.you["leading"] == (client.you["paddle"] == final.leader_paddle)


async def test_watchers_ride_out_killed_gateways_and_a_killed_ledger(own_server, gateways, watching):
    await ride_out(own_server, gateways, watching, watchers=24, calm=15, pause_s=0.004)


@pytest.mark.slow
async def test_five_hundred_watchers_ride_out_killed_gateways_and_a_killed_ledger(own_server, gateways, watching):
    await ride_out(own_server, gateways, watching, watchers=500, calm=60, pause_s=0.03)


async def test_while_the_ledger_is_away_watchers_stay_and_newcomers_wait(own_server, gateways):
    ledger = await BidLedger.open(own_server.client(timeout_ms=1_000), SHARDS)
    await opened(ledger, bidders=BIDDERS)
    await opened(ledger, "launch-002", bidders=BIDDERS)
    some = gateways(own_server.url)
    await some.start()
    async with speaking(some.url, sub()) as watcher:
        await heard(watcher)
        own_server.kill()
        async with speaking(some.url, sub("launch-002")) as newcomer, speaking(some.url, sub()) as late:
            assert (await heard(late))["price_fen"] == 0
            asking = asyncio.create_task(heard(newcomer))
            await own_server.start()
            first = await asking
            assert (first["type"], first["lot_id"]) == ("snap", "launch-002")
            await persistently(lambda: taken(ledger, "ada", 700, "key-0001"))
            for each in (watcher, late):
                assert (await heard_until(each, "tick"))[-1]["price_fen"] == 700


async def test_a_stopped_shard_keeps_the_watchers_of_no_other_from_their_lots(own_server, gateways):
    """The ledger was away, and one shard waits for its restoring; each lot is compared with a page of its own."""
    elsewhere = "elsewhere-001"
    ledger = await BidLedger.open(own_server.client(timeout_ms=1_000), SHARDS)
    assert ledger.keys.shard_of(LOT) != ledger.keys.shard_of(elsewhere)
    for lot_id in (LOT, elsewhere):
        await opened(ledger, lot_id, bidders=BIDDERS)
    some = gateways(own_server.url)
    await some.start()
    async with speaking(some.url, sub(elsewhere)) as refused, speaking(some.url, sub()) as watcher:
        await heard(refused)
        await heard(watcher)
        await ledger.redis.set(ledger.keys.lineage_of(elsewhere), STOPPED)
        own_server.kill()
        await own_server.start()
        await persistently(lambda: taken(ledger, "ada", 700, "key-0001"))
        assert (await heard_until(watcher, "tick"))[-1]["price_fen"] == 700


async def test_a_ledger_that_comes_back_with_less_sends_its_watchers_back(own_server, gateways):
    ledger = await BidLedger.open(own_server.client(timeout_ms=1_000), SHARDS)
    await opened(ledger, bidders=BIDDERS)
    some = gateways(own_server.url)
    await some.start()
    async with speaking(some.url, sub()) as watcher:
        await heard(watcher)
        await taken(ledger, "ada", 900, "key-0001")
        assert (await heard(watcher))["price_fen"] == 900
        own_server.kill()
        shutil.rmtree(own_server.socket.parent / "appendonlydir")
        await own_server.start()
        ledger = await BidLedger.open(own_server.client(timeout_ms=1_000), SHARDS)
        await opened(ledger, bidders=BIDDERS)
        await taken(ledger, "bo", 100, "key-0002")
        assert await closed_with(watcher) == 4000
    async with speaking(some.url, sub()) as watcher:
        assert (await heard(watcher))["price_fen"] == 100


async def test_watchers_are_counted_over_all_gateways(own_server, gateways, watching):
    ledger = await BidLedger.open(own_server.client(), SHARDS)
    await opened(ledger)
    some = gateways(own_server.url)
    await some.start(2)
    clients = [watching(some.url) for _ in range(12)]
    for client in clients:
        await client.until(lambda client: client.state)

    await counted(ledger, 12)
    assert len(await ledger.redis.hgetall(ledger.keys.watchers(LOT))) == 2
    # those of one gateway are told of those of the other
    await taken(ledger, "ada", 100, "key-0001")
    price = 100
    for client in clients:
        while client.state["watchers"] != 12:
            price += 100
            await taken(ledger, BIDDERS[price // 100 % 3], price, f"key-{price:05d}")
            await asyncio.sleep(0.05)
    some.processes[0].terminate()
    await some.processes.pop(0).communicate()
    await counted(ledger, 12)
    assert len(await ledger.redis.hgetall(ledger.keys.watchers(LOT))) == 1


async def counted(ledger: BidLedger, expected: int) -> None:
    """Wait until so many watchers are counted; the test's time-out is the limit."""
    found = -1
    while found != expected:
        found = (await count_watchers(ledger, [LOT]))[LOT]


@pytest.mark.slow
async def test_the_watchers_of_a_killed_gateway_stop_counting(own_server, gateways):
    ledger = await BidLedger.open(own_server.client(), SHARDS)
    await opened(ledger)
    some = gateways(own_server.url)
    await some.start()
    async with speaking(some.url, sub()) as watcher:
        await heard(watcher)
        await counted(ledger, 1)
        await some.kill()
        await counted(ledger, 0)
