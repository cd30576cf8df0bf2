"""Estimates the ledger's time from its answers, to say until when a call may be carried out. In the bid's way."""

import time


class LedgerClock:
    """The ledger's clock as this process knows it: never ahead, and behind by at most an answer's way back."""

    __slots__ = ("_offset_ms",)

    def __init__(self) -> None:
        self._offset_ms: float | None = None

    def learn(self, now_ms: int) -> None:
        """The ledger has just said that it is `now_ms`, UTC ms."""
        self._offset_ms = now_ms - time.monotonic() * 1000

    def not_after_ms(self, patience_ms: int) -> int:
        """The time in `patience_ms` from now; 0 (any time) while the ledger has never answered."""
        if self._offset_ms is None:
            return 0
        return int(time.monotonic() * 1000 + self._offset_ms) + patience_ms
