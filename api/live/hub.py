"""All lots that are watched in this process: each is followed from its first watcher until some time after its last.

After the bid's way. Entries come from `stream_follower`. A lot is read while entries go on coming: those that came
during the reading are applied after it, and those that it covers already are dropped, so that a watcher gets no gap
and no repetition.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

import structlog

from api.live.backoff import backoff_waits_s
from api.live.channel import Channel, ChannelContext, Watcher
from api.live.connection import LiveConnection
from api.live.lot_projection import ContinuityBroken, LotProjection
from api.live.protocol import CloseCode, Sub
from api.live.recent_entries import SHARD_BYTES_MAX, RecentEntries
from auction.domain.errors import LedgerAway
from auction.domain.events import Restored
from auction.domain.text import is_id
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.entry import StreamEntry
from auction.ledger.lot_reader import LotReader, LotReading
from auction.ledger.tail import DamagedEntry
from auction.services.identity.tokens import Role

READINGS_MAX = 16
"""Lots that are read from the ledger at the same time, so that a flood of made-up ones leaves it to others."""

log = structlog.get_logger("api.live")


class Hub:
    """The channels of one process by lot, and the watchers of each connection."""

    def __init__(self, ledger: BidLedger, context: ChannelContext) -> None:
        self.channels: dict[str, Channel] = {}
        self.is_following = asyncio.Event()
        """Set once entries are followed; no lot is read before."""
        self._ledger = ledger
        self._reader = LotReader(ledger)
        self._context = context
        self._watchers: dict[LiveConnection, dict[str, Watcher]] = {}
        """Connection -> lot -> its watcher."""
        self._recent = RecentEntries()
        self._recent_locks: dict[int, asyncio.Lock] = {}
        self._readings = asyncio.Semaphore(READINGS_MAX)
        self._buffered: dict[str, list[StreamEntry]] = {}
        """Lots that are being read -> the entries that came since."""
        self._tasks: set[asyncio.Task[None]] = set()

    # -- watchers ----------------------------------------------------------------------------------------------------

    def subscribe(self, connection: LiveConnection, sub: Sub) -> None:
        """Have a connection watch a lot, in place of an earlier subscription to the same lot."""
        if not is_id(sub.lot_id):
            connection.end(CloseCode.UNKNOWN_LOT, "no such lot")
            return
        self.unsubscribe(connection, sub.lot_id)
        watchers = self._watchers.setdefault(connection, {})
        if len(watchers) >= self._context.config.lots_per_socket:
            connection.end(CloseCode.TOO_MANY, "too many lots on one connection")
            return
        identity = connection.identity
        bidder_id = identity.subject if identity is not None and identity.role is Role.BIDDER else ""
        watcher = watchers[sub.lot_id] = Watcher(connection, sub.mode == "feed", bidder_id, sub.after)
        channel = self.channels.get(sub.lot_id) or self._open_channel(sub.lot_id)
        channel.add_watcher(watcher)

    def unsubscribe(self, connection: LiveConnection, lot_id: str) -> None:
        """End a connection's subscription to a lot, if there is one."""
        watcher = self._watchers.get(connection, {}).pop(lot_id, None)
        channel = self.channels.get(lot_id)
        if watcher is not None and channel is not None:
            channel.remove_watcher(watcher)

    def remove_connection(self, connection: LiveConnection) -> None:
        """End all subscriptions of a connection."""
        for lot_id in list(self._watchers.get(connection, ())):
            self.unsubscribe(connection, lot_id)
        self._watchers.pop(connection, None)

    def sign_out(self, connection: LiveConnection) -> None:
        """The connection's token has expired; it goes on watching anonymously."""
        connection.identity = None
        for lot_id, watcher in self._watchers.get(connection, {}).items():
            self.channels[lot_id].sign_out(watcher)

    def mark_behind(self, connection: LiveConnection) -> None:
        """The connection has unsent bytes."""
        for lot_id, watcher in self._watchers.get(connection, {}).items():
            self.channels[lot_id].mark_behind(watcher)

    def catch_up(self, connection: LiveConnection) -> None:
        """The connection has no unsent bytes: send what it missed, lot after lot, until it has some again."""
        for lot_id, watcher in list(self._watchers.get(connection, {}).items()):
            if connection.paused or connection.is_ended:
                return
            self.channels[lot_id].catch_up(watcher)

    # -- lots --------------------------------------------------------------------------------------------------------

    def _open_channel(self, lot_id: str) -> Channel:
        channel = self.channels[lot_id] = Channel(lot_id, self._context, self._read_missing)
        self._buffered[lot_id] = []
        self._context.metrics.channels = len(self.channels)
        self._start_task(self._read_lot(channel))
        return channel

    def close_channel(self, channel: Channel, code: CloseCode, reason: str) -> None:
        """Stop following a lot and end its watchers' connections."""
        if self.channels.get(channel.lot_id) is not channel:
            return
        watchers = list(channel.watchers)
        channel.close()
        for watcher in watchers:
            watcher.connection.end(code, reason)
        del self.channels[channel.lot_id]
        self._buffered.pop(channel.lot_id, None)
        self._context.metrics.channels = len(self.channels)

    def end_subscriptions(self, channel: Channel) -> None:
        """End the subscriptions to a lot that is over, and the connections that watch nothing else."""
        for watcher in list(channel.watchers):
            self.unsubscribe(watcher.connection, channel.lot_id)
            if not self._watchers.get(watcher.connection):
                watcher.connection.end(CloseCode.ENDED, "ended")

    def resync(self, lot_ids: Iterable[str], reason: str) -> None:
        """Discard what is known of these lots and end their watchers' connections, so that they reconnect."""
        for lot_id in list(lot_ids):
            channel = self.channels.get(lot_id)
            if channel is not None:
                log.warning("live_resync", lot=lot_id, watchers=len(channel.watchers), reason=reason)
                self.close_channel(channel, CloseCode.RESYNC, "resync")

    async def check_shards(self) -> None:
        """Tell watchers of lots whose shard the ledger refuses, or refuses no more. Raises LedgerAway."""
        shard_of = self._ledger.keys.shard_of
        in_use = sorted({shard_of(lot_id) for lot_id in self.channels})
        refused = await self._reader.refused_shards(in_use) if in_use else set()
        for channel in list(self.channels.values()):
            channel.set_ledger_away(shard_of(channel.lot_id) in refused)

    def forget_recent(self, shards: Iterable[int] | None = None) -> None:
        """Forget the last entries of these shards (None: of all), which the ledger may not have any more."""
        self._recent.forget(range(self._ledger.keys.shards) if shards is None else shards)

    def lots_on(self, shards: Iterable[int]) -> list[str]:
        """The lots followed on these shards."""
        wanted = set(shards)
        return [lot_id for lot_id in self.channels if self._ledger.keys.shard_of(lot_id) in wanted]

    def apply_entries(self, found: Iterable[StreamEntry | DamagedEntry]) -> None:
        """Apply entries to their lots, then have each of those lots send its news."""
        changed: set[Channel] = set()
        at_ms = 0
        for entry in found:
            if isinstance(entry, DamagedEntry):
                self._recent.forget([entry.shard])
                self.resync(self.lots_on([entry.shard]), entry.reason)
                continue
            at_ms = entry.at_ms
            self._recent.add(self._ledger.keys.shard_of(entry.lot_id), entry)
            channel = self.channels.get(entry.lot_id)
            if channel is None:
                continue
            if channel.projection is None:
                self._buffered[entry.lot_id].append(entry)
                continue
            try:
                channel.projection.apply_entry(entry)
            except ContinuityBroken as error:
                if isinstance(entry.events[0], Restored):
                    channel.send_restored(entry)
                self.resync([entry.lot_id], str(error))
                continue
            changed.add(channel)
            if channel.projection.begins_epoch:
                # a new epoch begins with a turn of its own, before anything else of it is sent
                channel.schedule_turn()
        if at_ms:
            self._context.metrics.lag_ms = max(0, self._context.clock.now_ms() - at_ms)
        for channel in changed:
            channel.schedule_turn()

    # -- reading from the ledger -------------------------------------------------------------------------------------

    async def _read_lot(self, channel: Channel) -> None:
        """Read a lot and start its channel; while the ledger is away, its watchers wait."""
        await self.is_following.wait()
        for wait_s in backoff_waits_s():
            if self.channels.get(channel.lot_id) is not channel:
                return
            try:
                async with self._readings:
                    reading = await self._reader.read_lot(channel.lot_id)
                    before = [] if reading is None else await self._read_last_entries(channel.lot_id, reading)
                break
            except LedgerAway:
                await asyncio.sleep(wait_s)
        if self.channels.get(channel.lot_id) is not channel:
            return
        if reading is None:
            self.close_channel(channel, CloseCode.UNKNOWN_LOT, "no such lot")
            return
        projection = LotProjection(channel.lot_id, reading.lot, reading.chain, before)
        try:
            for entry in self._buffered.pop(channel.lot_id, ()):
                projection.apply_entry(entry)
        except ContinuityBroken as error:
            self.resync([channel.lot_id], str(error))
            return
        # nothing was sent yet: the buffered entries are part of the state that is sent first
        projection.take_turn(now_ms=0, watchers=0)
        if projection.has_ended:
            channel.ended_at_s = asyncio.get_running_loop().time()
        channel.start(projection)

    async def _read_last_entries(self, lot_id: str, reading: LotReading) -> Sequence[StreamEntry]:
        """The lot's last entries, up to its state; none where they do not lead to it."""
        shard = self._ledger.keys.shard_of(lot_id)
        # whoever comes first reads them for all lots of the shard
        async with self._recent_locks.setdefault(shard, asyncio.Lock()):
            if (last_id := self._recent.last_id(shard)) is None:
                self._recent.begin(shard)
                try:
                    self._recent.complete(shard, await self._reader.last_entries(shard, bytes_max=SHARD_BYTES_MAX))
                except LedgerAway:
                    self._recent.forget([shard])
                    raise
            else:
                # the lot may have been read further than the tail was
                for entry in await self._reader.entries_since(shard, last_id):
                    self._recent.add(shard, entry)
        found = [entry for entry in self._recent.of_lot(shard, lot_id) if entry.last_seq <= reading.lot.seq]
        return found if found and found[-1].chain == reading.chain else []

    def _read_missing(self, channel: Channel, watcher: Watcher) -> None:
        """Read what a new watcher needs beyond the lot."""
        if watcher in channel.ahead:
            self._start_task(self._check_ahead(channel, watcher))
        if watcher.bidder_id in channel.missing_admissions:
            self._start_task(self._read_admission(channel, watcher.bidder_id))

    async def _check_ahead(self, channel: Channel, watcher: Watcher) -> None:
        """Let a watcher that is ahead of what is known here wait for it, provided that the ledger has as much."""
        for wait_s in backoff_waits_s():
            if watcher not in channel.ahead or watcher.resume_at is None:
                return
            try:
                async with self._readings:
                    snapshot = await self._ledger.read(channel.lot_id)
            except LedgerAway:
                await asyncio.sleep(wait_s)
                continue
            if snapshot is None or (snapshot.epoch, snapshot.seq) < watcher.resume_at:
                channel.accept_ahead(watcher)
            return

    async def _read_admission(self, channel: Channel, bidder_id: str) -> None:
        for wait_s in backoff_waits_s():
            if bidder_id not in channel.missing_admissions:
                return
            try:
                admission = await self._reader.read_admission(channel.lot_id, bidder_id)
            except LedgerAway:
                await asyncio.sleep(wait_s)
                continue
            channel.set_admission(bidder_id, admission)
            return

    def _start_task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("live_task_failed", reason=repr(error))

    async def close(self) -> None:
        """Cancel what is being read, and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
