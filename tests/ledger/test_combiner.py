import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest
from structlog.testing import capture_logs

from auction.domain.bidding import Bid, Refused
from auction.domain.errors import LedgerAway, OutcomeUnknown, OverCapacity
from auction.domain.events import BidPlaced
from auction.ledger import combiner as combiner_module
from auction.ledger.bid_ledger import BATCH_BIDS_MAX, BidLedger
from auction.ledger.combiner import Combiner
from auction.ledger.replies import AcceptedBid, BidAnswer
from tests.ledger.conftest import OwnServers
from tests.ledger.event_sequences import LOT, OTHER_LOT, SHARDS, entries, opened, taken
from tests.ledger.server_process import OwnServer, until_sent


class Counting(BidLedger):
    """A ledger that notes the size of each batch."""

    sizes: list[int]

    async def place_bids(self, lot_id: str, bids: Sequence[Bid]) -> list[BidAnswer]:
        """As ever, noted."""
        self.sizes.append(len(bids))
        return await super().place_bids(lot_id, bids)


def counting(ledger: BidLedger) -> Counting:
    """The same ledger, counted from here."""
    counted = Counting(ledger.redis, ledger.keys, lineage="")
    counted.sizes = []
    return counted


def rising(number: int, bidders: int = 2) -> Bid:
    """The n-th of bids that are all accepted in their order, from bidders in turn."""
    return Bid(("ada", "bo", "cai")[number % bidders], 100 * (number + 1), f"key-{number:05d}")


async def test_bids_of_64_share_few_calls_and_keep_their_order(ledger: BidLedger) -> None:
    await opened(ledger)
    counted = counting(ledger)
    combiner = Combiner(counted)
    answers = await asyncio.gather(*(combiner.place(LOT, rising(number)) for number in range(64)))
    assert all(isinstance(answer, AcceptedBid) for answer in answers)
    assert counted.sizes == [64]
    keys = [event.key for entry in await entries(ledger) for event in entry.events if isinstance(event, BidPlaced)]
    assert keys == [f"key-{number:05d}" for number in range(64)]


async def test_what_queues_during_a_call_goes_with_the_next(ledger: BidLedger) -> None:
    await opened(ledger)
    counted = counting(ledger)
    combiner = Combiner(counted)
    first = asyncio.create_task(combiner.place(LOT, rising(0)))
    while not counted.sizes:  # noqa: ASYNC110 - the moment the first call has left
        await asyncio.sleep(0)
    others = [asyncio.create_task(combiner.place(LOT, rising(number))) for number in range(1, 600)]
    answers = [await first, *await asyncio.gather(*others)]
    assert all(isinstance(answer, AcceptedBid) for answer in answers)
    assert counted.sizes == [1, BATCH_BIDS_MAX, 599 - BATCH_BIDS_MAX]


async def test_64_bidders_who_go_on_bidding_share_calls(ledger: BidLedger) -> None:
    bidders = [f"bidder-{number:02d}" for number in range(64)]
    await opened(ledger, bidders=bidders)
    counted = counting(ledger)
    combiner = Combiner(counted)

    async def bid_on(bidder: str) -> int:
        stood = 0
        for number in range(20):
            snapshot_minimum = 100 * (1 + sum(counted.sizes))
            answer = await combiner.place(LOT, Bid(bidder, snapshot_minimum, f"{bidder}-{number:03d}"))
            stood += isinstance(answer, AcceptedBid)
        return stood

    stood = sum(await asyncio.gather(*map(bid_on, bidders)))
    assert sum(counted.sizes) == 64 * 20
    assert len(counted.sizes) <= 64 * 20 // 8
    bids = [event for entry in await entries(ledger) for event in entry.events if isinstance(event, BidPlaced)]
    assert len(bids) == stood
    assert all(later.price_fen >= earlier.price_fen + 100 for earlier, later in pairwise(bids))


