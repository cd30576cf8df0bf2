"""When the acts of a user are due: an open arrival rate, planned ahead and independent of the answers.

A user who is late does not wait: the acts that are due follow at once, and each is timed from its planned start, so
that a server that stands still shows in the figures (no coordinated omission). No I/O.
"""

import random
from collections.abc import Callable


class Plan:
    """The planned starts of one user's acts: a Poisson stream of so many a second."""

    def __init__(self, per_s: float, now_s: float, chance: random.Random | None = None) -> None:
        self._next_gap: Callable[[float], float] = (chance or random.Random()).expovariate
        self.per_s = per_s
        """How many acts a second are planned from now on."""
        self.due_s = now_s
        """When the present act was to start."""

    def next_wait_s(self, now_s: float) -> float:
        """Go on to the next act; how long to wait for it."""
        self.due_s += self._next_gap(self.per_s)
        return max(0.0, self.due_s - now_s)
