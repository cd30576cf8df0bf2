"""What the demo knows of its lots at any moment: what looking at the sale says, and what bids were answered."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auction.demo.staff_client import ScheduledLot
from auction.domain.money import yuan

RATE_OVER_S = 4.0
NEWS_MAX = 6
MILESTONES_YUAN = (10_000, 100_000, 800_000, 1_000_000, 10_000_000, 50_000_000)
OVER = ("closed", "void")


def now_ms() -> float:
    """This machine's time; the demo's ledger has the same."""
    return time.time() * 1000


@dataclass(slots=True)
class LotLine:
    """A lot as last seen."""

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
    """The price at each look: (ms since the opening, fen)."""
    looks: deque[tuple[float, int]] = field(default_factory=deque)
    """Bids at the looks of the last RATE_OVER_S: (monotonic s, bids)."""
    ends: set[int] = field(default_factory=set)
    """Every end that a bid was answered with."""
    given_ends: set[int] = field(default_factory=set)
    """Ends that were set otherwise: by the schedule, by staff."""

    @property
    def lot_id(self) -> str:
        """Its id."""
        return self.scheduled.lot_id

    @property
    def over(self) -> bool:
        """Whether there is nothing more to come."""
        return self.status in OVER

    @property
    def extensions(self) -> int:
        """How often a late bid moved the end."""
        return len(self.ends - self.given_ends)

    @property
    def bids_a_second(self) -> float:
        """Accepted bids a second, over the last few seconds."""
        if len(self.looks) < 2 or self.over:
            return 0.0
        (from_s, before), (to_s, after) = self.looks[0], self.looks[-1]
        return (after - before) / (to_s - from_s) if to_s > from_s else 0.0

    @property
    def elapsed_ms(self) -> float:
        """Since the opening; negative before."""
        return now_ms() - self.scheduled.opens_at_ms


class LotTable:
    """The lots of the sale, and what is worth saying about them."""

    def __init__(self, scheduled: Sequence[ScheduledLot]) -> None:
        self.lots = {
            lot.lot_id: LotLine(lot, ends_at_ms=lot.closes_at_ms, given_ends={lot.closes_at_ms}) for lot in scheduled
        }
        self.started_s = time.monotonic()
        self.news: deque[tuple[float, str]] = deque(maxlen=NEWS_MAX)
        self.unsaid: deque[tuple[float, str]] = deque(maxlen=100)
        """News for whoever prints lines."""

    def open(self, scheduled: ScheduledLot) -> None:
        """A lot was opened, with these times."""
        lot = self.lots[scheduled.lot_id]
        lot.scheduled = scheduled
        lot.given_ends.add(scheduled.closes_at_ms)

    @property
    def over(self) -> bool:
        """Whether every lot is."""
        return all(lot.over for lot in self.lots.values())

    def say(self, sentence: str) -> None:
        """Note something worth saying."""
        item = (time.monotonic() - self.started_s, sentence)
        self.news.append(item)
        self.unsaid.append(item)

    def take(self, sale: Mapping[str, Any]) -> None:
        """A look at the sale."""
        for shown in sale["lots"]:
            lot = self.lots.get(shown["lot_id"])
            if lot is not None and shown["seq"] >= lot.seq:
                self._take_lot(lot, shown)

    def _take_lot(self, lot: LotLine, shown: Mapping[str, Any]) -> None:
        if shown["status"] != lot.status:
            self._say_status(lot, shown)
        for milestone in MILESTONES_YUAN:
            if lot.price_fen < milestone * 100 <= shown["price_fen"]:
                passed = f"{lot.lot_id} passes {milestone:,} yuan after {max(0.0, lot.elapsed_ms) / 1000:.0f} s"
                self.say(passed)
        lot.status = shown["status"]
        lot.price_fen, lot.minimum_fen = shown["price_fen"], shown["minimum_fen"]
        lot.leader, lot.bids, lot.seq = shown["leader"], shown["bids"], shown["seq"]
        lot.ends_at_ms, lot.remaining_ms = shown["ends_at_ms"] or 0, shown["remaining_ms"]
        now_s = time.monotonic()
        lot.looks.append((now_s, lot.bids))
        while now_s - lot.looks[0][0] > RATE_OVER_S:
            lot.looks.popleft()
        if lot.price_fen and not lot.over:
            lot.prices.append((lot.elapsed_ms, lot.price_fen))

    def _say_status(self, lot: LotLine, shown: Mapping[str, Any]) -> None:
        price = yuan(shown["price_fen"])
        sentences = {
            "open": f"{lot.lot_id} goes on" if lot.status in {"held", "paused"} else f"{lot.lot_id} is open",
            "held": f"{lot.lot_id} is held at {price}: beyond its review limit, staff have to look",
            "paused": f"{lot.lot_id} is paused at {price}",
            "closed": f"{lot.lot_id} is closed at {price}"
            + (f", paddle {shown['leader']}" if shown["leader"] else ", without a bid"),
        }
        self.say(sentences.get(shown["status"], f"{lot.lot_id} is {shown['status']}"))

    def took(self, lot_id: str, ends_at_ms: int) -> None:
        """A bid was accepted and answered with that end."""
        lot = self.lots[lot_id]
        before = lot.extensions
        lot.ends.add(ends_at_ms)
        if lot.extensions > before == 0:
            self.say(f"{lot_id}: a bid in the last moments moves the end")
