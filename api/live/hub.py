"""All lots watched in this process: a lot is followed from its first watcher until a while after the last.

After the bid's way. Entries come from `following`; a lot is read beside it, and what the reading covers is dropped
from what came meanwhile, so that a watcher joins without a gap and without a repeat.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

import structlog

from api.live.backoff import waits
from api.live.channel import Channel, ChannelContext, Watcher
from api.live.connection import LiveConnection
from api.live.lot_projection import Broken, LotProjection
from api.live.protocol import CloseCode, Sub
from auction.domain.errors import LedgerAway
from auction.domain.text import is_id
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.lot_reader import LotReader
from auction.ledger.stream import StreamEntry
from auction.ledger.tail import DamagedEntry
from auction.services.identity.tokens import Role

LOOKED_BACK_ENTRIES = 1000
"""How many of a shard's last entries are looked through for those of a lot, so that a feed may resume here."""

log = structlog.get_logger("api.live")


class Hub:
    """The lots of one process, by id."""

    def __init__(self, ledger: BidLedger, equipment: ChannelContext) -> None:
        self.channels: dict[str, Channel] = {}
        self.following = asyncio.Event()
        """Set once entries are followed: no lot may be read before."""
        self._ledger = ledger
        self._observer = LotReader(ledger)
        self._equipment = equipment
        self._meanwhile: dict[str, list[StreamEntry]] = {}
        """Lots that are being read -> entries that came since the reading began."""
        self._tasks: set[asyncio.Task[None]] = set()

    # -- watchers ----------------------------------------------------------------------------------------------------

    def watch(self, socket: LiveConnection, sub: Sub) -> None:
        """Have a socket watch a lot, instead of what it watched of it before."""
        if not is_id(sub.lot_id):
            socket.end(CloseCode.UNKNOWN_LOT, "no such lot")
            return
        self.unwatch(socket, sub.lot_id)
        if len(socket.watching) >= self._equipment.config.lots_per_socket:
            socket.end(CloseCode.TOO_MANY, "too many lots on one connection")
            return
        identity = socket.identity
        bidder_id = identity.subject if identity is not None and identity.role is Role.BIDDER else ""
        watcher = socket.watching[sub.lot_id] = Watcher(socket, sub.mode == "feed", bidder_id, sub.after)
        channel = self.channels.get(sub.lot_id) or self._open(sub.lot_id)
        channel.join(watcher)

    def unwatch(self, socket: LiveConnection, lot_id: str) -> None:
        """Have a socket no longer watch a lot."""
        watcher = socket.watching.pop(lot_id, None)
        channel = self.channels.get(lot_id)
        if watcher is not None and channel is not None:
            channel.leave(watcher)

    def leave(self, socket: LiveConnection) -> None:
        """Have a socket watch nothing any more."""
        for lot_id in list(socket.watching):
            self.unwatch(socket, lot_id)

    def sign_out(self, socket: LiveConnection) -> None:
        """The socket's token is over; it goes on watching as anyone may."""
        socket.identity = None
        for lot_id, watcher in socket.watching.items():
            self.channels[lot_id].sign_out(watcher)

    def fall_behind(self, socket: LiveConnection) -> None:
        """The socket has bytes unsent."""
        for lot_id, watcher in socket.watching.items():
            self.channels[lot_id].fall_behind(watcher)

    def catch_up(self, socket: LiveConnection) -> None:
        """The socket has nothing unsent, unless catching up with one lot fills it again."""
        for lot_id, watcher in list(socket.watching.items()):
            if socket.paused or socket.ended:
                return
            self.channels[lot_id].catch_up(watcher)

    # -- lots --------------------------------------------------------------------------------------------------------

    def _open(self, lot_id: str) -> Channel:
        channel = self.channels[lot_id] = Channel(lot_id, self._equipment, self._ask_for)
        self._meanwhile[lot_id] = []
        self._equipment.tally.channels = len(self.channels)
        self._begin_task(self._read(channel))
        return channel

    def drop(self, channel: Channel, code: CloseCode, reason: str) -> None:
        """Follow a lot no longer; its watchers' connections are closed."""
        if self.channels.get(channel.lot_id) is not channel:
            return
        watchers = list(channel.watchers)
        channel.close()
        for watcher in watchers:
            watcher.socket.end(code, reason)
        del self.channels[channel.lot_id]
        self._meanwhile.pop(channel.lot_id, None)
        self._equipment.tally.channels = len(self.channels)

    def conclude(self, channel: Channel) -> None:
        """A lot has been over for long: nothing more will come, and who watches nothing else is told so."""
        for watcher in list(channel.watchers):
            self.unwatch(watcher.socket, channel.lot_id)
            if not watcher.socket.watching:
                watcher.socket.end(CloseCode.ENDED, "ended")

    def resync(self, lot_ids: Iterable[str], reason: str) -> None:
        """What is known of these lots is not to be trusted: their watchers come back and are shown them anew."""
        for lot_id in list(lot_ids):
            channel = self.channels.get(lot_id)
            if channel is not None:
                log.warning("live_resync", lot=lot_id, watchers=len(channel.watchers), reason=reason)
                self.drop(channel, CloseCode.RESYNC, "resync")

    def lots_of(self, shards: Iterable[int]) -> list[str]:
        """The lots followed on some shards."""
        wanted = set(shards)
        return [lot_id for lot_id in self.channels if self._ledger.keys.shard_of(lot_id) in wanted]

    def take(self, found: Iterable[StreamEntry | DamagedEntry]) -> None:
        """Fold what the scripts wrote, then let each lot tell its news."""
        stirred: set[Channel] = set()
        at_ms = 0
        for entry in found:
            if isinstance(entry, DamagedEntry):
                self.resync(self.lots_of([entry.shard]), entry.reason)
                continue
            at_ms = entry.at_ms
            channel = self.channels.get(entry.lot_id)
            if channel is None:
                continue
            if channel.projection is None:
                self._meanwhile[entry.lot_id].append(entry)
                continue
            try:
                channel.projection.take(entry)
            except Broken as error:
                self.resync([entry.lot_id], str(error))
                continue
            stirred.add(channel)
            if channel.projection.starts_over:
                # the new epoch begins with a snapshot of its own, before anything of it is told
                channel.stir()
        if at_ms:
            self._equipment.tally.lag_ms = max(0, self._equipment.clock.now_ms() - at_ms)
        for channel in stirred:
            channel.stir()

    # -- reading beside the tail -------------------------------------------------------------------------------------

    async def _read(self, channel: Channel) -> None:
        """Read a lot that is watched from now on; while the ledger is away, its watchers wait."""
        await self.following.wait()
        for wait_s in waits():
            if self.channels.get(channel.lot_id) is not channel:
                return
            try:
                observed = await self._observer.read_lot(channel.lot_id)
                before = await self._observer.last_entries(channel.lot_id, shard_entries=LOOKED_BACK_ENTRIES)
                break
            except LedgerAway:
                await asyncio.sleep(wait_s)
        if self.channels.get(channel.lot_id) is not channel:
            return
        if observed is None:
            self.drop(channel, CloseCode.UNKNOWN_LOT, "no such lot")
            return
        projection = LotProjection(channel.lot_id, observed.lot, observed.chain, before)
        try:
            for entry in self._meanwhile.pop(channel.lot_id, ()):
                projection.take(entry)
        except Broken as error:
            self.resync([channel.lot_id], str(error))
            return
        # nobody has been told anything yet: what came meanwhile is part of what they are shown
        projection.turn(now_ms=0, watchers=0)
        if projection.is_over:
            channel.over_since_s = asyncio.get_running_loop().time()
        channel.begin(projection)

    def _ask_for(self, channel: Channel, watcher: Watcher) -> None:
        """Ask the ledger for what a new watcher needs beyond the lot."""
        if watcher in channel.early:
            self._begin_task(self._check_claim(channel, watcher))
        if watcher.bidder_id in channel.admissions_wanted:
            self._begin_task(self._fetch_admission(channel, watcher.bidder_id))

    async def _check_claim(self, channel: Channel, watcher: Watcher) -> None:
        """A watcher says to have seen more than is known here: so it waits, if the ledger has as much."""
        for wait_s in waits():
            if watcher not in channel.early or watcher.after is None:
                return
            try:
                snapshot = await self._ledger.read(channel.lot_id)
            except LedgerAway:
                await asyncio.sleep(wait_s)
                continue
            if snapshot is None or (snapshot.epoch, snapshot.seq) < watcher.after:
                channel.trust(watcher)
            return

    async def _fetch_admission(self, channel: Channel, bidder_id: str) -> None:
        for wait_s in waits():
            if bidder_id not in channel.admissions_wanted:
                return
            try:
                admission = await self._observer.read_admission(channel.lot_id, bidder_id)
            except LedgerAway:
                await asyncio.sleep(wait_s)
                continue
            channel.admitted(bidder_id, admission)
            return

    def _begin_task(self, tx: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(tx)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("live_task_failed", reason=repr(error))

    async def close(self) -> None:
        """End what is still being read."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
