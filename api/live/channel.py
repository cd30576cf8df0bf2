"""One lot's watchers: each is ready, or behind, or waits for the lot; news goes out in turns, one write a watcher.

After the bid's way. A watcher whose socket has anything unsent is behind: turns pass it by, and when the socket is
free again it gets what nobody may miss, then the newest state. Nothing is queued for it meanwhile; what it missed is
looked up in the lot's story.
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

Write = Callable[[bytes], None]
TURN_REST = 2
"""A lot rests this many times as long as its last turn took, and never less than `tick_ms`."""


@dataclass(frozen=True, slots=True)
class ChannelContext:
    """What every lot of a gateway works with."""

    config: LiveConfig
    clock: LedgerClock
    tally: LiveMetrics


@dataclass(slots=True, eq=False)
class Watcher:
    """What one socket watches of one lot."""

    socket: LiveConnection
    feed: bool
    bidder_id: str
    """Who is signed in as a bidder; empty: nobody."""
    after: tuple[int, int] | None
    """Epoch and seq it has seen elsewhere: it is not shown less. None: it begins."""
    seen: tuple[int, int] | None = None
    """While behind: epoch and seq that it has been sent; None: nothing yet."""
    bytes_then: int = 0
    """While behind: the bytes there had been of its kind as it fell behind."""


class Channel:
    """A lot that somebody watches."""

    def __init__(self, lot_id: str, equipment: ChannelContext, need: Callable[["Channel", Watcher], None]) -> None:
        """`need` is told of a watcher that the ledger must be asked about: it is early, or its admission is wanted."""
        self.lot_id = lot_id
        self._need = need
        self.projection: LotProjection | None = None
        """None: the lot is being read."""
        self.watchers: set[Watcher] = set()
        self.early: set[Watcher] = set()
        """Those that have seen more than is known here."""
        self.others = 0
        """Watchers at other gateways."""
        self.admissions_wanted: set[str] = set()
        """Bidders whose admission is not known yet."""
        self._equipment = equipment
        self._loop = asyncio.get_running_loop()
        self._ready: dict[bool, dict[Watcher, Write]] = {False: {}, True: {}}
        """By `feed`: those that a turn is written to."""
        self._behind: set[Watcher] = set()
        self._bidders: dict[str, set[Watcher]] = {}
        self._next_turn_at_s = 0.0
        self._waiting: asyncio.TimerHandle | None = None
        self.spoke_at_s = self._loop.time()
        self.empty_since_s: float | None = self._loop.time()
        self.over_since_s: float | None = None

    # -- who watches -------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Watchers here and elsewhere."""
        return self.others + len(self.watchers)

    def begin(self, projection: LotProjection) -> None:
        """The lot has been read: everyone who waited is shown it."""
        self.projection = projection
        for watcher in list(self.watchers):
            self._welcome(projection, watcher)

    def join(self, watcher: Watcher) -> None:
        """One more watcher."""
        self.watchers.add(watcher)
        self.empty_since_s = None
        if self.projection is not None:
            self._welcome(self.projection, watcher)

    def leave(self, watcher: Watcher) -> None:
        """One watcher less; again: nothing."""
        self.watchers.discard(watcher)
        self.early.discard(watcher)
        self._behind.discard(watcher)
        self._ready[watcher.feed].pop(watcher, None)
        self.sign_out(watcher)
        if not self.watchers:
            self.empty_since_s = self._loop.time()

    def _unfollow(self, bidder_id: str) -> None:
        del self._bidders[bidder_id]
        self.admissions_wanted.discard(bidder_id)
        if self.projection is not None:
            self.projection.followed.pop(bidder_id, None)
            self.projection.outbid.discard(bidder_id)
            self.projection.concerned.discard(bidder_id)

    def trust(self, watcher: Watcher) -> None:
        """Show the lot to an early watcher: the ledger itself knows no more."""
        if watcher in self.early and self.projection is not None:
            watcher.after = None
            self._welcome(self.projection, watcher)

    def _welcome(self, projection: LotProjection, watcher: Watcher) -> None:
        if watcher.after is not None and watcher.after > projection.at:
            self.early.add(watcher)
            self._need(self, watcher)
            return
        self.early.discard(watcher)
        if watcher.socket.paused:
            self._put_behind(projection, watcher, None)
        else:
            self._ready[watcher.feed][watcher] = watcher.socket.transport.write
            watcher.socket.say(self._first(projection, watcher))
        if watcher.bidder_id:
            self._follow(projection, watcher)

    def _first(self, projection: LotProjection, watcher: Watcher) -> bytes:
        """What a feed that comes back has missed, or the lot as it stands."""
        if watcher.feed and watcher.after is not None and watcher.after[0] == projection.shown.epoch:
            missed = projection.missed(watcher.after[1], feed=True)
            if missed is not None and len(missed) <= RESUMED_EVENTS_MAX:
                return b"".join([*missed, self._newest(projection, fresh=False)])
        return self._newest(projection, fresh=True)

    def _newest(self, projection: LotProjection, *, fresh: bool) -> bytes:
        return projection.newest(fresh=fresh, now_ms=self._equipment.clock.now_ms(), watchers=self.count)

    # -- signed-in bidders -------------------------------------------------------------------------------------------

    def _follow(self, projection: LotProjection, watcher: Watcher) -> None:
        fellows = self._bidders.setdefault(watcher.bidder_id, set())
        fellows.add(watcher)
        if watcher.bidder_id in projection.followed and watcher.bidder_id not in self.admissions_wanted:
            watcher.socket.say(projection.you(watcher.bidder_id))
        elif watcher.bidder_id not in projection.followed:
            projection.followed[watcher.bidder_id] = None
            self.admissions_wanted.add(watcher.bidder_id)
            self._need(self, watcher)

    def sign_out(self, watcher: Watcher) -> None:
        """The watcher's token is over: from here on it is nobody's."""
        fellows = self._bidders.get(watcher.bidder_id, set())
        fellows.discard(watcher)
        if not fellows and watcher.bidder_id in self._bidders:
            self._unfollow(watcher.bidder_id)
        watcher.bidder_id = ""

    def admitted(self, bidder_id: str, admission: Admission | None) -> None:
        """The ledger's answer to whether a bidder is admitted; what a later entry said goes first."""
        projection = self.projection
        if projection is None or bidder_id not in self.admissions_wanted:
            return
        self.admissions_wanted.discard(bidder_id)
        if projection.followed.get(bidder_id) is None:
            projection.followed[bidder_id] = admission
        self._tell_bidder(projection, bidder_id)

    def _tell_bidder(self, projection: LotProjection, bidder_id: str) -> None:
        news = projection.you(bidder_id)
        for watcher in self._bidders.get(bidder_id, ()):
            if watcher in self._ready[watcher.feed]:
                watcher.socket.say(news)

    # -- turns -------------------------------------------------------------------------------------------------------

    def stir(self) -> None:
        """There is news: tell it at once, or as soon as the lot has rested."""
        if self.projection is None or not self.projection.is_new:
            return
        if self.projection.starts_over or self._loop.time() >= self._next_turn_at_s:
            self.turn()
        elif self._waiting is None:
            self._waiting = self._loop.call_at(self._next_turn_at_s, self.turn)

    def turn(self) -> None:
        """Tell everyone what is new, each with one write."""
        self._rest_no_more()
        projection = self.projection
        if projection is None or not projection.is_new:
            return
        began_s = self._loop.time()
        told = projection.turn(now_ms=self._equipment.clock.now_ms(), watchers=self.count)
        if told.state:
            self._tell(told.state, self._ready[False].values())
            self._tell(told.feed, self._ready[True].values())
            self._equipment.tally.turns += 1
            self._pass_by(projection)
            self.spoke_at_s = began_s
        concerned, projection.concerned = projection.concerned, set()
        for bidder_id in concerned - self.admissions_wanted:
            self._tell_bidder(projection, bidder_id)
        for watcher in [watcher for watcher in self.early if watcher.after is None or watcher.after <= projection.at]:
            self._welcome(projection, watcher)
        ended_s = self._loop.time()
        self._next_turn_at_s = began_s + max(self._equipment.config.tick_ms / 1000, TURN_REST * (ended_s - began_s))
        if projection.is_over and self.over_since_s is None:
            self.over_since_s = ended_s

    def _tell(self, news: bytes, writes: Collection[Write]) -> None:
        tally = self._equipment.tally
        tally.deliveries += len(writes)
        tally.bytes += len(writes) * len(news)
        # a write may find its socket full, and take it out of those that are ready
        for write in list(writes):
            try:
                write(news)
            except RuntimeError:
                # the transport has just failed: its `connection_lost` is on the way
                continue

    def _pass_by(self, projection: LotProjection) -> None:
        self._equipment.tally.conflated += len(self._behind)
        bytes_max = self._equipment.config.behind_bytes_max
        for watcher in list(self._behind):
            if self._bytes_ever(projection, watcher) - watcher.bytes_then > bytes_max:
                watcher.socket.end(CloseCode.TOO_SLOW, "too many bytes behind")

    def close(self) -> None:
        """Nothing more is told here."""
        self._rest_no_more()
        self.projection = None

    def _rest_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def beat(self) -> None:
        """Say that nothing has happened."""
        seq = 0 if self.projection is None else self.projection.shown.seq
        beat = frames.packed(
            frames.HeartbeatFrame(
                lot_id=self.lot_id, now_ms=self._equipment.clock.now_ms(), seq=seq, watchers=self.count
            )
        )
        for watcher in self.watchers:
            watcher.socket.say(beat)
        self.spoke_at_s = self._loop.time()

    # -- slow sockets ------------------------------------------------------------------------------------------------

    def fall_behind(self, watcher: Watcher) -> None:
        """The watcher's socket has bytes unsent: turns pass it by."""
        if self.projection is not None and self._ready[watcher.feed].pop(watcher, None) is not None:
            self._put_behind(self.projection, watcher, self.projection.at)

    def _put_behind(self, projection: LotProjection, watcher: Watcher, seen: tuple[int, int] | None) -> None:
        watcher.seen = seen
        watcher.bytes_then = self._bytes_ever(projection, watcher)
        self._behind.add(watcher)

    def catch_up(self, watcher: Watcher) -> None:
        """The socket is free again: what nobody may miss (a feed: every bid), then the lot as it stands."""
        projection = self.projection
        if projection is None or watcher not in self._behind:
            return
        if watcher.seen is None:
            news: bytes = self._first(projection, watcher)
        elif watcher.seen == projection.at:
            news = b""
        else:
            missed = projection.missed(watcher.seen[1], feed=watcher.feed)
            if missed is None:
                watcher.socket.end(CloseCode.TOO_SLOW, "too many events behind")
                return
            news = b"".join([*missed, self._newest(projection, fresh=watcher.seen[0] != projection.at[0])])
        # ready first: where this write fills the socket again, it is behind from here
        self._behind.discard(watcher)
        self._ready[watcher.feed][watcher] = watcher.socket.transport.write
        if news:
            watcher.socket.say(news)
        if watcher.bidder_id and watcher.bidder_id not in self.admissions_wanted:
            watcher.socket.say(projection.you(watcher.bidder_id))

    @staticmethod
    def _bytes_ever(projection: LotProjection, watcher: Watcher) -> int:
        return (projection.feed if watcher.feed else projection.happenings).bytes_ever
