"""A watcher of the live channel: connects, comes back where it left off, and notes whatever must never happen.

Beside the bid's way. Load tests watch with it, and tests hold what it saw against the ledger. It believes nothing it
is told: a price that falls within an epoch, a hole or a repeat in the feed are written down in `faults`.
"""

import asyncio
import contextlib
import json
import random
import socket
import time
from collections.abc import Callable
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from api.live.protocol import FINAL

Heard = dict[str, Any]
WAIT_FIRST_S, WAIT_MOST_S = 0.1, 10.0
LOST = 1006
"""The code of a connection that ended without one."""


class LiveClient:
    """One watcher of one lot. `run` until the end of the lot or until cancelled; look at it meanwhile."""

    def __init__(
        self,
        url: str,
        lot_id: str,
        *,
        mode: Literal["state", "feed"] = "state",
        token: str | None = None,
        wait_most_s: float = WAIT_MOST_S,
        on_frame: Callable[[Heard], None] = lambda _: None,
    ) -> None:
        self.url, self.lot_id, self.mode, self.token = url, lot_id, mode, token
        self.epoch = self.seq = 0
        """Where to go on from; 0: nothing seen yet."""
        self.state: Heard = {}
        """The last `snap` or `tick`."""
        self.you: Heard = {}
        self.bids: list[Heard] = []
        self.happenings: list[Heard] = []
        """`extended`, `paused`, `resumed`, `held`, `voided`, `closed`."""
        self.snaps: list[tuple[int, int]] = []
        """Epoch and seq of each `snap`: what a feed has not been told one by one."""
        self.closes: list[int] = []
        """How each connection ended."""
        self.faults: list[str] = []
        self._wait_most_s = wait_most_s
        self._on_frame = on_frame
        self._price_fen = 0
        self._silence_s = 60.0
        self._offset_ms, self._round_trip_ms = 0.0, float("inf")
        self._connection: ClientConnection | None = None
        self._news = asyncio.Event()

    # -- connecting --------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Watch until the server says that it is final; its code."""
        failures = 0
        while True:
            heard_before = self._heard
            code = await self._connected()
            self.closes.append(code)
            if code in FINAL:
                return code
            failures = 1 if self._heard > heard_before else failures + 1
            # full jitter: whoever lost the same server comes back at a time of their own
            await asyncio.sleep(random.uniform(0, min(self._wait_most_s, WAIT_FIRST_S * 2**failures)))

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
                await connection.send(json.dumps(self._sub()))
                while True:
                    self._take(json.loads(await asyncio.wait_for(connection.recv(), self._silence_s)))
        except ConnectionClosed as closed:
            return LOST if closed.rcvd is None else closed.rcvd.code
        except (OSError, TimeoutError, InvalidHandshake, InvalidMessage):
            return LOST
        finally:
            self._connection = None

    def _sub(self) -> Heard:
        sub: Heard = {"type": "sub", "lot_id": self.lot_id, "mode": self.mode}
        if self.token is not None:
            sub["token"] = self.token
        if self.epoch:
            sub |= {"epoch": self.epoch, "seq": self.seq}
        return sub

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

    @property
    def _heard(self) -> int:
        return len(self.bids) + len(self.happenings) + len(self.snaps) + self.seq

    async def until(self, seen: Callable[["LiveClient"], object]) -> None:
        """Wait until this watcher has seen something."""
        while not seen(self):
            self._news.clear()
            await self._news.wait()

    def _take(self, frame: Heard) -> None:
        if frame.get("lot_id", self.lot_id) != self.lot_id:
            self.faults.append(f"a frame of another lot: {frame}")
            return
        match frame["type"]:
            case "hello":
                self._silence_s = frame["ping_ms"] * 2.5 / 1000
            case "snap" | "tick":
                self._take_state(frame)
            case "bid":
                self._take_bid(frame)
            case "you":
                self.you = frame
            case "synced":
                self._synced(frame)
            case "hb":
                if frame["seq"] > self.seq and self.state:
                    self.seq = frame["seq"]
            case _:
                self._take_happening(frame)
        self._on_frame(frame)
        self._news.set()

    def _take_state(self, frame: Heard) -> None:
        at = (frame["epoch"], frame["seq"])
        if at < (self.epoch, self.seq):
            self.faults.append(f"went back from {self.epoch, self.seq} to {at}")
        if frame["type"] == "snap":
            self.snaps.append(at)
        if frame["epoch"] == self.epoch:
            self._see_price(frame["price_fen"], at)
        self.epoch, self.seq = at
        self._price_fen = frame["price_fen"]
        self.state = frame

    def _take_bid(self, frame: Heard) -> None:
        if frame["prev_seq"] > self.seq:
            self.faults.append(f"a hole before bid {frame['seq']}: it follows {frame['prev_seq']}, seen {self.seq}")
        if frame["seq"] <= self.seq:
            self.faults.append(f"bid {frame['seq']} again, or late: seen {self.seq}")
        self._see_price(frame["amount_fen"], (self.epoch, frame["seq"]))
        self.seq = max(self.seq, frame["seq"])
        self.bids.append(frame)

    def _take_happening(self, frame: Heard) -> None:
        if frame["seq"] < self.seq:
            self.faults.append(f"{frame['type']} {frame['seq']} late: seen {self.seq}")
        self.seq = max(self.seq, frame["seq"])
        if frame["type"] == "voided":
            self.epoch, self._price_fen = frame["epoch"], frame["price_fen"]
        self.happenings.append(frame)

    def _see_price(self, price_fen: int, at: tuple[int, int]) -> None:
        if price_fen < self._price_fen:
            self.faults.append(f"the price fell from {self._price_fen} to {price_fen} at {at}")
        self._price_fen = max(price_fen, self._price_fen)


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
