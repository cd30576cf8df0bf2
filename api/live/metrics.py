"""Counts what a live gateway does, for Prometheus: plain numbers that become metrics at each scrape."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class LiveMetrics(Collector):
    """The counts of one process, written by one event loop."""

    __slots__ = ("bytes", "channels", "closed", "conflated", "deliveries", "lag_ms", "refused", "sockets", "turns")

    def __init__(self) -> None:
        self.sockets = 0
        self.channels = 0
        self.turns = 0
        """Times that a lot's news was sent."""
        self.deliveries = 0
        """Writes of a lot's news to one watcher."""
        self.bytes = 0
        self.conflated = 0
        """Deliveries skipped because the watcher was behind."""
        self.closed: Counter[int] = Counter()
        self.refused: Counter[str] = Counter()
        """Connections refused, by reason."""
        self.lag_ms = 0
        """The age of the ledger's last entry when it was read here."""

    def collect(self) -> Iterator[Metric]:
        """The present values."""
        yield _gauge("auction_live_sockets", "Open sockets.", self.sockets)
        yield _gauge("auction_live_lots", "Lots followed.", self.channels)
        yield _gauge("auction_live_tail_lag_seconds", "Age of the last entry when it was read.", self.lag_ms / 1000)
        yield _counter("auction_live_turns", "Times that a lot's news was sent.", self.turns)
        yield _counter("auction_live_deliveries", "Writes of a lot's news to one watcher.", self.deliveries)
        yield _counter("auction_live_bytes", "Bytes of news written.", self.bytes)
        yield _counter("auction_live_conflated", "Writes skipped because the watcher was behind.", self.conflated)
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
