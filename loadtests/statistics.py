"""What became of the bids of a load run, and what its watchers were told: written as JSON, read by `loadtests.run`.

Accepted and refused are both answers the house is there to give; only what is neither has failed.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import msgspec

FAULTS_TOLD = 10


@dataclass(slots=True)
class BidderStatistics:
    """Counts over all bidders. The percentiles are filled in at the end."""

    bidders: int = 0
    looks: int = 0
    accepted: int = 0
    found: int = 0
    """Of the accepted, those that an earlier try with the same key had brought in."""
    refused: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By what went wrong: bids that got no answer, and calls that were answered as they never should be."""
    first_s: float = 0.0
    last_s: float = 0.0
    """When the first and the latest bid were answered, by the monotonic clock."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    def write(self, file: Path) -> None:
        """Leave the counts for who started the run."""
        # not `asdict`, which counts a Counter's items as if they were things
        file.write_text(json.dumps({each.name: getattr(self, each.name) for each in fields(self)}), "utf-8")

    @classmethod
    def read(cls, file: Path) -> Self:
        """The counts that a run left."""
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return cls(**found | {"refused": Counter(found["refused"]), "failed": Counter(found["failed"])})

    @property
    def seconds(self) -> float:
        """How long bids were answered."""
        return max(0.001, self.last_s - self.first_s)

    @property
    def bids(self) -> int:
        """Bids that were answered."""
        return self.accepted + self.refused.total()


@dataclass(slots=True)
class WatcherStatistics:
    """What the watchers of one mode were told."""

    watchers: int = 0
    frames: int = 0
    reconnects: int = 0
    closed: int = 0
    """Watchers that saw their lot end."""
    faults: int = 0
    first_faults: list[str] = field(default_factory=list)
    """In words, as many as FAULTS_TOLD."""
    late_ms: dict[int, int] = field(default_factory=dict)
    """Whole ms from the decision of a bid to a watcher's having it -> how often."""

    def note_late(self, late_ms: int) -> None:
        """One bid has come to one watcher."""
        self.late_ms[late_ms] = self.late_ms.get(late_ms, 0) + 1

    def note_faults(self, faults: list[str]) -> None:
        """What must never happen has happened."""
        self.faults += len(faults)
        self.first_faults += faults[: FAULTS_TOLD - len(self.first_faults)]

    @property
    def timed(self) -> int:
        """How many bids were timed on their way, counted at each watcher."""
        return sum(self.late_ms.values())

    def late(self, share: float) -> int:
        """The delay (ms) that so large a share of the timed bids stayed within; 1.0: the longest."""
        left = max(1, math.ceil(share * self.timed))
        for late_ms, count in sorted(self.late_ms.items()):
            left -= count
            if left <= 0:
                return late_ms
        return 0


@dataclass(slots=True)
class WatchStatistics:
    """Counts over all watchers."""

    state: WatcherStatistics = field(default_factory=WatcherStatistics)
    feed: WatcherStatistics = field(default_factory=WatcherStatistics)
    failed: dict[str, int] = field(default_factory=dict)
    """By what went wrong in the watching itself."""

    def write(self, file: Path) -> None:
        """Leave the counts for who started the run."""
        file.write_bytes(msgspec.json.encode(self))

    @classmethod
    def read(cls, file: Path) -> Self:
        """The counts that a run left."""
        return msgspec.json.decode(file.read_bytes(), type=cls)

    @property
    def holds(self) -> bool:
        """Whether every watcher saw what it should, and nothing that must never happen."""
        return not self.failed and all(
            each.faults == 0 and each.closed == each.watchers for each in (self.state, self.feed)
        )
