"""Bounds the bids of one bidder in one process: so many a second, so many waiting for an answer. In the bid's way.

Checked before anything else is done for a bid, so that one bidder's flood costs the others nothing. Retries count too.
"""

import time
from collections.abc import Callable

from cachetools import LRUCache

from auction.domain.errors import TooManyBids

BIDDERS_MAX = 100_000
"""Bidders whose recent bids are remembered; of more, those who have bid last."""
BURST_S = 2
"""A bidder who was silent may send the bids of so many seconds at once."""
_ROUNDING_S = 1e-6


class BidRate:
    """The bids of each bidder; 0 for either bound: none."""

    def __init__(self, per_s: int = 0, in_flight_max: int = 0, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._in_flight_max = in_flight_max
        self._clock_s = clock_s
        self._full_at_s: LRUCache[str, float] = LRUCache(BIDDERS_MAX)
        """Bidder -> when they may send a full burst again."""
        self._in_flight: dict[str, int] = {}

    def enter(self, bidder_id: str) -> None:
        """Count a bid; `leave` must follow. Raises TooManyBids, and counts nothing then."""
        waiting = self._in_flight.get(bidder_id, 0)
        if self._in_flight_max and waiting >= self._in_flight_max:
            raise TooManyBids(f"{waiting} bids of yours wait for their answer", 1)
        if self._per_s:
            self._take(bidder_id)
        self._in_flight[bidder_id] = waiting + 1

    def leave(self, bidder_id: str) -> None:
        """The bid that was counted has its answer."""
        waiting = self._in_flight.pop(bidder_id) - 1
        if waiting:
            self._in_flight[bidder_id] = waiting

    def _take(self, bidder_id: str) -> None:
        now_s = self._clock_s()
        full_at_s = max(self._full_at_s.get(bidder_id, 0.0), now_s) + 1 / self._per_s
        if full_at_s > now_s + BURST_S + _ROUNDING_S:
            raise TooManyBids(f"a bidder may send {self._per_s} bids a second", 1)
        self._full_at_s[bidder_id] = full_at_s
