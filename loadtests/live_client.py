"""A watcher of the live channel: connects, comes back where it left off, and notes whatever must never happen.

Beside the bid's way, with asyncio. Tests hold what it saw against the ledger; what must never happen is `witness`'s to
know.
"""

import asyncio
import contextlib
import json
import random
import socket
import time
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from api.live.protocol import FINAL
from loadtests.feed_checker import FeedChecker, Heard, Mode

WAIT_FIRST_S, WAIT_S_MAX = 0.1, 10.0
LOST = 1006
"""The code of a connection that ended without one."""


class LiveClient(FeedChecker):
    """One watcher of one lot. `run` until the end of the lot or until cancelled; look at it meanwhile."""

    def __init__(
        self,
        url: str,
        lot_id: str,
        *,
        mode: Mode = "state",
        token: str | None = None,
        wait_s_max: float = WAIT_S_MAX,
        on_frame: Callable[[Heard], None] = lambda _: None,
    ) -> None:
        super().__init__(lot_id, mode=mode, token=token)
        self.url = url
        self.bids: list[Heard] = []
        self.closes: list[int] = []
        """How each connection ended."""
        self._wait_s_max = wait_s_max
        self._on_frame = on_frame
        self._offset_ms, self._round_trip_ms = 0.0, float("inf")
        self._connection: ClientConnection | None = None
        self._news = asyncio.Event()

    # -- connecting --------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Watch until the server says that it is final; its code."""
        failures = 0
        while True:
            told_before = self.frames
            code = await self._connected()
            self.closes.append(code)
            if code in FINAL:
                return code
            failures = 1 if self.frames > told_before else failures + 1
            # full jitter: whoever lost the same server comes back at a time of their own
            await asyncio.sleep(random.uniform(0, min(self._wait_s_max, WAIT_FIRST_S * 2**failures)))

    async def _connected(self) -> int:
        try:
            async with connect(
                self.url,
                compression=None,
                ping_interval=None,
                proxy=None,
                open_timeout=10,
                close_timeout=2,
                max_queue=64,
            ) as connection:
                self._connection = connection
                await connection.send(json.dumps(self.sub))
                while True:
                    self.take(json.loads(await asyncio.wait_for(connection.recv(), self.silence_s)))
        except ConnectionClosed as closed:
            return LOST if closed.rcvd is None else closed.rcvd.code
        except (OSError, TimeoutError, InvalidHandshake, InvalidMessage):
            return LOST
        finally:
            self._connection = None

    def cut(self) -> None:
        """Lose the connection, as a train into a tunnel does."""
        if self._connection is not None:
            self._connection.transport.abort()

    # -- the ledger's time -------------------------------------------------------------------------------------------

    async def sync(self) -> None:
        """Ask for the ledger's time; the quickest answer counts."""
        if self._connection is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._connection.send(json.dumps({"type": "sync", "c0": time.time() * 1000}))

    def now_ms(self) -> float:
        """The ledger's time as this watcher knows it, UTC ms."""
        return time.time() * 1000 + self._offset_ms

    def _synced(self, answer: Heard) -> None:
        c0, c3 = answer["c0"], time.time() * 1000
        round_trip_ms = c3 - c0 - (answer["s2"] - answer["s1"])
        if round_trip_ms <= self._round_trip_ms:
            self._round_trip_ms = round_trip_ms
            self._offset_ms = ((answer["s1"] - c0) + (answer["s2"] - c3)) / 2

    # -- what is heard -----------------------------------------------------------------------------------------------

    async def until(self, seen: Callable[["LiveClient"], object]) -> None:
        """Wait until this watcher has seen something."""
        while not seen(self):
            self._news.clear()
            await self._news.wait()

    def take(self, frame: Heard) -> None:
        """Take in one frame."""
        if frame["type"] == "synced":
            self._synced(frame)
        else:
            super().take(frame)
        self._on_frame(frame)
        self._news.set()

    def _take_bid(self, frame: Heard) -> None:
        super()._take_bid(frame)
        self.bids.append(frame)


async def stalled(url: str, lot_id: str, *, mode: str = "state", receive_bytes: int = 4096) -> ClientConnection:
    """A watcher that says what it watches and then reads nothing: a phone in a tunnel. To be closed by the caller."""
    host, _, port = url.removeprefix("ws://").rstrip("/").rpartition(":")
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, (host, int(port)))
    connection = await connect(url, sock=own, compression=None, ping_interval=None, proxy=None, close_timeout=0.1)
    await connection.send(json.dumps({"type": "sub", "lot_id": lot_id, "mode": mode}))
    # what is read stays in the kernel's small buffer
    connection.transport.pause_reading()
    return connection
