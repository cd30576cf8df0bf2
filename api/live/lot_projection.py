"""One lot as its watchers see it: folds the ledger's entries, and keeps the last frames for watchers who missed some.

After the bid's way. No I/O and no clock. Watchers are updated in turns: entries are applied as they come, and a turn
gives the frames for all that came since the turn before. Whoever joins in between gets the state as of the last turn,
so that the next turn continues exactly there.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.live import frames
from api.live.frames import EventPosition, SnapFrame, TickFrame
from auction.domain.bidding import Admission
from auction.domain.events import Admitted, BidPlaced, BidVoided, Event, MaximumSet, Restored, follows
from auction.domain.lot import Lot, LotStatus, apply
from auction.ledger.entry import StreamEntry, chain_of

KEPT_FRAMES_MIN = 512
"""Frames of each kind that are kept in any case for watchers who fall behind or reconnect."""
KEPT_MS = 30_000
"""Frames are kept for so long, however many come,"""
KEPT_BYTES_MAX = 4_000_000
"""as long as they are not more than this."""


class ContinuityBroken(Exception):
    """An entry does not continue the lot as it is known here: entries are missing, or the ledger was reset."""


class FrameBuffer:
    """The last frames of one kind by seq, and the number of bytes there have ever been."""

    __slots__ = ("_bytes", "_frames", "bytes_total", "complete_after")

    def __init__(self, complete_after: int) -> None:
        self._frames: deque[tuple[int, int, bytes]] = deque()
        self._bytes = 0
        self.complete_after = complete_after
        """Every frame with a seq above this one is in the buffer."""
        self.bytes_total = 0

    def add(self, seq: int, at_ms: int, frame: bytes) -> None:
        """Add a frame whose seq and time (UTC ms) are not below the last."""
        self.bytes_total += len(frame)
        self._bytes += len(frame)
        self._frames.append((seq, at_ms, frame))
        while len(self._frames) > KEPT_FRAMES_MIN and (
            self._frames[0][1] < at_ms - KEPT_MS or self._bytes > KEPT_BYTES_MAX
        ):
            self.complete_after, _, oldest = self._frames.popleft()
            self._bytes -= len(oldest)

    def after(self, seq: int) -> list[bytes] | None:
        """The frames above a seq, oldest first; None where some of them are not kept any more."""
        if seq < self.complete_after:
            return None
        found = []
        for frame_seq, _, frame in reversed(self._frames):
            if frame_seq <= seq:
                break
            found.append(frame)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class _SeqFrame:
    """A frame with its event's seq and time; `for_all`: not for feeds alone."""

    seq: int
    at_ms: int
    frame: bytes
    for_all: bool
    is_replaceable: bool = False
    """Whether a later one of the same turn makes it superfluous for watchers of the state."""


@dataclass(frozen=True, slots=True)
class TurnFrames:
    """The bytes that one turn sends to watchers of the state and of the feed; empty: nothing."""

    state: bytes
    feed: bytes