async def test_lots_do_not_wait_for_one_another(ledger: BidLedger) -> None:
    await opened(ledger)
    await opened(ledger, OTHER_LOT)
    counted = counting(ledger)
    combiner = Combiner(counted)
    answers = await asyncio.gather(combiner.place(LOT, rising(0)), combiner.place(OTHER_LOT, rising(0)))
    assert [isinstance(answer, AcceptedBid) for answer in answers] == [True, True]
    assert counted.sizes == [1, 1]


async def test_a_full_lane_turns_bids_away_unsent(ledger: BidLedger) -> None:
    await opened(ledger)
    combiner = Combiner(ledger, queued_bids_max=2)
    waiting = [asyncio.create_task(combiner.place(LOT, rising(number))) for number in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(OverCapacity, match="2 bids wait") as caught:
        await combiner.place(LOT, rising(2))
    assert caught.value.code == "over-capacity"
    assert all(isinstance(answer, AcceptedBid) for answer in await asyncio.gather(*waiting))
    assert isinstance(await combiner.place(LOT, rising(2)), AcceptedBid)


async def test_a_caller_who_leaves_takes_no_bid_back_and_harms_no_other(ledger: BidLedger) -> None:
    await opened(ledger)
    combiner = Combiner(ledger)
    leaving, staying = (asyncio.create_task(combiner.place(LOT, rising(number))) for number in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert isinstance(await staying, AcceptedBid)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    (again,) = await ledger.place_bids(LOT, [rising(0)])
    assert isinstance(again, AcceptedBid)
    assert again.repeated


async def test_a_drained_combiner_has_answered_every_bid(ledger: BidLedger) -> None:
    await opened(ledger)
    combiner = Combiner(ledger)
    await combiner.drain()
    waiting = [asyncio.create_task(combiner.place(LOT, rising(number))) for number in range(BATCH_BIDS_MAX + 10)]
    await asyncio.sleep(0)
    await combiner.drain()
    await asyncio.sleep(0)
    assert all(task.done() and isinstance(task.result(), AcceptedBid) for task in waiting)


async def test_giving_up_on_a_drain_cancels_no_bid(own_server: OwnServers) -> None:
    server, _, combiner = await _own(own_server)
    server.freeze()
    waiting = asyncio.create_task(combiner.place(LOT, rising(0)))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(combiner.drain(), 0.05)
    server.thaw()
    # a cancelled carrier would leave them waiting for ever
    assert isinstance(await waiting, AcceptedBid)
    assert isinstance(await combiner.place(LOT, rising(1)), AcceptedBid)


async def test_a_killed_server_fails_its_own_batch_alone(own_server: OwnServers) -> None:
    server, ledger, combiner = await _own(own_server)
    assert isinstance(await combiner.place(LOT, rising(0)), AcceptedBid)
    server.freeze()
    batch = [asyncio.create_task(combiner.place(LOT, rising(number))) for number in (1, 2, 3)]
    leaving = asyncio.create_task(combiner.place(LOT, rising(4)))
    await until_sent(ledger.redis)
    leaving.cancel()
    server.kill()
    for outcome in await asyncio.gather(*batch, return_exceptions=True):
        assert isinstance(outcome, OutcomeUnknown)
    with pytest.raises(LedgerAway):
        await combiner.place(LOT, rising(5))
    await server.start()
    answers = [await combiner.place(LOT, rising(number)) for number in range(6)]
    assert [isinstance(answer, AcceptedBid) for answer in answers] == [True] * 6
    assert answers[0].repeated  # type: ignore[union-attr]
    keys = [event.key for entry in await entries(ledger) for event in entry.events if isinstance(event, BidPlaced)]
    assert keys == [f"key-{number:05d}" for number in range(6)]


async def test_a_silent_server_fails_the_batch_in_flight_and_not_the_next(own_server: OwnServers) -> None:
    server, ledger, _ = await _own(own_server)
    await taken(ledger, "ada", 100, "key-00000")
    hasty = BidLedger(await server.connected(timeout_ms=50), ledger.keys, lineage="")

    class HastyOnce(BidLedger):
        """Waits 50 ms for the answer to its first call, and as long as it takes for the others."""

        calls = 0

        async def place_bids(self, lot_id: str, bids: Sequence[Bid]) -> list[BidAnswer]:
            self.calls += 1
            return await (hasty.place_bids if self.calls == 1 else super().place_bids)(lot_id, bids)

    combiner = Combiner(HastyOnce(ledger.redis, ledger.keys, lineage=""))
    server.freeze()
    first = asyncio.create_task(combiner.place(LOT, rising(1)))
    await until_sent(hasty.redis)
    second = asyncio.create_task(combiner.place(LOT, rising(2)))
    with pytest.raises(OutcomeUnknown):
        await first
    server.thaw()
    assert isinstance(await second, AcceptedBid)
    assert isinstance(await combiner.place(LOT, rising(3)), AcceptedBid)


async def test_an_answer_too_few_fails_the_batch_and_nothing_hangs(ledger: BidLedger) -> None:
    await opened(ledger)

    class Forgetful(BidLedger):
        async def place_bids(self, lot_id: str, bids: Sequence[Bid]) -> list[BidAnswer]:
            return (await super().place_bids(lot_id, bids))[1:]

    combiner = Combiner(Forgetful(ledger.redis, ledger.keys, lineage=""))
    outcomes = await asyncio.gather(
        *(combiner.place(LOT, rising(number)) for number in range(2)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]
    await combiner.drain()


async def _own(own_server: OwnServers) -> tuple[OwnServer, BidLedger, Combiner]:
    """An open lot on a server of the test's own, and a combiner."""
    server = await own_server()
    ledger = await BidLedger.open(server.client(), SHARDS)
    await opened(ledger)
    return server, ledger, Combiner(ledger)


class Busiest(BidLedger):
    """A ledger that notes how many calls for lots not yet confirmed are under way at the same time."""

    now = most = 0

    async def place_bids(self, lot_id: str, bids: Sequence[Bid]) -> list[BidAnswer]:
        """As ever, noted."""
        unconfirmed = lot_id != LOT
        self.now += unconfirmed
        self.most = max(self.most, self.now)
        try:
            return await super().place_bids(lot_id, bids)
        finally:
            self.now -= unconfirmed


async def test_bids_on_made_up_lots_keep_no_connection_from_bids_on_real_ones(ledger: BidLedger) -> None:
    await opened(ledger)
    busiest = Busiest(ledger.redis, ledger.keys, lineage="")
    combiner = Combiner(busiest)
    assert isinstance(await combiner.place(LOT, rising(0)), AcceptedBid)
    made_up = [asyncio.create_task(combiner.place(f"ghost-{number:03d}", rising(0))) for number in range(600)]
    await asyncio.sleep(0)
    honest = await asyncio.gather(*(combiner.place(LOT, rising(number)) for number in range(1, 30)))
    assert all(isinstance(answer, AcceptedBid) for answer in honest)
    answers = await asyncio.gather(*made_up, return_exceptions=True)
    assert busiest.most == combiner_module.UNCONFIRMED_CALLS_MAX
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    over = [answer for answer in answers if isinstance(answer, OverCapacity)]
    assert {answer.code for answer in refused} == {"lot-unknown"}
    assert len(refused) == combiner_module.UNCONFIRMED_LOTS_MAX
    assert len(refused) + len(over) == 600
    # a lot that turns out to be known is confirmed
    await opened(ledger, lot_id=OTHER_LOT)
    assert isinstance(await combiner.place(OTHER_LOT, rising(0)), AcceptedBid)
    await combiner.drain()


async def test_a_caller_who_fails_at_its_answer_takes_it_from_nobody_else(ledger: BidLedger) -> None:
    await opened(ledger)
    combiner = Combiner(ledger)
    answers: list[object] = []

    def fail(_answer: object) -> None:
        raise ZeroDivisionError

    with capture_logs() as logged:
        combiner.submit(LOT, rising(0), fail)
        combiner.submit(LOT, rising(1), answers.append)
        await combiner.drain()
    assert [event["event"] for event in logged] == ["bid_answer_failed"]
    assert [type(answer) for answer in answers] == [AcceptedBid]
