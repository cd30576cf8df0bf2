"""Computes the archive's chain: a running SHA-256 over every event of a lot, which shows any later change.

The head after an event is SHA-256(head before it || line), the first head before being 32 zero bytes. The line is the
event's public one (`auction.books.public_lines`), so that there is one chain for the archive and for what is published.

Lots whose archive began before there were public lines have no secret and finish under the chain that they began with,
whose lines hold every field, in the order of `auction.domain.events`:

    ["launch-001",1,7,1761120000123,"bid",{"bidder_id":"b-1","paddle":3,"amount_fen":100,...}]
     lot_id  epoch seq   at_ms      kind   the event's fields

Python's `json.dumps(line, ensure_ascii=False, separators=(",", ":"))` writes the same bytes in both, as a test checks.
The ledger's SHA-1 chain protects the stream until it is archived; this one protects the archive. After the bid's way.
"""

from hashlib import sha256

import msgspec

from auction.books.public_lines import public_line
from auction.domain.events import Event

GENESIS = bytes(32)
"""The head before a lot's first event."""

_encoder = msgspec.json.Encoder()


def full_line(lot_id: str, epoch: int, seq: int, at_ms: int, event: Event) -> bytes:
    """The line of one event in the chain of a lot without a secret."""
    return _encoder.encode((lot_id, epoch, seq, at_ms, event.kind, event))


def head_after(  # noqa: PLR0917 - in the order in which they are hashed
    head: bytes,
    secret: bytes | None,
    lot_id: str,
    epoch: int,
    first_seq: int,
    at_ms: int,
    events: tuple[Event, ...],
) -> bytes:
    """The head after the events of one entry, whose seqs count on from `first_seq`, of a lot with that secret."""
    for seq, event in enumerate(events, first_seq):
        line = (
            full_line(lot_id, epoch, seq, at_ms, event)
            if secret is None
            else public_line(secret, lot_id, epoch, seq, at_ms, event)
        )
        head = head_with(head, line)
    return head


def head_with(head: bytes, line: bytes) -> bytes:
    """The head after one more line."""
    return sha256(head + line).digest()
