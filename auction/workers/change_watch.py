"""Spares a worker its step while nothing was written to the database, so that an idle worker costs next to nothing.

After the bid's way. What was written is found as soon as without it; what time alone makes due, within LOOK_S.
"""

import time
from collections.abc import Awaitable, Callable

from auction.books import changes
from auction.books.unit_of_work import Books

LOOK_S = 1.0
"""How long a step is spared at most."""


class ChangeWatch:
    """A step of `run_repeatedly` that asks the database first whether anything was written since the last one began."""

    def __init__(self, books: Books, step: Callable[[], Awaitable[float]]) -> None:
        self._books = books
        self._step = step
        self._seen: str | None = None
        """What the database said before the last step; None: that step has more to do, or failed."""
        self._look_at_s = 0.0
        self._wait_s = 0.0

    async def __call__(self) -> float:
        """Do the step where there may be something to do; the seconds to wait. Raises what the step does, BooksAway."""
        found = await changes.snapshot(self._books)
        now_s = time.monotonic()
        if found == self._seen and now_s < self._look_at_s:
            return self._wait_s
        self._seen = None
        self._wait_s = await self._step()
        if self._wait_s:
            self._seen, self._look_at_s = found, now_s + LOOK_S
        return self._wait_s
