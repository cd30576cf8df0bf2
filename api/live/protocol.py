"""The words of the live channel: what clients may say, what gateways answer, and the codes that end a connection.

After the bid's way. No I/O and no clock here: bytes in, values out, and back. A frame is built once, header and all,
and the same bytes go to every watcher it is for. Amounts in fen, times in UTC ms, by the ledger's clock.
"""

from enum import IntEnum
from typing import Annotated, Literal, Protocol

import msgspec

from auction.domain.events import BidPlaced, Closed, Event, Extended, Held, Paused, Resumed, Voided, Withdrawn
from auction.domain.lot import Lot

VERSION = 1
MESSAGE_BYTES_MAX = 1024
"""The longest message a client may send; a longer one ends the connection with 1009."""
RESUMED_EVENTS_MAX = 300
"""A feed that missed more frames than this begins again with a `snap`."""


class CloseCode(IntEnum):
    """Why the server ends a connection. `FINAL` ones are not to be retried, all others with a growing, random wait."""

    ENDED = 1000
    RESTART = 1012
    RESYNC = 4000
    TOO_SLOW = 4008
    NO_PONG = 4012
    TOO_MANY = 4013
    NOT_ALLOWED = 4500
    MALFORMED = 4501
    NO_SUB = 4502
    UNKNOWN_LOT = 4504


FINAL = frozenset(
    {
        CloseCode.ENDED,
        CloseCode.NOT_ALLOWED,
        CloseCode.MALFORMED,
        CloseCode.NO_SUB,
        CloseCode.UNKNOWN_LOT,
        # the protocol's own words for what no retry mends: protocol error, not text, too big
        1002,
        1007,
        1009,
    }
)


class Malformed(Exception):
    """A message that is none of ours; the text says what is wrong and what is allowed."""


# ---------------------------------------------------------------------------------------------------------------------
# what clients say

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Sub(msgspec.Struct, frozen=True, tag_field="type", tag="sub", forbid_unknown_fields=True):
    """Watch a lot: its state, or every bid. `epoch` and `seq` are where an earlier connection left off."""

    lot_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    mode: Literal["state", "feed"] = "state"
    token: str | None = None
    epoch: Count | None = None
    seq: Count | None = None

    @property
    def after(self) -> tuple[int, int] | None:
        """The last (epoch, seq) the client has seen; None: it begins."""
        return None if self.epoch is None or self.seq is None else (self.epoch, self.seq)


class Sync(msgspec.Struct, frozen=True, tag_field="type", tag="sync", forbid_unknown_fields=True):
    """Ask for the ledger's time; `c0` is the client's and comes back as it was."""

    c0: int | float


_messages = msgspec.json.Decoder(Sub | Sync)


def read_message(data: bytes | bytearray | memoryview) -> Sub | Sync:
    """A client's message; raises Malformed."""
    try:
        message: Sub | Sync = _messages.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{error}"[:100]) from None
    if isinstance(message, Sub) and (message.epoch is None) != (message.seq is None):
        raise Malformed("epoch and seq go together: give both, or neither")
    return message


# ---------------------------------------------------------------------------------------------------------------------
# what the gateway says


class Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A message from the gateway; `type` is its name."""


class Hello(Frame, tag="hello"):
    """The first frame. A connection silent for longer than twice `ping_ms` is dead."""

    now_ms: int
    ping_ms: int
    v: int = VERSION


class LotFrame(Frame):
    """A frame about one lot."""

    lot_id: str


class State(LotFrame):
    """A lot as it stands: absolute, so that any may be skipped. `leader` is a paddle; `price_fen` 0: no bid yet."""

    epoch: int
    seq: int
    status: str
    price_fen: int
    leader: int | None
    bids: int
    minimum_fen: int
    ends_at_ms: int
    remaining_ms: int
    """Time left when a paused or held lot goes on."""
    now_ms: int
    watchers: int


class Snap(State, tag="snap"):
    """Replaces everything the client knows of the lot."""


class Tick(State, tag="tick"):
    """The newest state."""


class BidMade(LotFrame, tag="bid"):
    """Feed only: an accepted bid, `amount_fen` the price it made. A hole: `prev_seq` above the last seq seen."""

    seq: int
    prev_seq: int
    """The seq of the event before it that a feed is told of."""
    paddle: int
    amount_fen: int
    at_ms: int
    leading: bool


class Happening(LotFrame):
    """An event that every watcher is told of, however slow. `ends_at_ms` is the end in force after it."""

    seq: int
    at_ms: int
    ends_at_ms: int


class EndMoved(Happening, tag="extended"):
    """A late bid (`by_bid`) or staff moved the end."""

    by_bid: bool
    reason: str


class OnHold(Happening, tag="held"):
    """The price reached the review limit: bidding waits for staff."""

    remaining_ms: int


class Stopped(Happening, tag="paused"):
    """Staff stopped bidding for a while."""

    remaining_ms: int
    reason: str


class GoesOn(Happening, tag="resumed"):
    """Bidding goes on."""


class BidVoided(Happening, tag="voided"):
    """One bid was taken out: a new epoch, in which the price may be lower. A `snap` follows."""

    epoch: int
    bid_seq: int
    price_fen: int
    leader: int | None
    reason: str


class Over(Happening, tag="closed"):
    """Nothing more happens to the lot; `status` is closed or void, `outcome` sold, no-bids, reserve-unmet or void."""

    status: str
    outcome: str
    price_fen: int
    leader: int | None
    reason: str


class You(LotFrame, tag="you", omit_defaults=True):
    """To a signed-in bidder alone. `paddle` null: not registered for the lot; `limit_fen` null: no limit."""

    leading: bool
    paddle: int | None
    limit_fen: int | None
    outbid_by: int | msgspec.UnsetType = msgspec.UNSET
    """The paddle that leads since this bidder was outbid."""


class Synced(Frame, tag="synced"):
    """The ledger's time as the question came (`s1`) and as the answer left (`s2`)."""

    c0: int | float
    s1: int
    s2: int


class Heartbeat(LotFrame, tag="hb"):
    """Nothing has happened for a while; `seq` is where the lot stands (0: the gateway is still reading it)."""

    now_ms: int
    seq: int
    watchers: int


_encode = msgspec.json.Encoder().encode
_TEXT = 0x81
"""First byte of a whole text message."""
PING = b"\x89\x00"
"""A WebSocket ping without payload; any pong will do."""


def packed(frame: Frame) -> bytes:
    """A frame as it goes over the wire: a WebSocket text message of a server, which is not masked."""
    body = _encode(frame)
    size = len(body)
    if size < 126:
        return bytes((_TEXT, size)) + body
    if size < 65536:
        return bytes((_TEXT, 126, size >> 8, size & 0xFF)) + body
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big") + body


def state(kind: type[Snap] | type[Tick], lot_id: str, lot: Lot, *, now_ms: int, watchers: int) -> bytes:
    """A lot's state as a `snap` or a `tick`."""
    return packed(
        kind(
            lot_id=lot_id,
            epoch=lot.epoch,
            seq=lot.seq,
            status=str(lot.status),
            price_fen=lot.price_fen,
            leader=lot.leader_paddle or None,
            bids=lot.bids,
            minimum_fen=lot.minimum_fen(),
            ends_at_ms=lot.ends_at_ms,
            remaining_ms=lot.remaining_ms,
            now_ms=now_ms,
            watchers=watchers,
        )
    )


class Told(Protocol):
    """What `happening` needs of the lot after the event: nothing but these."""

    @property
    def ends_at_ms(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def price_fen(self) -> int: ...
    @property
    def leader_paddle(self) -> int: ...
