"""Remembers the newest entry of each lot that a process has acknowledged to somebody. No I/O.

Beside the bid's way: `bid_ledger` notes what each call answered, and `auction.services.recovery.marks` writes it to the
database, so that a ledger that comes back older is found out, and what it lost can be listed.
"""

from auction.domain.ledger_layout import Mark


class AcknowledgedMarks:
    """The newest marks by lot, and those that nobody has taken yet."""

    __slots__ = ("_newest", "_waiting")

    def __init__(self) -> None:
        self._newest: dict[str, Mark] = {}
        self._waiting: set[str] = set()

    def note(self, lot_id: str, epoch: int, seq: int, chain: str) -> None:
        """The ledger has answered that the lot stands there."""
        newest = self._newest.get(lot_id)
        if newest is None or (epoch, seq) > (newest.epoch, newest.seq):
            self._newest[lot_id] = Mark(epoch, seq, chain)
            self._waiting.add(lot_id)

    def take(self) -> dict[str, Mark]:
        """The marks that are new since the last call."""
        taken = {lot_id: self._newest[lot_id] for lot_id in self._waiting}
        self._waiting.clear()
        return taken

    def put_back(self, marks: dict[str, Mark]) -> None:
        """What was taken could not be written: the next call takes it again."""
        self._waiting.update(marks)

    def newest(self) -> dict[str, Mark]:
        """Lot -> the newest mark of this process."""
        return dict(self._newest)

    def forget(self, lot_id: str) -> None:
        """Drop the mark of a lot: what it was of is no part of the lot's record, and that has been said."""
        self._newest.pop(lot_id, None)
        self._waiting.discard(lot_id)
