"""What is due at some time for every socket, without a timer a socket: pings in turn, and the wait for the first `sub`.

Each beat visits one slot of the wheel, so that all sockets are pinged once a round and never all at once.
"""

from collections import deque

from api.live.connection import LiveConnection
from api.live.frames import PING
from api.live.protocol import CloseCode

SLOTS = 15
UNANSWERED_MAX = 2
"""A socket that leaves so many pings in a row unanswered is gone."""


class KeepaliveSchedule:
    """The sockets of one process, each in one slot."""

    def __init__(self) -> None:
        self._slots: list[set[LiveConnection]] = [set() for _ in range(SLOTS)]
        self._next_in = 0
        self._next_visit = 0
        self._silent: deque[tuple[float, LiveConnection]] = deque()
        """When a socket must have said what it watches, earliest first."""

    def add(self, socket: LiveConnection, *, sub_by_s: float) -> None:
        """A socket that must say what it watches by then."""
        self._slots[self._next_in].add(socket)
        self._next_in = (self._next_in + 1) % SLOTS
        self._silent.append((sub_by_s, socket))

    def remove(self, socket: LiveConnection) -> None:
        """A socket that is closed; again: nothing."""
        for slot in self._slots:
            slot.discard(socket)

    def end_silent(self, now_s: float) -> None:
        """Close the sockets that have not said in time what they watch."""
        while self._silent and (self._silent[0][0] <= now_s or self._silent[0][1].ended):
            socket = self._silent.popleft()[1]
            if not socket.subscribed:
                socket.end(CloseCode.NO_SUB, "say what to watch within the first seconds")

    def ping_some(self) -> list[LiveConnection]:
        """Ping one slot's sockets, close those that left the last pings unanswered; the ones that are there."""
        slot = self._slots[self._next_visit]
        self._next_visit = (self._next_visit + 1) % SLOTS
        for socket in list(slot):
            socket.unanswered = 0 if socket.heard else socket.unanswered + 1
            socket.heard = False
            if socket.unanswered >= UNANSWERED_MAX:
                socket.end(CloseCode.NO_PONG, "no pong")
            else:
                socket.say(PING)
        return list(slot)
