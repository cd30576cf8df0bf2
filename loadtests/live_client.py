"""A watcher of the live channel with asyncio: connects, resumes after a lost connection, and checks what it receives.

The checks are those of `feed_checker`; tests also compare what it received with the ledger.
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
from loadtests.feed_checker import FeedChecker, Frame, Mode

DELAY_FIRST_S, DELAY_S_MAX = 0.1, 10.0
LOST = 1006
"""The code for a connection that ended without a close frame."""


class LiveClient(FeedChecker):
    """One watcher of one lot. `run` ends with the lot or when cancelled; its attributes can be read meanwhile."""

    def __init__(
        self,
        url: str,
        lot_id: str,
        *,
        mode: Mode = "state",
        token: str | None = None,
        wait_s_max: float = DELAY_S_MAX,
        on_frame: Callable[[Frame], None] = lambda _: None,
    ) -> None:
        super().__init__(lot_id, mode=mode, token=token)
        self.url = url
        self.bids: list[Frame] = []
        self.closes: list[int] = []
        """The close code of each connection."""
        self._wait_s_max = wait_s_max
        self._on_frame = on_frame
        self._offset_ms, self._round_trip_ms = 0.0, float("inf")
        self._connection: ClientConnection | None = None
        self._received = asyncio.Event()

    # -- connecting --------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Watch until a close code is final; that code."""
        failures = 0
        while True:
            frames_before = self.frames
            code = await self._connected()
            self.closes.append(code)
            if code in FINAL:
                return code
            failures = 1 if self.frames > frames_before else failures + 1
            # full jitter: the watchers of a lost server do not all come back at once
            await asyncio.sleep(random.uniform(0, min(self._wait_s_max, DELAY_FIRST_S * 2**failures)))

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
                    self.receive(json.loads(await asyncio.wait_for(connection.recv(), self.silence_s_max)))
        except ConnectionClosed as closed:
            return LOST if closed.rcvd is None else closed.rcvd.code
        except (OSError, TimeoutError, InvalidHandshake, InvalidMessage):
            return LOST
        finally:
            self._connection = None

    def cut(self) -> None:
        """Abort the connection without a close frame."""
        if self._connection is not None:
            self._connection.transport.abort()

    # -- the ledger's time -------------------------------------------------------------------------------------------

    async def sync(self) -> None:
        """Ask for the ledger's time; the answer with the shortest round trip counts."""
        if self._connection is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._connection.send(json.dumps({"type": "sync", "c0": time.time() * 1000}))

    def now_ms(self) -> float:
        """The ledger's time by this watcher's clock offset, UTC ms."""
        return time.time() * 1000 + self._offset_ms

    def _receive_synced(self, answer: Frame) -> None:
        c0, c3 = answer["c0"], time.time() * 1000
        round_trip_ms = c3 - c0 - (answer["s2"] - answer["s1"])
        if round_trip_ms <= self._round_trip_ms:
            self._round_trip_ms = round_trip_ms
            self._offset_ms = ((answer["s1"] - c0) + (answer["s2"] - c3)) / 2

    # -- frames ------------------------------------------------------------------------------------------------------

    async def until(self, condition: Callable[["LiveClient"], object]) -> None:
        """Wait until the condition holds; it is checked after each frame."""
        while not condition(self):
            self._received.clear()
            await self._received.wait()

    def receive(self, frame: Frame) -> None:
        """Check one frame, and wake whoever waits with `until`."""
        if frame["type"] == "synced":
            self._receive_synced(frame)
        else:
            super().receive(frame)
        self._on_frame(frame)
        self._received.set()

    def _receive_bid(self, frame: Frame) -> None:
        super()._receive_bid(frame)
        self.bids.append(frame)


async def stalled(url: str, lot_id: str, *, mode: str = "state", receive_bytes: int = 4096) -> ClientConnection:
    """A connection that subscribes and then reads nothing, with a small receive buffer. The caller closes it."""
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
