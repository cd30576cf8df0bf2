"""What a live gateway counts, for Prometheus: plain numbers that become metrics when asked for."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class LiveMetrics(Collector):
    """Counts of this process. One event loop adds to it without a lock; a scrape reads whole numbers."""

    __slots__ = ("bytes", "channels", "closed", "conflated", "deliveries", "lag_ms", "refused", "sockets", "turns")

    def __init__(self) -> None:
        self.sockets = 0
        self.channels = 0
        self.turns = 0
        """Times that a lot's news was told."""
        self.deliveries = 0
        """Writes of a lot's news to one watcher."""
        self.bytes = 0
        self.conflated = 0
        """Deliveries skipped because the watcher had not read the one before."""
        self.closed: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        """Connections that never were: by reason."""
        self.lag_ms = 0
        """From the ledger's last entry to its being taken here."""

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        yield _gauge("auction_live_sockets", "Open sockets.", self.sockets)
        yield _gauge("auction_live_lots", "Lots followed.", self.channels)
        yield _gauge("auction_live_tail_lag_seconds", "Age of the last entry as it was taken.", self.lag_ms / 1000)
        yield _counter("auction_live_turns", "Times that a lot's news was told.", self.turns)
        yield _counter("auction_live_deliveries", "News written to one watcher.", self.deliveries)
        yield _counter("auction_live_bytes", "Bytes of news written.", self.bytes)
        yield _counter("auction_live_conflated", "News skipped for a watcher that was behind.", self.conflated)
        closed = CounterMetricFamily("auction_live_closed", "Sockets closed, by code.", labels=["code"])
        for code, count in sorted(self.closed.items()):
            closed.add_metric([str(code)], count)
        yield closed
        refused = CounterMetricFamily("auction_live_refused", "Connections refused, by reason.", labels=["reason"])
        for reason, count in sorted(self.refused.items()):
            refused.add_metric([reason], count)
        yield refused


def _gauge(name: str, what: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, what)
    family.add_metric([], value)
    return family


def _counter(name: str, what: str, value: float) -> Metric:
    family = CounterMetricFamily(name, what)
    family.add_metric([], value)
    return family
