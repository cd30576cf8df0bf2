"""Starts requests that may wait a few at each turn of the event loop, so that a bid between them waits for few.

In front of everything. A turn of the loop does whatever every ready connection asks for, and a bid takes some turns:
without this it would wait for all the requests of a flood several times over. Bids that go to the ledger pass it by.
Requests of signed-in people go before those of others; of the others so many wait, and the newest are refused.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from auction.domain.errors import OverCapacity

STARTED_A_TURN = 4
"""Some tenths of a millisecond of work; a turn that has nothing else to do follows at once."""
STRANGERS_MAX = 1_000
"""A quarter of a second of work."""

Start = Callable[[], None]


class RequestQueue:
    """What waits in one process; used by one event loop."""

    def __init__(self, *, a_turn: int = STARTED_A_TURN, strangers_max: int = STRANGERS_MAX) -> None:
        self._a_turn = a_turn
        self._strangers_max = strangers_max
        self._known: deque[Start] = deque()
        self._strangers: deque[Start] = deque()
        self._left = a_turn
        """How many may still be started at this turn."""
        self._is_counting = False
        """Whether the next turn begins with `_begin_turn`."""

    def add(self, start: Start, *, is_known: bool) -> None:
        """Start a request now, where this turn has started few and none waits, else later: `start` raises nothing.

        Raises OverCapacity, and starts nothing, where too many requests of strangers wait.
        """
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._begin_turn)
        if self._left and not self._known and (is_known or not self._strangers):
            self._left -= 1
            start()
        elif is_known:
            self._known.append(start)
        elif len(self._strangers) >= self._strangers_max:
            raise OverCapacity(len(self._strangers), "requests wait")
        else:
            self._strangers.append(start)

    def _begin_turn(self) -> None:
        self._left = self._a_turn
        while self._left and (self._known or self._strangers):
            self._left -= 1
            (self._known or self._strangers).popleft()()
        self._is_counting = self._left < self._a_turn
        if self._is_counting:
            asyncio.get_running_loop().call_soon(self._begin_turn)
