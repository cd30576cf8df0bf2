"""One lot's watchers: each is ready, behind, or waits for the lot to be read; news is sent in turns, one write each.

After the bid's way. A watcher whose connection has unsent bytes is behind: turns leave it out, nothing is queued for
it, and when its connection is free again it gets the frames that nobody may miss, then the newest state, from the
lot's projection.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

from api.live import frames
from api.live.clock import LedgerClock
from api.live.config import LiveConfig
from api.live.connection import LiveConnection
from api.live.lot_projection import LotProjection
from api.live.metrics import LiveMetrics
from api.live.protocol import RESUMED_EVENTS_MAX, CloseCode
from auction.domain.bidding import Admission
from auction.ledger.entry import StreamEntry

Write = Callable[[bytes], None]
TURN_INTERVAL_FACTOR = 2
"""A turn begins at the earliest this many times the last turn's duration after it began, and `tick_ms` after that."""


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """What all channels of a gateway share."""

    config: LiveConfig
    clock: LedgerClock
    metrics: LiveMetrics


@dataclass(slots=True, eq=False)
class Watcher:
    """One connection's subscription to one lot."""

    connection: LiveConnection
    is_feed: bool
    bidder_id: str
    """The signed-in bidder; empty: nobody."""
    resume_at: tuple[int, int] | None
    """Epoch and seq that the client has received before, below which it is sent nothing; None: it begins."""
    sent_up_to: tuple[int, int] | None = None
    """While behind: epoch and seq that it was sent; None: nothing yet."""
    bytes_when_behind: int = 0
    """While behind: `bytes_total` of its frame buffer when it fell behind."""


