"""Checks the frames that one watcher of the live channel receives for its lot.

No I/O: frames in, `faults` out. A fault is what must never happen: a price that falls within an epoch, a gap or a
repetition in the feed. `live_client` gives it frames with asyncio, `watcher` with gevent.
"""

from typing import Any, Literal

Frame = dict[str, Any]
Mode = Literal["state", "feed"]
SILENCE_S_MAX = 60.0
"""How long a connection may be silent before `hello` has said how often the gateway pings."""
OVER = ("closed", "void")


class FeedChecker:
    """What one watcher has received of one lot, over all of its connections."""

    def __init__(self, lot_id: str, *, mode: Mode = "state", token: str | None = None) -> None:
        self.lot_id, self.mode, self.token = lot_id, mode, token
        self.epoch = self.seq = 0
        """Where to resume; 0: nothing received yet."""
        self.state: Frame = {}
        """The last `snap` or `tick`."""
        self.you: Frame = {}
        self.events: list[Frame] = []
        """`extended`, `paused`, `resumed`, `held`, `voided`, `closed`."""
        self.snaps: list[tuple[int, int]] = []
        """Epoch and seq of each `snap`: what a feed has not received bid by bid."""
        self.faults: list[str] = []
        self.frames = 0
        """Frames about the lot, heartbeats apart."""
        self.is_over = False
        """Whether the lot is over, by `closed` or by a state after a reconnect."""
        self.silence_s_max = SILENCE_S_MAX
        """A connection that is silent for longer is taken for lost."""
        self._price_fen = 0

    @property
    def sub(self) -> Frame:
        """The first frame on a connection: what is watched, and where to resume."""
        sub: Frame = {"type": "sub", "lot_id": self.lot_id, "mode": self.mode}
        if self.token is not None:
            sub["token"] = self.token
        if self.epoch:
            sub |= {"epoch": self.epoch, "seq": self.seq}
        return sub

    def receive(self, frame: Frame) -> None:
        """Check one frame and take over what it says."""
        if frame.get("lot_id", self.lot_id) != self.lot_id:
            self.faults.append(f"a frame of another lot: {frame}")
            return
        match frame["type"]:
            case "hello":
                self.silence_s_max = frame["ping_ms"] * 2.5 / 1000
                return
            case "snap" | "tick":
                self._receive_state(frame)
            case "bid":
                self._receive_bid(frame)
            case "you":
                self.you = frame
            case "hb":
                if frame["seq"] > self.seq and self.state:
                    self.seq = frame["seq"]
                return
            case _:
                self._receive_event(frame)
        self.frames += 1

    def _receive_state(self, frame: Frame) -> None:
        at = (frame["epoch"], frame["seq"])
        if at < (self.epoch, self.seq):
            self.faults.append(f"went back from {self.epoch, self.seq} to {at}")
        if frame["type"] == "snap":
            self.snaps.append(at)
        if frame["epoch"] == self.epoch:
            self._check_price(frame["price_fen"], at)
        self.epoch, self.seq = at
        self._price_fen = frame["price_fen"]
        self.state = frame
        self.is_over = self.is_over or frame["status"] in OVER

    def _receive_bid(self, frame: Frame) -> None:
        if frame["prev_seq"] > self.seq:
            self.faults.append(f"a gap before bid {frame['seq']}: it follows {frame['prev_seq']}, received {self.seq}")
        if frame["seq"] <= self.seq:
            self.faults.append(f"bid {frame['seq']} repeated, or late: received {self.seq}")
        self._check_price(frame["amount_fen"], (self.epoch, frame["seq"]))
        self.seq = max(self.seq, frame["seq"])

    def _receive_event(self, frame: Frame) -> None:
        if frame["seq"] < self.seq:
            self.faults.append(f"{frame['type']} {frame['seq']} late: received {self.seq}")
        self.seq = max(self.seq, frame["seq"])
        if frame["type"] == "voided":
            self.epoch, self._price_fen = frame["epoch"], frame["price_fen"]
        self.is_over = self.is_over or frame["type"] == "closed"
        self.events.append(frame)

    def _check_price(self, price_fen: int, at: tuple[int, int]) -> None:
        if price_fen < self._price_fen:
            self.faults.append(f"the price fell from {self._price_fen} to {price_fen} at {at}")
        self._price_fen = max(price_fen, self._price_fen)
