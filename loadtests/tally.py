"""What became of the bids of a load run: counted in locust's process, written as JSON, read by `loadtests.run`.

Accepted and refused are both answers the house is there to give; only what is neither has failed.
"""

import json
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self


@dataclass(slots=True)
class Tally:
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
