"""What the house signs of a published record: where it ends, and how many events it has. No I/O."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordEnd:
    """The end of a lot's record: epoch and seq of its last event, its events, and the head of its chain (hex)."""

    lot_id: str
    epoch: int
    seq: int
    events: int
    head: str

    def statement(self) -> bytes:
        """The bytes that are signed."""
        # ids have no line break, so that no two ends give the same text
        return f"flash-auction record 1\n{self.lot_id}\n{self.epoch}\n{self.seq}\n{self.events}\n{self.head}\n".encode()
