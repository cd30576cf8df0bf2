"""Bounds the bids of one bidder in one process: so many a second, so many waiting for an answer. In the bid's way.

Checked before anything else is done for a bid, so that one bidder's flood costs the others nothing. Retries count too.
"""

import time
from collections.abc import Callable

from auction.domain.errors import TooManyBids
from auction.services.token_buckets import TokenBuckets

BURST_S = 2
"""A bidder who was silent may send the bids of so many seconds at once."""


class BidRate:
    """The bids of each bidder; 0 for either bound: none."""

    def __init__(self, per_s: int = 0, in_flight_max: int = 0, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._in_flight_max = in_flight_max
        self._buckets = TokenBuckets(per_s, per_s * BURST_S, clock_s) if per_s else None
        self._in_flight: dict[str, int] = {}

    def enter(self, bidder_id: str) -> None:
        """Count a bid; `leave` must follow. Raises TooManyBids, and counts nothing then."""
        waiting = self._in_flight.get(bidder_id, 0)
        if self._in_flight_max and waiting >= self._in_flight_max:
            raise TooManyBids(f"{waiting} bids of yours wait for their answer", 1)
        if self._buckets is not None and self._buckets.take(bidder_id):
            raise TooManyBids(f"a bidder may send {self._per_s} bids a second", 1)
        self._in_flight[bidder_id] = waiting + 1

    def leave(self, bidder_id: str) -> None:
        """The bid that was counted has its answer."""
        waiting = self._in_flight.pop(bidder_id) - 1
        if waiting:
            self._in_flight[bidder_id] = waiting
