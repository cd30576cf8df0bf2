"""Bounds how many registrations one process works on and how many wait, so that a launch day's crowd waits its turn.

Before the bid's way. A registration takes several transactions: a crowd that began them all at once would take every
connection to the database, and then fail together instead of being served one after the other.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auction.domain.errors import OverCapacity

AT_ONCE = 6
"""Of the ten connections of a process, so that others find one."""
WAITING_MAX = 500


class RegistrationQueue:
    """The registrations and top-ups of one process, in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE, waiting_max: int = WAITING_MAX) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._pending_max = at_once + waiting_max
        self._pending = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn; whoever is cancelled meanwhile leaves the queue. Raises OverCapacity."""
        if self._pending >= self._pending_max:
            raise OverCapacity(self._pending, "registrations wait")
        self._pending += 1
        try:
            async with self._places:
                yield
        finally:
            self._pending -= 1
