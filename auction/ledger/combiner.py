"""Combines bids on their way to the script: one call in flight per lot, what queued meanwhile goes next.

No timer: an idle lot's bid leaves at once, a busy lot's bids share the next call, at most 512. A call that fails
fails only its own bids, each as "unknown, retry with the same key".
"""

import asyncio

from auction.domain.bidding import Bid
from auction.domain.errors import OverCapacity
from auction.ledger.bid_ledger import BATCH_MAX, Answer, BidLedger

WAITING_MAX = 16 * BATCH_MAX
"""The most bids that may wait for one lot in one process; beyond, a bid is turned away unsent."""


class Lane:
    """The bids that wait for one lot, and the task that carries them."""

    __slots__ = ("task", "waiting")

    def __init__(self) -> None:
        self.waiting: list[tuple[Bid, asyncio.Future[Answer]]] = []
        self.task: asyncio.Task[None] | None = None


class Combiner:
    """Carries every bid of this process to the ledger. Bound to one event loop."""

    def __init__(self, ledger: BidLedger, *, waiting_max: int = WAITING_MAX) -> None:
        self._ledger = ledger
        self._waiting_max = waiting_max
        self._lanes: dict[str, Lane] = {}

    async def place(self, lot_id: str, bid: Bid) -> Answer:
        """The ledger's answer to one bid. Raises OverCapacity (unsent), LedgerAway or OutcomeUnknown.

        A caller that is cancelled does not take its bid back: once queued it will be decided.
        """
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(lot_id)
        if lane is None:
            lane = self._lanes[lot_id] = Lane()
        if len(lane.waiting) >= self._waiting_max:
            raise OverCapacity(len(lane.waiting))
        answer: asyncio.Future[Answer] = loop.create_future()
        lane.waiting.append((bid, answer))
        if lane.task is None:
            lane.task = loop.create_task(self._carry(lot_id, lane))
        return await answer

    async def drain(self) -> None:
        """Wait until every bid that was queued has its answer."""
        while tasks := [lane.task for lane in self._lanes.values() if lane.task is not None]:
            # `wait`, not `gather`: giving up waiting must not cancel what carries the bids
            await asyncio.wait(tasks)

    async def _carry(self, lot_id: str, lane: Lane) -> None:
        while lane.waiting:
            batch, lane.waiting = lane.waiting[:BATCH_MAX], lane.waiting[BATCH_MAX:]
            try:
                answers = await self._ledger.place_bids(lot_id, [bid for bid, _ in batch])
                decided = list(zip(batch, answers, strict=True))
            except Exception as error:  # noqa: BLE001 - whatever it was, these bids are told
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(error)
                continue
            for (_, waiting), answer in decided:
                if not waiting.done():
                    waiting.set_result(answer)
        lane.task = None
        del self._lanes[lot_id]
