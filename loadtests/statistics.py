"""The statistics of a load run's bidders and watchers: written as JSON by locust, read by `loadtests.run`.

Accepted and refused bids are both correct answers; only what is neither counts as failed.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import msgspec

FAULTS_SHOWN_MAX = 10


@dataclass(slots=True)
class BidderStatistics:
    """Counts over all bidders. The percentiles are filled in at the end."""

    bidders: int = 0
    reads: int = 0
    """Of a lot."""
    accepted: int = 0
    repeated: int = 0
    """Of the accepted, those that an earlier attempt with the same key had been accepted for."""
    refused: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By what failed: bids without a response, and calls with an unexpected one."""
    first_s: float = 0.0
    last_s: float = 0.0
    """When the first and the last bid were answered, by the monotonic clock (s)."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    def write(self, file: Path) -> None:
        """Write the statistics to a file."""
        # not `asdict`, which rebuilds a Counter from its items as if it counted them
        file.write_text(json.dumps({each.name: getattr(self, each.name) for each in fields(self)}), "utf-8")

    @classmethod
    def read(cls, file: Path) -> Self:
        """The statistics in a file."""
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return cls(**found | {"refused": Counter(found["refused"]), "failed": Counter(found["failed"])})

    @property
    def seconds(self) -> float:
        """The time from the first to the last response to a bid."""
        return max(0.001, self.last_s - self.first_s)

    @property
    def bids(self) -> int:
        """Bids that were accepted or refused."""
        return self.accepted + self.refused.total()


@dataclass(slots=True)
class WatcherStatistics:
    """What the watchers of one mode received."""

    watchers: int = 0
    frames: int = 0
    reconnects: int = 0
    closed: int = 0
    """Watchers that received the end of their lot."""
    faults: int = 0
    first_faults: list[str] = field(default_factory=list)
    """The first FAULTS_SHOWN_MAX of them, in words."""
    delays_ms: dict[int, int] = field(default_factory=dict)
    """Whole ms from the decision of a bid until a watcher had it -> how often."""

    def record_delay(self, delay_ms: int) -> None:
        """Count one bid that was received by one watcher."""
        self.delays_ms[delay_ms] = self.delays_ms.get(delay_ms, 0) + 1

    def record_faults(self, faults: list[str]) -> None:
        """Count faults, and keep the first of them."""
        self.faults += len(faults)
        self.first_faults += faults[: FAULTS_SHOWN_MAX - len(self.first_faults)]

    @property
    def timed(self) -> int:
        """How many delays were recorded."""
        return sum(self.delays_ms.values())

    def delay_ms(self, share: float) -> int:
        """The delay that so large a share of the recorded ones does not exceed; 1.0: the longest."""
        left = max(1, math.ceil(share * self.timed))
        for delay_ms, count in sorted(self.delays_ms.items()):
            left -= count
            if left <= 0:
                return delay_ms
        return 0


@dataclass(slots=True)
class WatchStatistics:
    """The statistics of all watchers."""

    state: WatcherStatistics = field(default_factory=WatcherStatistics)
    feed: WatcherStatistics = field(default_factory=WatcherStatistics)
    failed: dict[str, int] = field(default_factory=dict)
    """By what failed in the watchers themselves."""

    def write(self, file: Path) -> None:
        """Write the statistics to a file."""
        file.write_bytes(msgspec.json.encode(self))

    @classmethod
    def read(cls, file: Path) -> Self:
        """The statistics in a file."""
        return msgspec.json.decode(file.read_bytes(), type=cls)

    @property
    def holds(self) -> bool:
        """Whether every watcher received the end of its lot, without a fault."""
        return not self.failed and all(
            each.faults == 0 and each.closed == each.watchers for each in (self.state, self.feed)
        )
