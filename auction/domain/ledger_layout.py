"""What ledger and database both know of the ledger's storage: its layout version, stream positions and checksums.

Off the bid's way: bookkeeping of the archive. The keys themselves are in `auction.ledger.keys`.
"""

from hashlib import sha1
from typing import NamedTuple, Self

LAYOUT = "a1"
"""The version of the ledger's key layout: the prefix of every key, and recorded in the database it belongs to."""
STREAM_START = "0-0"
"""The stream id before a stream's first entry."""


class StreamPosition(NamedTuple):
    """A stream id in a form that compares as the stream is ordered: "10-2" is after "9-10"."""

    at_ms: int
    """When the entry was added, UTC ms by the ledger's clock."""
    number: int
    """The entry's number among those of the same millisecond, from 0."""

    @classmethod
    def parse(cls, stream_id: str) -> Self:
        """The position of a stream id; ValueError where it is none."""
        at_ms, _, number = stream_id.partition("-")
        return cls(int(at_ms), int(number))


class Mark(NamedTuple):
    """An entry of a lot: its epoch, its last seq, and the lot's checksum after it. Compares as a lot's record grows."""

    epoch: int
    seq: int
    chain: str


def chain_of(  # noqa: PLR0917 - the fields in the order in which they are hashed
    previous: str, lot_id: str, epoch: int, first_seq: int, at_ms: int, packed: bytes
) -> str:
    """A lot's running checksum after an entry (SHA-1, hex), as `lua/include/commit.lua` computes it; '' before any."""
    head = f"{previous}\n{lot_id}\n{epoch}\n{first_seq}\n{at_ms}\n".encode()
    return sha1(head + packed, usedforsecurity=False).hexdigest()
