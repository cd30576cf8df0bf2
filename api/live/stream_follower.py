"""Follows the ledger's streams for a gateway: every entry once and in order, with checks after each interruption.

After the bid's way. While the ledger is away nothing is sent, so that nobody sees a wrong price. When it answers again,
what it holds must continue what watchers were sent; the watchers of a lot where it does not are made to reconnect
(4000).
"""

import asyncio

import structlog

from api.live.backoff import backoff_waits_s
from api.live.clock import LedgerClock
from api.live.hub import Hub
from api.live.lot_projection import LotProjection
from auction.domain.errors import LedgerAway, LedgerChanged
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.cancellation import raise_if_cancelled
from auction.ledger.tail import StreamTail

ENTRIES_PER_READ_MAX = 500
"""Entries of a shard that are read at once, so that turns are sent in between."""

LOTS_CHECKED_AT_ONCE = 100
"""Lots whose state is read, and held, at once when the ledger is back."""

CLOCK_SAMPLES = 3
"""Samples of the ledger's clock at a time: the one with the shortest round trip counts."""

log = structlog.get_logger("api.live")


class StreamFollower:
    """Reads the streams' tail for one hub."""

    def __init__(self, ledger: BidLedger, hub: Hub, clock: LedgerClock, *, block_ms: int) -> None:
        self._ledger = ledger
        self._hub = hub
        self._clock = clock
        self._block_ms = block_ms
        self._tail = StreamTail(ledger)
        self._is_away = False

    async def run(self) -> None:
        """Follow until cancelled; waits for a ledger that is away."""
        waits_s = backoff_waits_s()
        while True:
            raise_if_cancelled()
            try:
                if not self._tail.is_started:
                    await self._tail.start()
                    self._hub.is_following.set()
                elif self._is_away:
                    await self._check_continuity()
                    log.info("live_ledger_back")
                    self._is_away, waits_s = False, backoff_waits_s()
                self._hub.apply_entries(await self._tail.read(block_ms=self._block_ms, count=ENTRIES_PER_READ_MAX))
                # many entries in a row must not keep others from connecting
                await asyncio.sleep(0)
            except LedgerAway as error:
                if not self._is_away:
                    log.warning("live_ledger_away", reason=str(error))
                self._is_away = True
                await asyncio.sleep(next(waits_s))

    async def check_ledger(self) -> None:
        """Sample the ledger's clock, and resync the lots of shards that have lost entries. Raises LedgerAway."""
        for _ in range(CLOCK_SAMPLES):
            await self._clock.sample(self._ledger)
        if self._tail.is_started and not self._is_away:
            self._resync_shards(await self._tail.rewind_lost_shards())

    def _resync_shards(self, shards: list[int]) -> None:
        self._hub.forget_recent(shards)
        self._hub.resync(self._hub.lots_on(shards), "the ledger lost entries")

    async def _check_continuity(self) -> None:
        """Resync the lots that the ledger does not hold as they are known here, or further on and within reach."""
        self._resync_shards(await self._tail.rewind_lost_shards())
        # another server may have taken the old one's place
        self._hub.forget_recent()
        by_shard: dict[int, list[str]] = {}
        for lot_id, channel in self._hub.channels.items():
            if channel.projection is not None:
                by_shard.setdefault(self._ledger.keys.shard_of(lot_id), []).append(lot_id)
        reached: dict[LotProjection, int] = {}
        for lot_ids in by_shard.values():
            for start in range(0, len(lot_ids), LOTS_CHECKED_AT_ONCE):
                try:
                    await self._compare(lot_ids[start : start + LOTS_CHECKED_AT_ONCE], reached)
                except LedgerChanged:
                    # nothing of a stopped shard is told; what its lots are restored to does not continue what was
                    break
        while await self._tail.has_more():
            self._hub.apply_entries(await self._tail.read(block_ms=None, count=ENTRIES_PER_READ_MAX))
        for projection, seq in reached.items():
            if projection.lot.seq < seq:
                self._hub.resync([projection.lot_id], "entries were trimmed before they were read")

    async def _compare(self, lot_ids: list[str], reached: dict[LotProjection, int]) -> None:
        """Resync the lots that the ledger does not hold as they are known here; of the others note its seq."""
        snapshots = await self._ledger.read_many(lot_ids)
        for lot_id in lot_ids:
            channel, now = self._hub.channels.get(lot_id), snapshots.get(lot_id)
            projection = None if channel is None else channel.projection
            if projection is None:
                continue
            known = (projection.lot.epoch, projection.lot.seq)
            if now is None or (now.epoch, now.seq) < known or (now.seq == known[1] and now.chain != projection.chain):
                self._hub.resync([lot_id], "the ledger is not where it was")
            else:
                reached[projection] = now.seq
