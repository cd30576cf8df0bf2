"""Says in the ledger, again and again, that this process takes bids: a longer silence of all is an outage of bidding.

Beside the bid's way; run by each process that answers bids. What an outage does to a lot: `auction.domain.outage`.
"""

import asyncio

import structlog

from auction.domain.errors import LedgerChanged, LedgerFault, Unavailable
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.memory import LedgerFull, MemoryWatch

log = structlog.get_logger()

EVERY_S = 0.5


class Heartbeat:
    """The heartbeat of one process; `run` until cancelled. `limit_ms`: a longer silence is an outage; 0: none is."""

    def __init__(self, ledger: BidLedger, memory: MemoryWatch, *, limit_ms: int) -> None:
        self._ledger = ledger
        self._memory = memory
        self._limit_ms = limit_ms
        self._shards = set(range(ledger.keys.shards))
        """Those that had lots at the last beat; the first is for all, as an earlier process may have left something."""

    async def run(self) -> None:
        """Beat every EVERY_S; without a limit once, which ends what another setting began."""
        while True:
            raise_if_cancelled()
            try:
                await self.beat()
            except Unavailable:
                # the silence is what counts
                pass
            except Exception:
                # a heartbeat that ended would be an outage without end
                log.exception("heartbeat_failed")
            else:
                if not self._limit_ms:
                    return
            await asyncio.sleep(EVERY_S)

    async def beat(self) -> None:
        """Beat once on each shard with lots that are scheduled or open. Raises LedgerAway, OutcomeUnknown.

        Not while bids are refused for want of memory, nor on a shard that is stopped or out of order.
        """
        try:
            self._memory.check_bids_allowed()
        except LedgerFull:
            return
        active = await self._ledger.active_shards()
        for shard in sorted(active | self._shards):
            try:
                await self._ledger.note_activity(shard, limit_ms=self._limit_ms)
            except (LedgerChanged, LedgerFault) as error:
                log.debug("heartbeat_refused", shard=shard, code=error.code)
        self._shards = active
