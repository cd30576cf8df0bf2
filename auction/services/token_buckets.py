"""Token buckets by key, in one process: each key may do so much a second, and a burst after a pause.

Pure: the caller gives the clock. A bucket is one number, the time at which it is full again.
"""

import time
from collections.abc import Callable

from cachetools import LRUCache

KEYS_MAX = 100_000
"""Keys that are remembered; of more, those that were used last."""
_ROUNDING_S = 1e-6


class TokenBuckets:
    """Buckets that refill with `per_s` tokens a second and hold `burst` of them."""

    def __init__(
        self, per_s: float, burst: float, clock_s: Callable[[], float] = time.monotonic, *, keys_max: int = KEYS_MAX
    ) -> None:
        self._interval_s = 1 / per_s
        self._full_s = burst / per_s
        self._clock_s = clock_s
        self._full_at_s: LRUCache[str, float] = LRUCache(keys_max)
        """Key -> when its bucket is full again."""

    def take(self, key: str) -> float:
        """Take a token: 0. Where there is none, take nothing: the seconds until there is one."""
        now_s = self._clock_s()
        full_at_s = max(self._full_at_s.get(key, 0.0), now_s) + self._interval_s
        wait_s = full_at_s - now_s - self._full_s
        if wait_s > _ROUNDING_S:
            return wait_s
        self._full_at_s[key] = full_at_s
        return 0.0
