"""64 clients, one lot, two API processes at once: whatever the interleaving, the record is what the promises say."""

import pytest

from auction.services.context import AppContext
from tests.chaos.bidders import BiddingClients, open_a_lot
from tests.chaos.checkers import check_lot
from tests.chaos.deployment import RunningDeployment
from tests.chaos.history import STANDS, History, Outcome
from tests.chaos.record import caught_up

CLIENTS = 64


@pytest.mark.parametrize("bids", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
async def test_bids_of_64_clients_at_two_processes_keep_every_promise(
    deployment: RunningDeployment, context: AppContext, seed: int, bids: int
) -> None:
    history = History(await open_a_lot(context, bidders=CLIENTS))
    clients = BiddingClients(seed, history, [api.address for api in deployment.apis], CLIENTS)
    await clients.bid_for(bids)
    await caught_up(context)
    record = await check_lot(context, history)
    print(history.tally())
    assert history.count(Outcome.NOT_TAKEN) == 0
    # every bid's outcome became known, so what stands is what was acknowledged
    stands = {attempt.whose for attempt in history.attempts if attempt.outcome in STANDS}
    assert {(bid.event.bidder_id, bid.event.key) for bid in record.bids()} == stands
    for outcome, one_in in ((Outcome.ACCEPTED, 10), (Outcome.REFUSED, 20), (Outcome.REPEATED, 40)):
        assert history.count(outcome) >= bids / one_in, history.tally()
    codes = {attempt.answer["code"] for attempt in history.attempts if attempt.outcome is Outcome.REFUSED}
    assert codes >= {"bid-too-low", "key-reused"}
