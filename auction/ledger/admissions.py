"""What the ledger is told of a bidder's bidding power, and the words in which it is. Off the bid's way."""

from dataclasses import dataclass

from auction.ledger.keys import KeySpace

ADMITTED_AT_ONCE = 8
"""Admissions in one message: the server decides them without a bid between them, in about a millisecond."""


@dataclass(frozen=True, slots=True)
class AdmissionCall:
    """What a bidder may do on a lot: limit, purse, and what is held behind it, in fen; None: without, or as much."""

    lot_id: str
    bidder_id: str
    paddle: int
    limit_fen: int | None
    purse_fen: int | None
    held_fen: int | None

    def keys(self, keys: KeySpace) -> tuple[str, ...]:
        """The keys that the script takes."""
        lot_id = self.lot_id
        return (
            keys.lot(lot_id),
            keys.bidders(lot_id),
            keys.purse(lot_id),
            keys.due_of(lot_id),
            keys.stream_of(lot_id),
            keys.lineage_of(lot_id),
            keys.activity_of(lot_id),
        )

    def arguments(self, lineage: str, not_after_ms: int) -> tuple[str | int, ...]:
        """The arguments that the script takes."""
        amounts = (-1 if fen is None else fen for fen in (self.limit_fen, self.purse_fen, self.held_fen))
        return (self.lot_id, self.bidder_id, self.paddle, *amounts, lineage, not_after_ms)
