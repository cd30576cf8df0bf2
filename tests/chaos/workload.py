"""Clients that bid while things break, and what must be true afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from time import monotonic

from auction.services.context import AppContext
from tests.chaos.bidders import BiddingClients, open_a_lot, token
from tests.chaos.checkers import check_lot
from tests.chaos.deployment import RunningDeployment
from tests.chaos.history import STANDS, History, Outcome
from tests.chaos.http_connection import HttpConnection
from tests.chaos.record import caught_up

CLIENTS = 24
ASKED_AGAIN = 100
SOME_BIDS_WITHIN_S = 300.0
"""For a deployment that hangs; a busy machine takes its time."""


@dataclass(slots=True)
class Workload:
    """Clients that bid on a lot of a running deployment."""

    running: RunningDeployment
    clients: BiddingClients
    bidding: "asyncio.Task[None]"

    @property
    def history(self) -> History:
        """What it saw so far."""
        return self.clients.history

    async def until_accepted(self, more: int) -> None:
        """Wait until so many more bids were accepted; the clients must not have ended meanwhile."""
        attempts, deadline_s = self.history.attempts, monotonic() + SOME_BIDS_WITHIN_S
        seen = len(attempts)
        while more > 0:
            more -= sum(attempt.outcome is Outcome.ACCEPTED for attempt in attempts[seen:])
            seen = len(attempts)
            if self.bidding.done():
                self.bidding.result()
                raise AssertionError("the clients have ended")
            assert monotonic() < deadline_s, f"the bidding stands still: {self.history.tally()}"
            await asyncio.sleep(0.005)


@asynccontextmanager
async def run_workload(running: RunningDeployment, context: AppContext, seed: int) -> AsyncIterator[Workload]:
    """Have clients bid for the block; then repair what broke, learn every bid's outcome and check all promises.

    What was acknowledged is not only looked up: a good part of it is asked for again, under its keys.
    """
    history = History(await open_a_lot(context, bidders=CLIENTS))
    clients = BiddingClients(seed, history, [api.address for api in running.apis], CLIENTS)
    workload = Workload(running, clients, asyncio.create_task(clients.bid_until_stopped()))
    try:
        await workload.until_accepted(20)
        yield workload
        await asyncio.to_thread(running.restore)
        await workload.until_accepted(20)
    finally:
        clients.stopping.set()
        await asyncio.wait([workload.bidding])
        print(history.tally())
    await workload.bidding
    await _ask_again(clients, Random(seed))
    await caught_up(context)
    await check_lot(context, history)


async def _ask_again(clients: BiddingClients, chance: Random) -> None:
    """Retry bids that stand: each must get its first receipt (compared by the checks)."""
    stand = [attempt for attempt in clients.history.attempts if attempt.outcome in STANDS]
    connections = [HttpConnection(address) for address in clients.addresses]
    for attempt in chance.sample(stand, min(ASKED_AGAIN, len(stand))):
        signed = token(attempt.bidder_id)
        again = await clients.history.bid(
            chance.choice(connections), attempt.bidder_id, signed, attempt.amount_fen, attempt.key
        )
        assert again.outcome is Outcome.REPEATED, f"{attempt} was asked for again: {again}"
    for connection in connections:
        connection.close()


Fault = Callable[[RunningDeployment], None]
"""Does the damage; what it leaves behind is mended by `RunningDeployment.restore`."""

KILLS: dict[str, Fault] = {
    "an API process": lambda running: running.apis[0].kill(),
    "the worker": lambda running: running.worker.kill(),
    "the ledger": lambda running: running.servers.kill_ledger(),
}


def kill_everything(running: RunningDeployment) -> None:
    """All at once, but for the books."""
    for process in running.processes:
        process.kill()
    running.servers.kill_ledger()
