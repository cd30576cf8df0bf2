"""What one watcher of the live channel has been told of its lot, and what must never have happened.

Beside the bid's way. No I/O here: frames in, `faults` out. It believes nothing it is told: a price that falls within an
epoch, a hole or a repeat in the feed are written down. `live_client` brings it frames with asyncio, `watcher` with
gevent.
"""

from typing import Any, Literal

Heard = dict[str, Any]
Mode = Literal["state", "feed"]
SILENCE_S = 60.0
"""How long a connection may be silent before the gateway has said how often it pings."""
OVER = ("closed", "void")


class FeedChecker:
    """One watcher's knowledge of one lot, over all of its connections."""

    def __init__(self, lot_id: str, *, mode: Mode = "state", token: str | None = None) -> None:
        self.lot_id, self.mode, self.token = lot_id, mode, token
        self.epoch = self.seq = 0
        """Where to go on from; 0: nothing seen yet."""
        self.state: Heard = {}
        """The last `snap` or `tick`."""
        self.you: Heard = {}
        self.happenings: list[Heard] = []
        """`extended`, `paused`, `resumed`, `held`, `voided`, `closed`."""
        self.snaps: list[tuple[int, int]] = []
        """Epoch and seq of each `snap`: what a feed has not been told one by one."""
        self.faults: list[str] = []
        self.frames = 0
        """Frames about the lot, heartbeats apart."""
        self.is_over = False
        """Whether the lot was seen to end: by `closed`, or as it stood when the watcher came back."""
        self.silence_s = SILENCE_S
        """A connection that is silent for longer is dead."""
        self._price_fen = 0

    @property
    def sub(self) -> Heard:
        """What to say first on a connection: what is watched, and where to go on from."""
        sub: Heard = {"type": "sub", "lot_id": self.lot_id, "mode": self.mode}
        if self.token is not None:
            sub["token"] = self.token
        if self.epoch:
            sub |= {"epoch": self.epoch, "seq": self.seq}
        return sub

    def take(self, frame: Heard) -> None:
        """Take in one frame."""
        if frame.get("lot_id", self.lot_id) != self.lot_id:
            self.faults.append(f"a frame of another lot: {frame}")
            return
        match frame["type"]:
            case "hello":
                self.silence_s = frame["ping_ms"] * 2.5 / 1000
                return
            case "snap" | "tick":
                self._take_state(frame)
            case "bid":
                self._take_bid(frame)
            case "you":
                self.you = frame
            case "hb":
                if frame["seq"] > self.seq and self.state:
                    self.seq = frame["seq"]
                return
            case _:
                self._take_happening(frame)
        self.frames += 1

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
        self.is_over = self.is_over or frame["status"] in OVER

    def _take_bid(self, frame: Heard) -> None:
        if frame["prev_seq"] > self.seq:
            self.faults.append(f"a hole before bid {frame['seq']}: it follows {frame['prev_seq']}, seen {self.seq}")
        if frame["seq"] <= self.seq:
            self.faults.append(f"bid {frame['seq']} again, or late: seen {self.seq}")
        self._see_price(frame["amount_fen"], (self.epoch, frame["seq"]))
        self.seq = max(self.seq, frame["seq"])

    def _take_happening(self, frame: Heard) -> None:
        if frame["seq"] < self.seq:
            self.faults.append(f"{frame['type']} {frame['seq']} late: seen {self.seq}")
        self.seq = max(self.seq, frame["seq"])
        if frame["type"] == "voided":
            self.epoch, self._price_fen = frame["epoch"], frame["price_fen"]
        self.is_over = self.is_over or frame["type"] == "closed"
        self.happenings.append(frame)

    def _see_price(self, price_fen: int, at: tuple[int, int]) -> None:
        if price_fen < self._price_fen:
            self.faults.append(f"the price fell from {self._price_fen} to {price_fen} at {at}")
        self._price_fen = max(price_fen, self._price_fen)
