"""One lot as it is told to watchers: folds the ledger's entries, and keeps the last frames for who missed some.

After the bid's way. No I/O and no clock here. Time passes in turns: entries are taken as they come, and a turn tells
what came since the one before. Whoever joins in between is shown the lot as of the last turn, so that the next one
continues exactly there.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.live import frames
from api.live.frames import Moment, SnapFrame, TickFrame
from auction.domain.bidding import Admission
from auction.domain.events import Admitted, BidPlaced, BidVoided, Event
from auction.domain.lot import Lot, LotStatus, apply
from auction.ledger.stream import StreamEntry, chain_of

KEPT_FRAMES = 512
"""How many frames of each kind are kept for who falls behind or comes back; more than a resume may ask for."""


class Broken(Exception):
    """An entry does not continue the lot as it is known here: entries were lost, or the ledger was put back."""


class FrameRing:
    """The last frames of one kind in the order of their seqs, and how many bytes there have ever been."""

    __slots__ = ("_frames", "bytes_ever", "complete_after")

    def __init__(self, complete_after: int) -> None:
        self._frames: deque[tuple[int, bytes]] = deque()
        self.complete_after = complete_after
        """Every frame with a seq above this one is here."""
        self.bytes_ever = 0

    def add(self, seq: int, frame: bytes) -> None:
        """Keep one more frame, its seq not below the last."""
        self.bytes_ever += len(frame)
        self._frames.append((seq, frame))
        if len(self._frames) > KEPT_FRAMES:
            self.complete_after = self._frames.popleft()[0]

    def after(self, seq: int) -> list[bytes] | None:
        """The frames above a seq, oldest first; None where some of them are no longer here."""
        if seq < self.complete_after:
            return None
        found = []
        for at, frame in reversed(self._frames):
            if at <= seq:
                break
            found.append(frame)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class PendingFrames:
    """What one turn tells: to watchers of the state, and to those of the feed; empty: nothing worth telling."""

    state: bytes
    feed: bytes


class LotProjection:
    """One lot, from a reading of the ledger on."""

    def __init__(self, lot_id: str, lot: Lot, chain: str, before: Sequence[StreamEntry]) -> None:
        """`before`: entries up to the reading, as far back as they are at hand."""
        self.lot_id = lot_id
        self.lot = lot
        self.shown = lot
        """The lot as of the last turn."""
        self.followed: dict[str, Admission | None] = {}
        """The bidders that watch here, signed in, as the ledger admitted them."""
        self.outbid: set[str] = set()
        """Those of them that were outbid since they last led."""
        self.concerned: set[str] = set()
        """Those of them that this turn has news for."""
        self._chain = chain
        self._pending: list[tuple[int, bytes, bool]] = []
        self._visible = False
        self.feed = FrameRing(lot.seq)
        self.happenings = FrameRing(lot.seq)
        self._told_seq = lot.seq
        self._remember(before)

    @property
    def chain(self) -> str:
        """The checksum of the last entry taken."""
        return self._chain

    @property
    def at(self) -> tuple[int, int]:
        """Epoch and seq that watchers have been shown."""
        return self.shown.epoch, self.shown.seq

    def take(self, entry: StreamEntry) -> None:
        """Fold one more entry; one that is covered already changes nothing. Raises Broken."""
        before = self.lot
        if entry.last_seq <= before.seq:
            return
        continues = chain_of(self._chain, entry.lot_id, entry.epoch, entry.first_seq, entry.at_ms, entry.packed)
        if entry.first_seq != before.seq + 1 or continues != entry.chain:
            raise Broken(f"seq {before.seq} of {self.lot_id} is not continued by the entry from {entry.first_seq}")
        lot = before
        for event in entry.events:
            after = apply(lot, event, entry.at_ms)
            moment = Moment(self.lot_id, after.seq, entry.at_ms, entry.epoch, lot.ends_at_ms)
            self._tell(moment, event, after.price_fen, after.leader_paddle)
            if self.followed:
                self._note(lot, event, after)
            lot = after
        if lot.epoch != entry.epoch:
            raise Broken(f"seq {lot.seq} of {self.lot_id} is of epoch {entry.epoch}, expected {lot.epoch}")
        self.lot, self._chain = lot, entry.chain

    def _tell(self, moment: Moment, event: Event, price_fen: int, leader_paddle: int) -> None:
        if isinstance(event, Admitted):
            return
        self._visible = True
        if isinstance(event, BidPlaced):
            self._pending.append((moment.seq, frames.bid_made(moment, event, self._told_seq), False))
            self._told_seq = moment.seq
        frame = frames.happening(moment, event, price_fen, leader_paddle)
        if frame is not None:
            self._pending.append((moment.seq, frame, True))
            self._told_seq = moment.seq

    def _note(self, before: Lot, event: Event, after: Lot) -> None:
        """What an event means to the bidders that watch."""
        if isinstance(event, Admitted):
            if event.bidder_id in self.followed:
                limit_fen = None if event.limit_fen < 0 else event.limit_fen
                self.followed[event.bidder_id] = Admission(event.paddle, limit_fen)
                self.concerned.add(event.bidder_id)
        elif before.leader_id != after.leader_id:
            self._has_news(before.leader_id, outbid=isinstance(event, BidPlaced))
            self._has_news(after.leader_id, outbid=False)
        elif isinstance(event, BidPlaced) and event.bidder_id != after.leader_id:
            # a proxy bid that the leader's maximum answered at once
            self._has_news(event.bidder_id, outbid=True)

    def _has_news(self, bidder_id: str, *, outbid: bool) -> None:
        if bidder_id in self.followed:
            self.concerned.add(bidder_id)
            if outbid:
                self.outbid.add(bidder_id)
            else:
                self.outbid.discard(bidder_id)

    @property
    def is_new(self) -> bool:
        """Whether anything came since the last turn."""
        return self.lot is not self.shown

    @property
    def is_over(self) -> bool:
        """Whether nothing more can happen to the lot."""
        return self.lot.status in {LotStatus.CLOSED, LotStatus.VOID}

    @property
    def starts_over(self) -> bool:
        """Whether the next turn begins a new epoch."""
        return self.lot.epoch != self.shown.epoch

    def turn(self, *, now_ms: int, watchers: int) -> PendingFrames:
        """Tell what came since the last turn; the newest state comes last."""
        kind = SnapFrame if self.starts_over else TickFrame
        self.shown = self.lot
        if not self._visible:
            return PendingFrames(b"", b"")
        self._visible = False
        pending, self._pending = self._pending, []
        for seq, frame, for_everyone in pending:
            self.feed.add(seq, frame)
            if for_everyone:
                self.happenings.add(seq, frame)
        newest = frames.state(kind, self.lot_id, self.lot, now_ms=now_ms, watchers=watchers)
        return PendingFrames(
            b"".join([*(frame for _, frame, for_everyone in pending if for_everyone), newest]),
            b"".join([*(frame for _, frame, _ in pending), newest]),
        )

    def newest(self, *, fresh: bool, now_ms: int, watchers: int) -> bytes:
        """The lot as of the last turn: a `snap` where the client begins afresh, else a `tick`."""
        return frames.state(
            SnapFrame if fresh else TickFrame, self.lot_id, self.shown, now_ms=now_ms, watchers=watchers
        )

    def missed(self, after_seq: int, *, feed: bool) -> list[bytes] | None:
        """The frames that a watcher who has seen so much still has to get; None where they are no longer here."""
        return (self.feed if feed else self.happenings).after(after_seq)

    def you(self, bidder_id: str) -> bytes:
        """The lot as of the last turn for one of `followed`."""
        admission = self.followed[bidder_id]
        return frames.you(
            self.lot_id,
            self.shown,
            bidder_id,
            None if admission is None else (admission.paddle, admission.limit_fen),
            was_outbid=bidder_id in self.outbid,
        )

    def _remember(self, before: Sequence[StreamEntry]) -> None:
        """Keep the frames of earlier entries, from the first event on whose end in force is known."""
        kept: list[tuple[int, bytes, bool]] = []
        complete_after = told_seq = next_seq = 0
        ends_ms: int | None = None
        for seq, entry, event in _events(before, self.lot.seq):
            if seq != next_seq:
                kept, complete_after, told_seq, ends_ms = [], seq, seq, None
            next_seq = seq + 1
            moment = Moment(self.lot_id, seq, entry.at_ms, entry.epoch, ends_ms or 0)
            if ends_ms is None or entry.epoch != self.lot.epoch or isinstance(event, BidVoided):
                # what came before cannot be told in full, or is of an epoch that nobody may resume
                kept, complete_after, told_seq = [], seq, seq
            else:
                kept += self._retold(moment, event, told_seq)
                told_seq = kept[-1][0] if kept else told_seq
            if ends_ms is not None or isinstance(event, frames.SETS_END):
                ends_ms = frames.ends_after(event, moment.ends_before_ms, entry.at_ms)
        if next_seq != self.lot.seq + 1:
            return
        self._told_seq = told_seq
        self.feed, self.happenings = FrameRing(complete_after), FrameRing(complete_after)
        for seq, frame, for_everyone in kept:
            self.feed.add(seq, frame)
            if for_everyone:
                self.happenings.add(seq, frame)

    def _retold(self, moment: Moment, event: Event, prev_seq: int) -> list[tuple[int, bytes, bool]]:
        found = []
        if isinstance(event, BidPlaced):
            found.append((moment.seq, frames.bid_made(moment, event, prev_seq), False))
        # only the last event of a lot is told with price and leader, and that is how the lot stands now
        frame = frames.happening(moment, event, self.lot.price_fen, self.lot.leader_paddle)
        if frame is not None:
            found.append((moment.seq, frame, True))
        return found


def _events(entries: Iterable[StreamEntry], last_seq: int) -> Iterable[tuple[int, StreamEntry, Event]]:
    for entry in entries:
        if entry.last_seq <= last_seq:
            for seq, event in enumerate(entry.events, entry.first_seq):
                yield seq, entry, event
