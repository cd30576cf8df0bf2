"""Stream entries: what one script call wrote for one lot, its decoding, and the lot's running checksum. No I/O.

After the bid's way: `stream` and `tail` read entries, the archive stores them, live gateways fold them.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from auction.domain.events import Event, from_row
from auction.domain.ledger_layout import chain_of

__all__ = ["EntryDamaged", "StreamEntry", "chain_of", "decode", "decode_events"]


ENTRY_BYTES = 120
"""What an entry takes beside its packed events, about."""


class EntryDamaged(Exception):
    """A stream or archive entry that no script wrote; the text names its id and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """The events of one script call on one lot, all at `at_ms` (UTC ms), their seqs counting on from `first_seq`."""

    stream_id: str
    lot_id: str
    epoch: int
    first_seq: int
    at_ms: int
    events: tuple[Event, ...]
    packed: bytes
    """The events as the script wrote them."""
    chain: str
    """The lot's checksum after this entry, see `chain_of`."""

    @property
    def size_bytes(self) -> int:
        """What the entry takes in the stream, about."""
        return len(self.packed) + ENTRY_BYTES

    @property
    def last_seq(self) -> int:
        """The seq of the entry's last event."""
        return self.first_seq + len(self.events) - 1


def decode_events(packed: bytes) -> tuple[Event, ...]:
    """The events of an entry's packed field; ValueError where it holds anything else."""
    try:
        rows = msgspec.msgpack.decode(packed, type=list[list[Any]])
    except msgspec.MsgspecError as error:
        raise ValueError(f"not packed events: {error}") from error
    if not rows:
        raise ValueError("an entry without events")
    return tuple(from_row(row) for row in rows)


def decode(stream_id: str, fields: dict[bytes, bytes]) -> StreamEntry:
    """An entry from the fields of a stream message. Raises EntryDamaged."""
    try:
        return StreamEntry(
            stream_id=stream_id,
            lot_id=fields[b"lot"].decode(),
            epoch=int(fields[b"epoch"]),
            first_seq=int(fields[b"seq"]),
            at_ms=int(fields[b"at"]),
            events=decode_events(fields[b"ev"]),
            packed=fields[b"ev"],
            chain=fields[b"chain"].decode(),
        )
    except KeyError as missing:
        raise EntryDamaged(f"stream entry {stream_id} has no field {missing.args[0].decode()}") from missing
    except ValueError as error:
        raise EntryDamaged(f"stream entry {stream_id}: {error}") from error
