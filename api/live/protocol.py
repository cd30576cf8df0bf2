"""Parses the messages of clients, and lists the codes that close a connection; `frames` has what the server sends.

After the bid's way. No I/O and no clock: bytes in, values out.
"""

from enum import IntEnum
from typing import Annotated, Any, Literal

import msgspec

VERSION = 1
MESSAGE_BYTES_MAX = 1024
"""The longest message a client may send; a longer one ends the connection with 1009."""
RESUMED_EVENTS_MAX = 300
"""A feed that has missed more frames than this gets a `snap` instead."""


class CloseCode(IntEnum):
    """Close codes. A client reconnects with growing, random waits, except after those of `FINAL`."""

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
        # WebSocket's own codes that no retry mends: protocol error, not UTF-8, too big
        1002,
        1007,
        1009,
    }
)


class Malformed(Exception):
    """Not a message of this protocol; the text says what is wrong."""


Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Sub(msgspec.Struct, frozen=True, tag_field="type", tag="sub", forbid_unknown_fields=True):
    """Watch a lot: its state, or every bid. `epoch` and `seq` are the last that an earlier connection has received."""

    lot_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    mode: Literal["state", "feed"] = "state"
    token: str | None = None
    epoch: Count | None = None
    seq: Count | None = None

    @property
    def after(self) -> tuple[int, int] | None:
        """The last (epoch, seq) that the client has received; None: it begins."""
        return None if self.epoch is None or self.seq is None else (self.epoch, self.seq)


class Sync(msgspec.Struct, frozen=True, tag_field="type", tag="sync", forbid_unknown_fields=True):
    """Ask for the ledger's time; `c0` is the client's time and is returned unchanged."""

    c0: int | float


class Place(msgspec.Struct, frozen=True, tag_field="type", tag="place", forbid_unknown_fields=True):
    """Bid on a lot, as `POST /lots/{lot_id}/bids` does under `key` as its Idempotency-Key.

    What is wrong with key or amount is said in the answer, as over HTTP; a key without which there is no answer is not.
    """

    lot_id: Annotated[str, msgspec.Meta(max_length=64)]
    key: Annotated[str, msgspec.Meta(max_length=128)]
    amount_fen: Any = msgspec.UNSET
    maximum_fen: Any = msgspec.UNSET

    @property
    def offer(self) -> dict[str, Any]:
        """The body that the bid would have over HTTP."""
        given = {"amount_fen": self.amount_fen, "maximum_fen": self.maximum_fen}
        return {name: value for name, value in given.items() if value is not msgspec.UNSET}


Message = Sub | Sync | Place

_messages = msgspec.json.Decoder(Message)


def read_message(data: bytes | bytearray | memoryview) -> Message:
    """Parse a client's message. Raises Malformed."""
    try:
        message: Message = _messages.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{error}"[:100]) from None
    if isinstance(message, Sub) and (message.epoch is None) != (message.seq is None):
        raise Malformed("epoch and seq go together: give both, or neither")
    return message
