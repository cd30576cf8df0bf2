"""The ledger's time, known here without asking: the offset of the quickest of the last answers to `TIME`."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from redis.asyncio import Redis

from auction.ledger.connection import ledger_errors

SAMPLES_KEPT = 8
DRIFT_MS = 20.0
"""How far two samples may contradict each other before the ledger's clock must have been set."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer: how far the ledger's clock is ahead of ours, give or take half the round trip."""

    offset_ms: float
    round_trip_ms: float


class LedgerClock:
    """Tells the ledger's time. Before the first sample it is this machine's."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)
        self._offset_ms = time.time() * 1000 - clock_s() * 1000

    def now_ms(self) -> int:
        """The ledger's time, UTC ms."""
        return int(self._clock_s() * 1000 + self._offset_ms)

    async def sample(self, redis: "Redis") -> None:
        """Ask the ledger once. Raises LedgerAway."""
        asked_s = self._clock_s()
        with ledger_errors():
            seconds, microseconds = await redis.time()
        self.note(asked_s, int(seconds) * 1000 + int(microseconds) / 1000, self._clock_s())

    def note(self, asked_s: float, ledger_ms: float, answered_s: float) -> None:
        """Take one answer into account."""
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
