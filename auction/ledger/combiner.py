"""Combines bids on their way to the ledger: one script call a lot at a time, which takes all bids queued meanwhile.

In the bid's way, between the bid endpoint and `bid_ledger`. No timer: the bid of an idle lot is sent at once, those of
a busy lot share the next call. A call that fails fails its own bids only, each as "unknown, retry with the same key".

Lots that the ledger has not yet known in this process share a few calls at a time, so that bids on made-up lots keep no
connection from bids on real ones.
"""

import asyncio
from collections.abc import Callable

import structlog
from cachetools import LRUCache

from auction.domain.bidding import Bid, Refused
from auction.domain.errors import OverCapacity, RefusalCode
from auction.ledger.bid_ledger import BATCH_BIDS_MAX, BidLedger
from auction.ledger.replies import BidAnswer

log = structlog.get_logger()

QUEUED_BIDS_MAX = 16 * BATCH_BIDS_MAX
"""Bids queued for one lot in one process; further ones are refused unsent."""

UNCONFIRMED_CALLS_MAX = 4
"""Calls at the same time for lots that the ledger has not known so far."""
UNCONFIRMED_LOTS_MAX = 256
"""Such lots with queued bids; bids on further ones are refused unsent."""
KNOWN_LOTS_MAX = 100_000


Done = Callable[[BidAnswer | Exception], None]
"""Takes the answer to a bid, or why it has none."""


class BidQueue:
    """The bids queued for one lot, and the task that sends them."""

    __slots__ = ("bids", "is_unconfirmed", "task")

    def __init__(self, *, is_unconfirmed: bool) -> None:
        self.bids: list[tuple[Bid, Done]] = []
        self.task: asyncio.Task[None] | None = None
        self.is_unconfirmed = is_unconfirmed
        """Whether the ledger has not known the lot so far."""


class Combiner:
    """Sends the bids of one process to the ledger. Bound to one event loop."""

    def __init__(self, ledger: BidLedger, *, queued_bids_max: int = QUEUED_BIDS_MAX) -> None:
        self._ledger = ledger
        self._queued_bids_max = queued_bids_max
        self._queues: dict[str, BidQueue] = {}
        self._known: LRUCache[str, bool] = LRUCache(KNOWN_LOTS_MAX)
        """The lots that the ledger knows."""
        self._unconfirmed_calls = asyncio.Semaphore(UNCONFIRMED_CALLS_MAX)
        self._unconfirmed_lots = 0

    async def place(self, lot_id: str, bid: Bid) -> BidAnswer:
        """Queue a bid and return the ledger's answer. Raises OverCapacity (unsent), LedgerAway or OutcomeUnknown.

        A queued bid is decided even if the caller is cancelled.
        """
        answer: asyncio.Future[BidAnswer] = asyncio.get_running_loop().create_future()

        def resolve(found: BidAnswer | Exception) -> None:
            if answer.done():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        self.submit(lot_id, bid, resolve)
        return await answer

    def submit(self, lot_id: str, bid: Bid, done: Done) -> None:
        """Queue a bid, for whose answer `done` is called later. Raises OverCapacity (unsent)."""
        queue = self._queues.get(lot_id)
        if queue is None:
            is_unconfirmed = lot_id not in self._known
            if is_unconfirmed and self._unconfirmed_lots >= UNCONFIRMED_LOTS_MAX:
                raise OverCapacity(self._unconfirmed_lots)
            self._unconfirmed_lots += is_unconfirmed
            queue = self._queues[lot_id] = BidQueue(is_unconfirmed=is_unconfirmed)
        if len(queue.bids) >= self._queued_bids_max:
            raise OverCapacity(len(queue.bids))
        queue.bids.append((bid, done))
        if queue.task is None:
            queue.task = asyncio.get_running_loop().create_task(self._send(lot_id, queue))

    async def drain(self) -> None:
        """Wait until every queued bid has its answer."""
        while tasks := [queue.task for queue in self._queues.values() if queue.task is not None]:
            # `wait`, not `gather`: a caller who gives up waiting must not cancel the tasks that send
            await asyncio.wait(tasks)

    async def _send(self, lot_id: str, queue: BidQueue) -> None:
        if queue.is_unconfirmed:
            await self._send_unconfirmed(lot_id, queue)
        while queue.bids:
            await self._send_batch(lot_id, queue)
        queue.task = None
        del self._queues[lot_id]

    async def _send_unconfirmed(self, lot_id: str, queue: BidQueue) -> None:
        """Send batches until the ledger turns out to know the lot, or nothing is queued."""
        try:
            while queue.bids and lot_id not in self._known:
                async with self._unconfirmed_calls:
                    await self._send_batch(lot_id, queue)
        finally:
            queue.is_unconfirmed = False
            self._unconfirmed_lots -= 1

    async def _send_batch(self, lot_id: str, queue: BidQueue) -> None:
        batch, queue.bids = queue.bids[:BATCH_BIDS_MAX], queue.bids[BATCH_BIDS_MAX:]
        try:
            answers = await self._ledger.place_bids(lot_id, [bid for bid, _ in batch])
            decided = list(zip(batch, answers, strict=True))
        except Exception as error:  # noqa: BLE001 - whatever it was, it is the answer to these bids
            for _, done in batch:
                _tell(done, error)
            return
        first = answers[0]
        if not (isinstance(first, Refused) and first.code is RefusalCode.LOT_UNKNOWN):
            self._known[lot_id] = True
        for (_, done), answer in decided:
            _tell(done, answer)


def _tell(done: Done, answer: BidAnswer | Exception) -> None:
    """Whatever a caller does with its answer, the others get theirs."""
    try:
        done(answer)
    except Exception:
        log.exception("bid_answer_failed")
