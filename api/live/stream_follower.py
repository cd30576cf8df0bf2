"""Follows the ledger for a gateway: every entry once and in order, and a check of what is known after every absence.

After the bid's way. While the ledger is away nothing is told, so nobody sees a wrong price. When it answers again,
what it holds must continue what watchers were shown; where it does not, they are sent away to come back (4000).
"""

import asyncio

import structlog

from api.live.backoff import honour_cancellation, waits
from api.live.clock import LedgerClock
from api.live.hub import Hub
from auction.domain.errors import LedgerAway
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.tail import StreamTail

ENTRIES_AT_ONCE = 500
"""The most entries of a shard taken in one go, so that turns are told in between."""

SAMPLES_AT_ONCE = 3
"""The quickest of a few answers tells the time best."""

log = structlog.get_logger("api.live")


class StreamFollower:
    """Feeds one hub."""

    def __init__(self, ledger: BidLedger, hub: Hub, clock: LedgerClock, *, block_ms: int) -> None:
        self._ledger = ledger
        self._hub = hub
        self._clock = clock
        self._block_ms = block_ms
        self._tail = StreamTail(ledger)
        self._away = False

    async def run(self) -> None:
        """Follow for ever; a ledger that is away is waited for."""
        patience = waits()
        while True:
            honour_cancellation()
            try:
                if not self._tail.is_started:
                    await self._tail.start()
                    self._hub.following.set()
                elif self._away:
                    await self._make_sure()
                    log.info("live_ledger_back")
                    self._away, patience = False, waits()
                self._hub.take(await self._tail.read(block_ms=self._block_ms, count=ENTRIES_AT_ONCE))
                # many entries at once must not starve those who connect
                await asyncio.sleep(0)
            except LedgerAway as error:
                if not self._away:
                    log.warning("live_ledger_away", reason=str(error))
                self._away = True
                await asyncio.sleep(next(patience))

    async def look(self) -> None:
        """Read the ledger's clock, and see whether a stream went backwards. Raises LedgerAway."""
        for _ in range(SAMPLES_AT_ONCE):
            await self._clock.sample(self._ledger.redis)
        if self._tail.is_started and not self._away:
            self._forget(await self._tail.rewind_lost_shards())

    def _forget(self, shards: list[int]) -> None:
        self._hub.resync(self._hub.lots_of(shards), "the ledger lost entries")

    async def _make_sure(self) -> None:
        """Every lot followed must stand in the ledger as it is known here, or further on and within reach."""
        self._forget(await self._tail.rewind_lost_shards())
        stories = {
            lot_id: channel.projection
            for lot_id, channel in self._hub.channels.items()
            if channel.projection is not None
        }
        snapshots = await self._ledger.read_many(list(stories))
        for lot_id, projection in stories.items():
            now = snapshots.get(lot_id)
            known = (projection.lot.epoch, projection.lot.seq)
            if now is None or (now.epoch, now.seq) < known or (now.seq == known[1] and now.chain != projection.chain):
                self._hub.resync([lot_id], "the ledger is not where it was")
        while await self._tail.has_more():
            self._hub.take(await self._tail.read(block_ms=None, count=ENTRIES_AT_ONCE))
        for lot_id, now in snapshots.items():
            if stories[lot_id].lot.seq < now.seq:
                self._hub.resync([lot_id], "entries were trimmed before they were read")
