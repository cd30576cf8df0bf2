"""What ledger and database both know of the ledger's storage: its layout version, and positions in its streams.

Off the bid's way: bookkeeping of the archive. The keys themselves are in `auction.ledger.keys`.
"""

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