class LotProjection:
    """One lot, from the state at which following began."""

    def __init__(self, lot_id: str, lot: Lot, chain: str, before: Sequence[StreamEntry]) -> None:
        """Takes the lot's state, its checksum, and earlier entries, as many as are at hand."""
        self.lot_id = lot_id
        self.lot = lot
        self.shown = lot
        """The lot as of the last turn."""
        self.admissions: dict[str, Admission | None] = {}
        """Signed-in bidders who watch here -> their admission; None: not admitted, or not known yet."""
        self.outbid: set[str] = set()
        """Those of them who were outbid since they last led."""
        self.to_notify: set[str] = set()
        """Those of them who get a `you` in this turn."""
        self.feed = FrameBuffer(lot.seq)
        """What watchers of the feed receive."""
        self.events = FrameBuffer(lot.seq)
        """What every watcher receives."""
        self.ledger_away = False
        """Whether the ledger refuses the lot's shard."""
        self._shown_away = False
        self._chain = chain
        self._pending: list[_SeqFrame] = []
        self._has_visible_news = False
        self._last_frame_seq = lot.seq
        self._restore_frames(before)

    @property
    def chain(self) -> str:
        """The checksum after the last entry applied."""
        return self._chain

    @property
    def position(self) -> tuple[int, int]:
        """Epoch and seq as of the last turn."""
        return self.shown.epoch, self.shown.seq

    @property
    def has_news(self) -> bool:
        """Whether entries were applied since the last turn, or the ledger has begun or ceased to refuse the shard."""
        return self.lot is not self.shown or self.ledger_away != self._shown_away

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can happen to the lot."""
        return self.lot.status in {LotStatus.CLOSED, LotStatus.VOID}

    @property
    def begins_epoch(self) -> bool:
        """Whether the next turn begins a new epoch."""
        return self.lot.epoch != self.shown.epoch

    def apply_entry(self, entry: StreamEntry) -> None:
        """Fold one more entry; one that was folded before changes nothing. Raises ContinuityBroken."""
        before = self.lot
        if entry.last_seq <= before.seq:
            return
        continued = chain_of(self._chain, entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
        if not follows(entry.first_seq, entry.events, before.seq) or continued != entry.chain:
            raise ContinuityBroken(
                f"seq {before.seq} of {self.lot_id} is not continued by the entry from {entry.first_seq}"
            )
        lot = before
        for event in entry.events:
            after = apply(lot, event, entry.at_ms)
            position = EventPosition(self.lot_id, after.seq, entry.at_ms, entry.epoch, lot.ends_at_ms)
            self._add_frames(position, event, after.price_fen, after.leader_paddle)
            if self.admissions:
                self._update_bidders(lot, event, after)
            lot = after
        if lot.epoch != entry.epoch:
            raise ContinuityBroken(f"seq {lot.seq} of {self.lot_id} is of epoch {entry.epoch}, expected {lot.epoch}")
        self.lot, self._chain = lot, entry.chain

    def _add_frames(self, position: EventPosition, event: Event, price_fen: int, leader_paddle: int) -> None:
        if isinstance(event, Admitted | MaximumSet):
            return
        self._has_visible_news = True
        if isinstance(event, BidPlaced):
            frame = frames.bid_frame(position, event, self._last_frame_seq)
            self._pending.append(_SeqFrame(position.seq, position.at_ms, frame, for_all=False))
            self._last_frame_seq = position.seq
        event_frame = frames.event_frame(position, event, price_fen, leader_paddle)
        if event_frame is not None:
            is_by_bid = isinstance(event, BidPlaced)
            self._pending.append(
                _SeqFrame(position.seq, position.at_ms, event_frame, for_all=True, is_replaceable=is_by_bid)
            )
            self._last_frame_seq = position.seq

    def _update_bidders(self, before: Lot, event: Event, after: Lot) -> None:
        """Note which signed-in bidders an event concerns."""
        if isinstance(event, Admitted):
            if event.bidder_id in self.admissions:
                limit_fen = None if event.limit_fen < 0 else event.limit_fen
                self.admissions[event.bidder_id] = Admission(event.paddle, limit_fen)
                self.to_notify.add(event.bidder_id)
        elif before.leader_id != after.leader_id:
            self._notify(before.leader_id, outbid=isinstance(event, BidPlaced))
            self._notify(after.leader_id, outbid=False)
        elif isinstance(event, BidPlaced) and event.bidder_id != after.leader_id:
            # a bid below the leader's maximum
            self._notify(event.bidder_id, outbid=True)
        elif before.ceiling_fen != after.ceiling_fen:
            self._notify(after.leader_id, outbid=False)

    def _notify(self, bidder_id: str, *, outbid: bool) -> None:
        if bidder_id in self.admissions:
            self.to_notify.add(bidder_id)
            if outbid:
                self.outbid.add(bidder_id)
            else:
                self.outbid.discard(bidder_id)

    def take_turn(self, *, now_ms: int, watchers: int) -> TurnFrames:
        """The frames for what came since the last turn, the newest state last; from here on that state is shown."""
        kind = SnapFrame if self.begins_epoch else TickFrame
        self.shown = self.lot
        if not self._has_visible_news and self.ledger_away == self._shown_away:
            return TurnFrames(b"", b"")
        self._has_visible_news, self._shown_away = False, self.ledger_away
        pending, self._pending = self._pending, []
        for_state = _without_replaced(pending)
        self._keep(pending, for_state)
        newest = frames.state_frame(
            kind, self.lot_id, self.lot, now_ms=now_ms, watchers=watchers, ledger_away=self.ledger_away
        )
        return TurnFrames(
            b"".join([*(one.frame for one in for_state), newest]),
            b"".join([*(one.frame for one in pending), newest]),
        )

    def _keep(self, for_feed: Iterable[_SeqFrame], for_state: Iterable[_SeqFrame]) -> None:
        for one in for_feed:
            self.feed.add(one.seq, one.at_ms, one.frame)
        for one in for_state:
            self.events.add(one.seq, one.at_ms, one.frame)

    def state_frame(self, *, fresh: bool, now_ms: int, watchers: int) -> bytes:
        """The state as of the last turn: a `snap` where the client begins afresh, else a `tick`."""
        kind = SnapFrame if fresh else TickFrame
        return frames.state_frame(
            kind, self.lot_id, self.shown, now_ms=now_ms, watchers=watchers, ledger_away=self.ledger_away
        )

    def missed_frames(self, after_seq: int, *, feed: bool) -> list[bytes] | None:
        """The frames that a watcher at `after_seq` still has to get; None where they are not kept any more."""
        return (self.feed if feed else self.events).after(after_seq)

    def you_frame(self, bidder_id: str) -> bytes:
        """The `you` of one of `admissions`, as of the last turn."""
        admission = self.admissions[bidder_id]
        return frames.you_frame(
            self.lot_id,
            self.shown,
            bidder_id,
            None if admission is None else (admission.paddle, admission.limit_fen),
            was_outbid=bidder_id in self.outbid,
        )

    def _restore_frames(self, before: Sequence[StreamEntry]) -> None:
        """Fill the buffers from earlier entries, beginning with the first event whose end in force is known."""
        kept: list[list[_SeqFrame]] = []  # by entry
        entry_seq = 0
        complete_after = last_frame_seq = next_seq = 0
        ends_ms: int | None = None
        for seq, entry, event in _events(before, self.lot.seq):
            if seq != next_seq:
                kept, complete_after, last_frame_seq, ends_ms = [], seq, seq, None
            next_seq = seq + 1
            position = EventPosition(self.lot_id, seq, entry.at_ms, entry.epoch, ends_ms or 0)
            if ends_ms is None or entry.epoch != self.lot.epoch or isinstance(event, BidVoided | Restored):
                # the frames before cannot be built in full, or are of an epoch that cannot be resumed
                kept, complete_after, last_frame_seq = [], seq, seq
            else:
                if not kept or entry.first_seq != entry_seq:
                    kept.append([])
                    entry_seq = entry.first_seq
                kept[-1] += self._frames_of(position, event, last_frame_seq)
                last_frame_seq = kept[-1][-1].seq if kept[-1] else last_frame_seq
            if ends_ms is not None or isinstance(event, frames.SETS_END):
                ends_ms = frames.end_after(event, position.ends_before_ms, entry.at_ms)
        if next_seq != self.lot.seq + 1:
            return
        self._last_frame_seq = last_frame_seq
        self.feed, self.events = FrameBuffer(complete_after), FrameBuffer(complete_after)
        for of_entry in kept:
            self._keep(of_entry, _without_replaced(of_entry))

    def _frames_of(self, position: EventPosition, event: Event, prev_seq: int) -> list[_SeqFrame]:
        found = []
        if isinstance(event, BidPlaced):
            bid_frame = frames.bid_frame(position, event, prev_seq)
            found.append(_SeqFrame(position.seq, position.at_ms, bid_frame, for_all=False))
        # only the frame of a lot's last event has price and leader, which are those of the present state
        frame = frames.event_frame(position, event, self.lot.price_fen, self.lot.leader_paddle)
        if frame is not None:
            is_by_bid = isinstance(event, BidPlaced)
            found.append(_SeqFrame(position.seq, position.at_ms, frame, for_all=True, is_replaceable=is_by_bid))
        return found


def _without_replaced(pending: Sequence[_SeqFrame]) -> list[_SeqFrame]:
    """The frames of a turn for watchers of the state: of those that replace one another, the last."""
    last = max((one.seq for one in pending if one.is_replaceable), default=0)
    return [one for one in pending if one.for_all and (not one.is_replaceable or one.seq == last)]


def _events(entries: Iterable[StreamEntry], last_seq: int) -> Iterable[tuple[int, StreamEntry, Event]]:
    for entry in entries:
        if entry.last_seq <= last_seq:
            for seq, event in enumerate(entry.events, entry.first_seq):
                yield seq, entry, event
