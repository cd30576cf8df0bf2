"""The state of the demo's lots, from polling the sale and from the responses to bids, and news about them."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auction.demo.staff_client import ScheduledLot
from auction.domain.money import yuan

RATE_WINDOW_S = 4.0
NEWS_MAX = 6
MILESTONES_YUAN = (10_000, 100_000, 800_000, 1_000_000, 10_000_000, 50_000_000)
OVER = ("closed", "void")


def now_ms() -> float:
    """This machine's time, UTC ms; the demo's ledger uses the same clock."""
    return time.time() * 1000


@dataclass(slots=True)
class LotLine:
    """A lot's last known state."""

    scheduled: ScheduledLot
    status: str = "scheduled"
    price_fen: int = 0
    minimum_fen: int = 0
    leader: int | None = None
    bids: int = 0
    seq: int = 0
    ends_at_ms: int = 0
    remaining_ms: int = 0
    prices: list[tuple[float, int]] = field(default_factory=list)
    """The price at each poll: (ms since the opening, fen)."""
    samples: deque[tuple[float, int]] = field(default_factory=deque)
    """Number of bids at the polls of the last RATE_WINDOW_S: (monotonic s, bids)."""
    ends: set[int] = field(default_factory=set)
    """Every `ends_at_ms` in a response to a bid."""
    scheduled_ends: set[int] = field(default_factory=set)
    """Ends that were not set by a bid: by the schedule, by staff."""

    @property
    def lot_id(self) -> str:
        """Its id."""
        return self.scheduled.lot_id

    @property
    def over(self) -> bool:
        """Whether it is closed or void."""
        return self.status in OVER

    @property
    def extensions(self) -> int:
        """How often a late bid extended it."""
        return len(self.ends - self.scheduled_ends)

    @property
    def bids_a_second(self) -> float:
        """Accepted bids a second, over RATE_WINDOW_S."""
        if len(self.samples) < 2 or self.over:
            return 0.0
        (from_s, before), (to_s, after) = self.samples[0], self.samples[-1]
        return (after - before) / (to_s - from_s) if to_s > from_s else 0.0

    @property
    def elapsed_ms(self) -> float:
        """Time since the opening; negative before it."""
        return now_ms() - self.scheduled.opens_at_ms


class LotTable:
    """The lots of the sale, and news about them."""

    def __init__(self, scheduled: Sequence[ScheduledLot]) -> None:
        self.lots = {
            lot.lot_id: LotLine(lot, ends_at_ms=lot.closes_at_ms, scheduled_ends={lot.closes_at_ms})
            for lot in scheduled
        }
        self.started_s = time.monotonic()
        self.news: deque[tuple[float, str]] = deque(maxlen=NEWS_MAX)
        """The latest news: (s since the start, sentence)."""
        self.unprinted: deque[tuple[float, str]] = deque(maxlen=100)
        """News that `pop_unprinted` has not returned yet."""

    def record_opening(self, scheduled: ScheduledLot) -> None:
        """Take over the times of a lot that was opened."""
        lot = self.lots[scheduled.lot_id]
        lot.scheduled = scheduled
        lot.scheduled_ends.add(scheduled.closes_at_ms)

    @property
    def over(self) -> bool:
        """Whether every lot is closed or void."""
        return all(lot.over for lot in self.lots.values())

    def add_news(self, sentence: str) -> None:
        """Add a sentence to the news."""
        item = (time.monotonic() - self.started_s, sentence)
        self.news.append(item)
        self.unprinted.append(item)

    def pop_unprinted(self) -> list[str]:
        """The news since the last call, for output in lines."""
        sentences = [sentence for _, sentence in self.unprinted]
        self.unprinted.clear()
        return sentences

    def update(self, sale: Mapping[str, Any]) -> None:
        """Take over the state of a polled sale."""
        for shown in sale["lots"]:
            lot = self.lots.get(shown["lot_id"])
            if lot is not None and shown["seq"] >= lot.seq:
                self._update_lot(lot, shown)

    def _update_lot(self, lot: LotLine, shown: Mapping[str, Any]) -> None:
        if shown["status"] != lot.status:
            self._add_status_news(lot, shown)
        for milestone in MILESTONES_YUAN:
            if lot.price_fen < milestone * 100 <= shown["price_fen"]:
                seconds = max(0.0, lot.elapsed_ms) / 1000
                self.add_news(f"{lot.lot_id} passes {milestone:,} yuan after {seconds:.0f} s")
        lot.status = shown["status"]
        lot.price_fen, lot.minimum_fen = shown["price_fen"], shown["minimum_fen"]
        lot.leader, lot.bids, lot.seq = shown["leader"], shown["bids"], shown["seq"]
        lot.ends_at_ms, lot.remaining_ms = shown["ends_at_ms"] or 0, shown["remaining_ms"]
        now_s = time.monotonic()
        lot.samples.append((now_s, lot.bids))
        while now_s - lot.samples[0][0] > RATE_WINDOW_S:
            lot.samples.popleft()
        if lot.price_fen and not lot.over:
            lot.prices.append((lot.elapsed_ms, lot.price_fen))

    def _add_status_news(self, lot: LotLine, shown: Mapping[str, Any]) -> None:
        price = yuan(shown["price_fen"])
        sentences = {
            "open": f"{lot.lot_id} is resumed" if lot.status in {"held", "paused"} else f"{lot.lot_id} is open",
            "held": f"{lot.lot_id} is held at {price}: above its review limit, waiting for staff",
            "paused": f"{lot.lot_id} is paused at {price}",
            "closed": f"{lot.lot_id} is closed at {price}"
            + (f", paddle {shown['leader']}" if shown["leader"] else ", without a bid"),
        }
        self.add_news(sentences.get(shown["status"], f"{lot.lot_id} is {shown['status']}"))

    def record_accepted(self, lot_id: str, ends_at_ms: int) -> None:
        """Take over the end from the response to an accepted bid."""
        lot = self.lots[lot_id]
        before = lot.extensions
        lot.ends.add(ends_at_ms)
        if lot.extensions > before == 0:
            self.add_news(f"{lot_id}: a bid in the last moments extends the lot")
