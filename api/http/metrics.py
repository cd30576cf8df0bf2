"""Prometheus metrics of bids, the ledger's memory and what a loss has stopped: numbers, read by a scrape."""

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from auction.domain.errors import RefusalCode
from auction.ledger.edge import EdgeRefusals
from auction.ledger.memory import MemoryWatch
from auction.services.recovery.watch import RecoveryWatch

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the histogram's buckets."""


class BidCounts(Collector):
    """Counts the bids of this process: accepted, repeated, refused by code, unanswered by code; and their durations.

    Only one event loop adds to it, so there is no lock.
    """

    __slots__ = ("_buckets", "_seconds", "accepted", "refused", "refused_at_edge", "repeated", "unanswered")

    def __init__(self) -> None:
        self.accepted = 0
        self.repeated = 0
        self.refused: dict[str, int] = dict.fromkeys(map(str, RefusalCode), 0)
        self.refused_at_edge: dict[str, int] = {}
        """Refused without asking the ledger, by code; not among `refused`."""
        self.unanswered: dict[str, int] = {}
        """Bids that the ledger did not decide on: malformed, not signed in, ledger unavailable, outcome unknown, ..."""
        self._buckets = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0

    def observe(self, seconds: float) -> None:
        """Adds the duration of a decided bid, from reading its headers to its response."""
        self._buckets[bisect_left(SECONDS, seconds)] += 1
        self._seconds += seconds

    def count_unanswered(self, code: str) -> None:
        """Adds a bid that got no decision."""
        self.unanswered[code] = self.unanswered.get(code, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """The current metrics."""
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
        at_edge = CounterMetricFamily(
            "auction_bids_refused_at_edge", "Bids refused without asking the ledger.", labels=["code"]
        )
        for code, count in sorted(self.refused_at_edge.items()):
            at_edge.add_metric([code], count)
        yield at_edge
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
        times = HistogramMetricFamily("auction_bid_seconds", "From a bid's headers to its response, decided bids only.")
        times.add_metric([], buckets, self._seconds)
        return times


class EdgeGauges(Collector):
    """The lots that this process refuses low bids on by itself, and how late it is; none where that is switched off."""

    def __init__(self, edge: EdgeRefusals | None) -> None:
        self._edge = edge

    def collect(self) -> Iterator[Metric]:
        """The current metrics."""
        if self._edge is None:
            return
        lots = GaugeMetricFamily("auction_edge_lots", "Lots on which low bids are refused without asking the ledger.")
        lots.add_metric([], self._edge.lots)
        yield lots
        if self._edge.lag_s is not None:
            lag = GaugeMetricFamily(
                "auction_edge_lag_seconds", "Age of what is known of them; above 0.4 s it is not used."
            )
            lag.add_metric([], self._edge.lag_s)
            yield lag


class LedgerMemoryGauges(Collector):
    """The ledger's use of memory, as this process last heard of it; none before that."""

    def __init__(self, watch: MemoryWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """The current metrics."""
        use = self._watch.latest
        if use is None:
            return
        used = GaugeMetricFamily("auction_ledger_memory_used_bytes", "Memory that the ledger's server uses.")
        used.add_metric([], use.used_bytes)
        yield used
        limit = GaugeMetricFamily("auction_ledger_memory_max_bytes", "Memory that it may use; 0: no limit.")
        limit.add_metric([], use.max_bytes)
        yield limit
        level = GaugeMetricFamily("auction_ledger_memory_level", "0 normal, 1 alarm, 2 new bids are refused.")
        level.add_metric([], int(self._watch.level))
        yield level


class RecoveryGauges(Collector):
    """What a loss of the ledger has stopped, as this process last heard of it; none before that."""

    def __init__(self, watch: RecoveryWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        """The current metrics."""
        for name, found, meaning in (
            ("auction_lots_frozen", self._watch.lots_frozen, "Lots whose record is not sound: no bid is decided."),
            (
                "auction_settlements_held",
                self._watch.settlements_held,
                "Lots that have ended after a loss and are not settled until staff release them.",
            ),
            ("auction_shards_stopped", self._watch.shards_stopped, "Shards of the ledger that refuse every call."),
        ):
            if found is not None:
                gauge = GaugeMetricFamily(name, meaning)
                gauge.add_metric([], found)
                yield gauge
