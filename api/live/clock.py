"""Estimates the ledger's time without asking each time: from the answers to `TIME` with the shortest round trip."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from auction.ledger.bid_ledger import BidLedger

SAMPLES_MAX = 8
DRIFT_MS = 20.0
"""A larger contradiction between two samples, beyond their round trips, means that the ledger's clock was set."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: by how much the ledger's clock is ahead of ours, exact to half the round trip."""

    offset_ms: float
    round_trip_ms: float


class LedgerClock:
    """The ledger's time; this machine's before the first sample."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)
        self._offset_ms = time.time() * 1000 - clock_s() * 1000

    def now_ms(self) -> int:
        """The ledger's time, UTC ms."""
        return int(self._clock_s() * 1000 + self._offset_ms)

    async def sample(self, ledger: BidLedger) -> None:
        """Ask the ledger for its time once. Raises LedgerAway."""
        asked_s = self._clock_s()
        ledger_us = await ledger.now_us()
        self.add(asked_s, ledger_us / 1000, self._clock_s())

    def add(self, asked_s: float, ledger_ms: float, answered_s: float) -> None:
        """Take an answer into account: our clock before and after it, and the ledger's time."""
        new = Sample(ledger_ms - (asked_s + answered_s) * 500, (answered_s - asked_s) * 1000)
        if self._samples:
            best = self._best()
            doubt_ms = (new.round_trip_ms + best.round_trip_ms) / 2 + DRIFT_MS
            if abs(new.offset_ms - best.offset_ms) > doubt_ms:
                self._samples.clear()
        self._samples.append(new)
        self._offset_ms = self._best().offset_ms

    def _best(self) -> Sample:
        return min(self._samples, key=lambda sample: sample.round_trip_ms)
