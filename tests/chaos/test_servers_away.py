"""A server that is away: without the ledger nothing is accepted; without the books bidding goes on."""

import asyncio
from random import Random
from time import monotonic, time

import pytest

from auction.domain.bidding import Bid, Refused
from auction.domain.ledger_layout import STREAM_START
from auction.domain.lot import LotStatus
from auction.ledger.connection import connect
from auction.ledger.keys import KeySpace
from auction.ledger.replies import AcceptedBid
from auction.ledger.stream import LedgerStream
from auction.services.context import AppContext
from tests.chaos.bidders import bidder_ids, open_a_lot
from tests.chaos.deployment import LEDGER_TIMEOUT_MS, RunningDeployment, frozen
from tests.chaos.history import Attempt, Outcome
from tests.chaos.http_connection import HttpConnection, get_request
from tests.chaos.workload import CLIENTS, SOME_BIDS_WITHIN_S, Workload, run_workload


async def test_a_ledger_that_says_nothing_accepts_nothing_and_what_it_had_heard_counts_once(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    async with run_workload(deployment, context, seed) as workload:
        with frozen([deployment.servers.ledger.pid]):
            from_s = monotonic()
            await _everyone_tried(workload, from_s)
            until_s = monotonic()
        meanwhile = _within(workload, from_s, until_s)
    # a process refuses low bids by what it heard of the ledger a moment ago
    outcomes = {attempt.outcome for attempt in meanwhile if not attempt.is_edge}
    assert outcomes <= {Outcome.UNKNOWN, Outcome.NOT_TAKEN}, outcomes
    assert workload.history.count(Outcome.UNKNOWN) > 0


async def test_a_lot_never_ends_while_the_ledger_is_away(deployment: RunningDeployment, context: AppContext) -> None:
    lasts_ms = 2_500
    while True:
        lot_id = await open_a_lot(context, bidders=1, duration_ms=lasts_ms)
        opened = await context.ledger.read(lot_id)
        assert opened is not None
        while not await context.ledger.redis.exists(context.ledger.keys.activity_of(lot_id)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        # longer than the silence that is an outage
        away_until_ms = opened.ends_at_ms + 2_500
        with frozen([deployment.servers.ledger.pid]):
            was_in_time = time() * 1000 < opened.ends_at_ms
            await asyncio.sleep(max(0.0, away_until_ms / 1000 - time()))
        if was_in_time:
            break
        lasts_ms *= 2
    while (lot := await context.ledger.read(lot_id)) is None or lot.status is LotStatus.OPEN:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert lot.status is LotStatus.PAUSED
    assert 0 < lot.remaining_ms <= lasts_ms
    (bidder_id,) = bidder_ids(1)
    while True:
        await context.ledger.resume(lot_id, review_above_fen=None, by="olga")
        (answer,) = await context.ledger.place_bids(lot_id, [Bid(bidder_id, 100, "key-0001")])
        if isinstance(answer, AcceptedBid):
            break
        # on a busy machine the processes are silent for so long that this is an outage again
        assert isinstance(answer, Refused)
        assert answer.facts == {"status": LotStatus.PAUSED}
    await context.ledger.close_now(lot_id, reason="enough", by="olga")


async def test_a_ledger_that_is_gone_accepts_nothing(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    async with run_workload(deployment, context, seed) as workload:
        await asyncio.to_thread(deployment.servers.kill_ledger)
        from_s = monotonic()
        await _everyone_tried(workload, from_s)
        meanwhile = _within(workload, from_s, monotonic())
    outcomes = {attempt.outcome for attempt in meanwhile}
    assert outcomes <= {Outcome.UNKNOWN, Outcome.NOT_TAKEN}, outcomes
    said = [attempt.answer for attempt in meanwhile if attempt.answer]
    assert {answer["status"] for answer in said} == {503}
    assert "ledger-away" in {answer["code"] for answer in said}


@pytest.mark.parametrize("how", ["frozen", "stopped at once"])
async def test_bidding_goes_on_without_the_books_and_the_archive_catches_up(
    deployment: RunningDeployment, context: AppContext, seed: int, how: str
) -> None:
    async with run_workload(deployment, context, seed) as workload:
        if how == "frozen":
            with frozen(deployment.servers.processes_of_books()):
                await workload.until_accepted(100)
        else:
            await asyncio.to_thread(deployment.servers.stop_books_at_once)
            await workload.until_accepted(100)
            connection = HttpConnection(deployment.apis[0].address)
            # what needs the books says so, and does not guess
            answer = await connection.ask(get_request("/api/v1/sales"))
            assert (answer.status, answer.json()["code"]) == (503, "books-away")
            connection.close()


async def test_a_ledger_that_forgets_its_scripts_is_told_them_again(
    deployment: RunningDeployment, context: AppContext, seed: int
) -> None:
    chance = Random(seed)
    async with run_workload(deployment, context, seed) as workload:
        for _ in range(25):
            await context.ledger.redis.script_flush(chance.choice(["SYNC", "ASYNC"]))
            await workload.until_accepted(1)
    # nobody noticed
    assert workload.history.count(Outcome.NOT_TAKEN) == 0


async def test_a_short_time_out_does_not_make_a_quiet_stream_look_like_a_lost_ledger(
    deployment: RunningDeployment,
) -> None:
    client = connect(deployment.servers.ledger.url, timeout_ms=1_000)
    try:
        assert await LedgerStream(client, KeySpace(100)).read(99, STREAM_START, block_ms=60_000, count=1) == []
    finally:
        await client.aclose()


@pytest.mark.slow
@pytest.mark.parametrize("run", range(3))
async def test_a_long_storm_of_servers_going_away(
    deployment: RunningDeployment, context: AppContext, seed: int, run: int
) -> None:
    chance = Random(seed)
    async with run_workload(deployment, context, seed) as workload:
        for _ in range(20):
            await asyncio.sleep(chance.expovariate(4))
            match chance.randrange(4):
                case 0:
                    with frozen([deployment.servers.ledger.pid]):
                        await asyncio.sleep(chance.uniform(0, 3 * LEDGER_TIMEOUT_MS / 1000))
                case 1:
                    with frozen(deployment.servers.processes_of_books()):
                        await asyncio.sleep(chance.uniform(0, 3))
                case 2:
                    await asyncio.to_thread(deployment.servers.stop_books_at_once)
                case _:
                    await context.ledger.redis.script_flush("SYNC")
            await workload.until_accepted(5)
            await asyncio.to_thread(deployment.restore)


async def _everyone_tried(workload: Workload, from_s: float) -> None:
    """Wait until every bidder has begun a bid after this moment and learnt what became of it, or that nobody says."""
    deadline_s = monotonic() + SOME_BIDS_WITHIN_S
    while len({one.bidder_id for one in workload.history.attempts if one.invoked_s > from_s}) < CLIENTS:
        assert monotonic() < deadline_s, f"some are told nothing: {workload.history.tally()}"
        await asyncio.sleep(0.02)


def _within(workload: Workload, from_s: float, until_s: float) -> list[Attempt]:
    """The attempts that began after one moment and had returned, if they did, before another."""
    attempts = [attempt for attempt in workload.history.attempts if attempt.invoked_s > from_s]
    meanwhile = [attempt for attempt in attempts if attempt.outcome is Outcome.UNKNOWN or attempt.returned_s < until_s]
    assert meanwhile, "nobody bid"
    return meanwhile
