"""A crowd that bids while things break, and what must be true when the storm is over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from time import monotonic

from auction.services.context import AppContext
from tests.chaos.bidders import Crowd, open_a_lot, token
from tests.chaos.checkers import check_lot
from tests.chaos.deployment import RunningDeployment
from tests.chaos.history import STANDS, History, Outcome
from tests.chaos.record import caught_up
from tests.chaos.tcp_proxy import Wire

CROWD = 24
ASKED_AGAIN = 100
SOME_BIDS_WITHIN_S = 60.0


@dataclass(slots=True)
class Storm:
    """A crowd at work on a lot of a running house."""

    running: RunningDeployment
    crowd: Crowd
    bidding: "asyncio.Task[None]"

    @property
    def history(self) -> History:
        """What it saw so far."""
        return self.crowd.history

    async def until_accepted(self, more: int) -> None:
        """Wait until so many more bids were accepted; the crowd must not have ended meanwhile."""
        attempts, deadline_s = self.history.attempts, monotonic() + SOME_BIDS_WITHIN_S
        seen = len(attempts)
        while more > 0:
            more -= sum(attempt.outcome is Outcome.ACCEPTED for attempt in attempts[seen:])
            seen = len(attempts)
            if self.bidding.done():
                self.bidding.result()
                raise AssertionError("the crowd has gone home")
            assert monotonic() < deadline_s, f"the bidding stands still: {self.history.tally()}"
            await asyncio.sleep(0.005)


@asynccontextmanager
async def storm(running: RunningDeployment, context: AppContext, seed: int) -> AsyncIterator[Storm]:
    """Have a crowd bid for the block; then whatever broke is whole again, every bid's outcome known, all promises kept.

    What was acknowledged is not only looked up: a good part of it is asked for again, under its keys.
    """
    history = History(await open_a_lot(context, bidders=CROWD))
    crowd = Crowd(seed, history, [api.address for api in running.apis], CROWD)
    storming = Storm(running, crowd, asyncio.create_task(crowd.bid_until_stopped()))
    try:
        await storming.until_accepted(20)
        yield storming
        await asyncio.to_thread(running.restore)
        await storming.until_accepted(20)
    finally:
        crowd.stopping.set()
        await asyncio.wait([storming.bidding])
        print(history.tally())
    await storming.bidding
    await _ask_again(crowd, Random(seed))
    await caught_up(context)
    await check_lot(context, history)


async def _ask_again(crowd: Crowd, chance: Random) -> None:
    """Retry bids that stand: each must get its first receipt (compared by the checks)."""
    stand = [attempt for attempt in crowd.history.attempts if attempt.outcome in STANDS]
    wires = [Wire(address) for address in crowd.addresses]
    for attempt in chance.sample(stand, min(ASKED_AGAIN, len(stand))):
        signed = token(attempt.bidder_id)
        again = await crowd.history.bid(
            chance.choice(wires), attempt.bidder_id, signed, attempt.amount_fen, attempt.key
        )
        assert again.outcome is Outcome.REPEATED, f"{attempt} was asked for again: {again}"
    for wire in wires:
        wire.hang_up()


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
