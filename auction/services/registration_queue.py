"""Bounds how many registrations one process works on and how many wait, so that a launch day's crowd waits its turn.

Before the bid's way. Those that are worked on share the transactions of their steps; what is not shared is bounded, so
that no crowd takes every connection to the database, or to the provider, and fails together.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from auction.domain.errors import OverCapacity
from auction.services.batch_queue import BatchQueue

AT_ONCE = 256
"""Some batches of each step."""
ALONE_MAX = 6
"""Of the ten connections of a process, so that others find one: for what is done for one person alone."""
WAITING_MAX = 1_000
PROVIDER_CALLS_MAX = 16
"""Holds that are asked of the provider at the same time."""


class RegistrationQueue:
    """The registrations and top-ups of one process, in the order in which they came; a person's one by one."""

    def __init__(self, at_once: int = AT_ONCE, waiting_max: int = WAITING_MAX) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._pending_max = at_once + waiting_max
        self._pending = 0
        self._persons: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, person: str) -> AsyncIterator[None]:
        """Wait for one's turn; whoever is cancelled meanwhile leaves the queue. Raises OverCapacity."""
        if self._pending >= self._pending_max:
            raise OverCapacity(self._pending, "registrations wait")
        self._pending += 1
        only = self._persons.setdefault(person, asyncio.Lock())
        try:
            async with only, self._places:
                yield
        finally:
            self._pending -= 1


@dataclass(frozen=True, slots=True)
class RegistrationSteps:
    """The steps of a registration in one process, each of which is taken for many people together."""

    requests: BatchQueue = field(default_factory=lambda: BatchQueue("registration requests"))
    outcomes: BatchQueue = field(default_factory=lambda: BatchQueue("outcomes of holds"))
    powers: BatchQueue = field(default_factory=lambda: BatchQueue("bidding power"))
    provider_calls: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PROVIDER_CALLS_MAX))
    alone: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ALONE_MAX))
    """Bounds what has transactions of its own: requests of top-ups, and holds that were requested before."""
