"""Pings all connections in turn and ends those that sent no first `sub`, without a timer for each connection.

After the bid's way. Each call of `ping_next_slot` visits one slot, so that every connection is pinged once a round and
never all at once.
"""

from collections import deque

from api.live.connection import LiveConnection
from api.live.frames import PING
from api.live.protocol import CloseCode

SLOTS = 15
UNANSWERED_PINGS_MAX = 2
"""Pings in a row without an answer after which a connection is closed."""


class KeepaliveSchedule:
    """The connections of one process, each in one slot."""

    def __init__(self) -> None:
        self._slots: list[set[LiveConnection]] = [set() for _ in range(SLOTS)]
        self._next_add = 0
        self._next_ping = 0
        self._sub_deadlines: deque[tuple[float, LiveConnection]] = deque()
        """By when (loop time) a connection must have sent a `sub`, earliest first."""

    def add(self, connection: LiveConnection, *, sub_by_s: float) -> None:
        """Add a connection that must send a `sub` by then (loop time)."""
        self._slots[self._next_add].add(connection)
        self._next_add = (self._next_add + 1) % SLOTS
        self._sub_deadlines.append((sub_by_s, connection))

    def remove(self, connection: LiveConnection) -> None:
        """Remove a connection; again changes nothing."""
        for slot in self._slots:
            slot.discard(connection)

    def end_without_sub(self, now_s: float) -> None:
        """End the connections that have not sent a `sub` in time."""
        deadlines = self._sub_deadlines
        while deadlines and (deadlines[0][0] <= now_s or deadlines[0][1].is_ended):
            connection = deadlines.popleft()[1]
            if not connection.is_subscribed:
                connection.end(CloseCode.NO_SUB, "say what to watch within the first seconds")

    def ping_next_slot(self) -> list[LiveConnection]:
        """Ping the connections of the next slot and end those that answer no pings; returns the slot's connections."""
        slot = self._slots[self._next_ping]
        self._next_ping = (self._next_ping + 1) % SLOTS
        for connection in list(slot):
            connection.unanswered_pings = 0 if connection.heard_since_ping else connection.unanswered_pings + 1
            connection.heard_since_ping = False
            if connection.unanswered_pings >= UNANSWERED_PINGS_MAX:
                connection.end(CloseCode.NO_PONG, "no pong")
            else:
                connection.send_frame(PING)
        return list(slot)