class Channel:
    """A lot that has, or had, watchers here."""

    def __init__(
        self, lot_id: str, context: ChannelContext, request_data: Callable[["Channel", Watcher], None]
    ) -> None:
        """`request_data` is called with a watcher that is ahead, or whose admission is missing, for both to be read."""
        self.lot_id = lot_id
        self.projection: LotProjection | None = None
        """None: the lot is being read."""
        self.watchers: set[Watcher] = set()
        self.ahead: set[Watcher] = set()
        """Watchers that have received more than is known here."""
        self.remote_watchers = 0
        """The number of watchers at other gateways."""
        self.missing_admissions: set[str] = set()
        """Bidders whose admission is being read."""
        self._context = context
        self._request_data = request_data
        self._loop = asyncio.get_running_loop()
        self._ready: dict[bool, dict[Watcher, Write]] = {False: {}, True: {}}
        """By `is_feed`: the watchers that turns are sent to."""
        self._behind: set[Watcher] = set()
        self._by_bidder: dict[str, set[Watcher]] = {}
        self._next_turn_at_s = 0.0
        self._turn_timer: asyncio.TimerHandle | None = None
        self.sent_at_s = self._loop.time()
        """When anything was last sent to all watchers (loop time)."""
        self.empty_since_s: float | None = self._loop.time()
        self.ended_at_s: float | None = None

    # -- watchers ----------------------------------------------------------------------------------------------------

    @property
    def watcher_count(self) -> int:
        """The number of watchers at all gateways."""
        return self.remote_watchers + len(self.watchers)

    def start(self, projection: LotProjection) -> None:
        """Begin with the lot that was read: sends it to the watchers who wait."""
        self.projection = projection
        for watcher in list(self.watchers):
            self._send_initial(projection, watcher)

    def add_watcher(self, watcher: Watcher) -> None:
        """Add a watcher and send it the lot, at once or when it has been read."""
        self.watchers.add(watcher)
        self.empty_since_s = None
        if self.projection is not None:
            self._send_initial(self.projection, watcher)

    def remove_watcher(self, watcher: Watcher) -> None:
        """Remove a watcher; again changes nothing."""
        self.watchers.discard(watcher)
        self.ahead.discard(watcher)
        self._behind.discard(watcher)
        self._ready[watcher.is_feed].pop(watcher, None)
        self.sign_out(watcher)
        if not self.watchers:
            self.empty_since_s = self._loop.time()

    def accept_ahead(self, watcher: Watcher) -> None:
        """Send the lot to a watcher that claims to be ahead, although the ledger knows no more either."""
        if watcher in self.ahead and self.projection is not None:
            watcher.resume_at = None
            self._send_initial(self.projection, watcher)

    def _send_initial(self, projection: LotProjection, watcher: Watcher) -> None:
        if watcher.resume_at is not None and watcher.resume_at > projection.position:
            self.ahead.add(watcher)
            self._request_data(self, watcher)
            return
        self.ahead.discard(watcher)
        if watcher.connection.paused:
            self._set_behind(projection, watcher, None)
        else:
            self._ready[watcher.is_feed][watcher] = watcher.connection.transport.write
            watcher.connection.send_frame(self._initial_frames(projection, watcher))
        if watcher.bidder_id:
            self._follow_bidder(projection, watcher)

    def _initial_frames(self, projection: LotProjection, watcher: Watcher) -> bytes:
        """What a resumed feed has missed, or the lot's state."""
        if watcher.is_feed and watcher.resume_at is not None and watcher.resume_at[0] == projection.shown.epoch:
            missed = projection.missed_frames(watcher.resume_at[1], feed=True)
            if missed is not None and len(missed) <= RESUMED_EVENTS_MAX:
                return b"".join([*missed, self._state_frame(projection, fresh=False)])
        return self._state_frame(projection, fresh=True)

    def _state_frame(self, projection: LotProjection, *, fresh: bool) -> bytes:
        return projection.state_frame(fresh=fresh, now_ms=self._context.clock.now_ms(), watchers=self.watcher_count)

    # -- signed-in bidders -------------------------------------------------------------------------------------------

    def _follow_bidder(self, projection: LotProjection, watcher: Watcher) -> None:
        self._by_bidder.setdefault(watcher.bidder_id, set()).add(watcher)
        if projection.has_news:
            # the next turn shows it; whom it outbids was not noted while nobody followed them
            projection.to_notify.add(watcher.bidder_id)
        if watcher.bidder_id not in projection.admissions:
            projection.admissions[watcher.bidder_id] = None
            self.missing_admissions.add(watcher.bidder_id)
            self._request_data(self, watcher)
        elif watcher.bidder_id not in self.missing_admissions:
            watcher.connection.send_frame(projection.you_frame(watcher.bidder_id))

    def _forget_bidder(self, bidder_id: str) -> None:
        del self._by_bidder[bidder_id]
        self.missing_admissions.discard(bidder_id)
        if self.projection is not None:
            self.projection.admissions.pop(bidder_id, None)
            self.projection.outbid.discard(bidder_id)
            self.projection.to_notify.discard(bidder_id)

    def sign_out(self, watcher: Watcher) -> None:
        """The watcher's token has expired: it goes on as an anonymous one."""
        same_bidder = self._by_bidder.get(watcher.bidder_id, set())
        same_bidder.discard(watcher)
        if not same_bidder and watcher.bidder_id in self._by_bidder:
            self._forget_bidder(watcher.bidder_id)
        watcher.bidder_id = ""

    def set_admission(self, bidder_id: str, admission: Admission | None) -> None:
        """Take the admission that was read (None: not admitted), unless an entry came first; sends a `you`."""
        projection = self.projection
        if projection is None or bidder_id not in self.missing_admissions:
            return
        self.missing_admissions.discard(bidder_id)
        if projection.admissions.get(bidder_id) is None:
            projection.admissions[bidder_id] = admission
        self._send_you(projection, bidder_id)

    def _send_you(self, projection: LotProjection, bidder_id: str) -> None:
        frame = projection.you_frame(bidder_id)
        for watcher in self._by_bidder.get(bidder_id, ()):
            if watcher in self._ready[watcher.is_feed]:
                watcher.connection.send_frame(frame)

    def set_ledger_away(self, away: bool) -> None:
        """Note whether the ledger refuses the lot's shard; a change is sent to every watcher."""
        if self.projection is not None:
            self.projection.ledger_away = away
            self.schedule_turn()

    # -- turns -------------------------------------------------------------------------------------------------------

    def schedule_turn(self) -> None:
        """Send the news, if there is any, at once or as soon as the interval between turns allows it."""
        if self.projection is None or not self.projection.has_news:
            return
        if self.projection.begins_epoch or self._loop.time() >= self._next_turn_at_s:
            self.run_turn()
        elif self._turn_timer is None:
            self._turn_timer = self._loop.call_at(self._next_turn_at_s, self.run_turn)

    def run_turn(self) -> None:
        """Send the news to every watcher that is ready, each with one write."""
        self._cancel_timer()
        projection = self.projection
        if projection is None or not projection.has_news:
            return
        began_s = self._loop.time()
        news = projection.take_turn(now_ms=self._context.clock.now_ms(), watchers=self.watcher_count)
        if news.state:
            self._broadcast(news.state, self._ready[False].values())
            self._broadcast(news.feed, self._ready[True].values())
            self._context.metrics.turns += 1
            self._check_behind(projection)
            self.sent_at_s = began_s
        to_notify, projection.to_notify = projection.to_notify, set()
        for bidder_id in to_notify - self.missing_admissions:
            self._send_you(projection, bidder_id)
        for watcher in [one for one in self.ahead if one.resume_at is None or one.resume_at <= projection.position]:
            self._send_initial(projection, watcher)
        ended_s = self._loop.time()
        interval_s = max(self._context.config.tick_ms / 1000, TURN_INTERVAL_FACTOR * (ended_s - began_s))
        self._next_turn_at_s = began_s + interval_s
        if projection.has_ended and self.ended_at_s is None:
            self.ended_at_s = ended_s

    def _broadcast(self, news: bytes, writes: Collection[Write]) -> None:
        metrics = self._context.metrics
        metrics.deliveries += len(writes)
        metrics.bytes += len(writes) * len(news)
        # a write may fill its socket, which removes it from those that are ready
        for write in list(writes):
            try:
                write(news)
            except RuntimeError:
                # the transport has just failed: its `connection_lost` follows
                continue

    def _check_behind(self, projection: LotProjection) -> None:
        """Count the watchers that a turn left out, and end those that have missed too many bytes."""
        self._context.metrics.conflated += len(self._behind)
        bytes_max = self._context.config.behind_bytes_max
        for watcher in list(self._behind):
            if self._bytes_total(projection, watcher) - watcher.bytes_when_behind > bytes_max:
                watcher.connection.end(CloseCode.TOO_SLOW, "too many bytes behind")

    def close(self) -> None:
        """Send nothing more."""
        self._cancel_timer()
        self.projection = None

    def _cancel_timer(self) -> None:
        if self._turn_timer is not None:
            self._turn_timer.cancel()
            self._turn_timer = None

    def send_heartbeat(self) -> None:
        """Send an `hb` to every watcher."""
        seq = 0 if self.projection is None else self.projection.shown.seq
        heartbeat = frames.encode_frame(
            frames.HeartbeatFrame(
                lot_id=self.lot_id, now_ms=self._context.clock.now_ms(), seq=seq, watchers=self.watcher_count
            )
        )
        for watcher in self.watchers:
            watcher.connection.send_frame(heartbeat)
        self.sent_at_s = self._loop.time()

    def send_restored(self, entry: StreamEntry) -> None:
        """Send the `restored` of a lot that goes on from another record than the one followed; the lot is read anew."""
        if self.projection is None:
            return
        lot = self.projection.lot
        position = frames.EventPosition(entry.lot_id, entry.first_seq, entry.at_ms, entry.epoch, lot.ends_at_ms)
        frame = frames.event_frame(position, entry.events[0], lot.price_fen, lot.leader_paddle)
        if frame is not None:
            for watcher in self.watchers:
                watcher.connection.send_frame(frame)

    # -- slow watchers -----------------------------------------------------------------------------------------------

    def mark_behind(self, watcher: Watcher) -> None:
        """The watcher's connection has unsent bytes: turns leave it out from here on."""
        if self.projection is not None and self._ready[watcher.is_feed].pop(watcher, None) is not None:
            self._set_behind(self.projection, watcher, self.projection.position)

    def _set_behind(self, projection: LotProjection, watcher: Watcher, sent_up_to: tuple[int, int] | None) -> None:
        watcher.sent_up_to = sent_up_to
        watcher.bytes_when_behind = self._bytes_total(projection, watcher)
        self._behind.add(watcher)

    def catch_up(self, watcher: Watcher) -> None:
        """The connection is free again: send the frames that nobody may miss (a feed: every bid), then the state."""
        projection = self.projection
        if projection is None or watcher not in self._behind:
            return
        if watcher.sent_up_to is None:
            news: bytes = self._initial_frames(projection, watcher)
        elif watcher.sent_up_to == projection.position:
            news = b""
        else:
            missed = projection.missed_frames(watcher.sent_up_to[1], feed=watcher.is_feed)
            if missed is None:
                watcher.connection.end(CloseCode.TOO_SLOW, "too many events behind")
                return
            is_new_epoch = watcher.sent_up_to[0] != projection.position[0]
            news = b"".join([*missed, self._state_frame(projection, fresh=is_new_epoch)])
        # ready first: where this write fills the socket again, it is behind from here
        self._behind.discard(watcher)
        self._ready[watcher.is_feed][watcher] = watcher.connection.transport.write
        if news:
            watcher.connection.send_frame(news)
        if watcher.bidder_id and watcher.bidder_id not in self.missing_admissions:
            watcher.connection.send_frame(projection.you_frame(watcher.bidder_id))

    @staticmethod
    def _bytes_total(projection: LotProjection, watcher: Watcher) -> int:
        return (projection.feed if watcher.is_feed else projection.events).bytes_total
