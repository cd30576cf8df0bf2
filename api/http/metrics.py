"""What the bid's way counts, for Prometheus. The door adds to plain numbers; they become metrics when asked for."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from auction.domain.errors import RefusalCode

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the buckets a bid's time is sorted into."""


class BidCounts(Collector):
    """Bids answered by this process: accepted, repeated, refused by code, unanswered by code, and how long each took.

    One event loop adds to it without a lock; a scrape reads whole numbers.
    """

    __slots__ = ("_buckets", "_seconds", "accepted", "refused", "repeated", "unanswered")

    def __init__(self) -> None:
        self.accepted = 0
        self.repeated = 0
        self.refused: dict[str, int] = dict.fromkeys(map(str, RefusalCode), 0)
        self.unanswered: dict[str, int] = {}
        """Answers that were no decision: malformed, not signed in, ledger away, outcome unknown, ..."""
        self._buckets = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0

    def took(self, seconds: float) -> None:
        """Note how long a decided bid took, from its headers to its answer."""
        self._buckets[bisect_left(SECONDS, seconds)] += 1
        self._seconds += seconds

    def count_unanswered(self, code: str) -> None:
        """Note a bid that got no decision."""
        self.unanswered[code] = self.unanswered.get(code, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        accepted = CounterMetricFamily("auction_bids_accepted", "Bids that the ledger accepted.")
        accepted.add_metric([], self.accepted)
        yield accepted
        repeated = CounterMetricFamily("auction_bids_repeated", "Retries answered with their first receipt.")
        repeated.add_metric([], self.repeated)
        yield repeated
        refused = CounterMetricFamily("auction_bids_refused", "Bids refused by a rule.", labels=["code"])
        for code, count in self.refused.items():
            refused.add_metric([code], count)
        yield refused
        unanswered = CounterMetricFamily("auction_bids_unanswered", "Bids without a decision.", labels=["code"])
        for code, count in sorted(self.unanswered.items()):
            unanswered.add_metric([code], count)
        yield unanswered
        yield self._durations()

    def _durations(self) -> Metric:
        buckets, total = [], 0
        for bound, count in zip([*map(str, SECONDS), "+Inf"], self._buckets, strict=True):
            total += count
            buckets.append((bound, float(total)))
        times = HistogramMetricFamily("auction_bid_seconds", "From a bid's headers to its answer, decided bids only.")
        times.add_metric([], buckets, self._seconds)
        return times
