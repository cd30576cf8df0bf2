"""Who may see which lot: one rule for HTTP, the pages and the live channel. Off the bid's way.

A draft is seen by staff alone; to everybody else it does not exist, in the same words as a lot that nobody entered.
Pages show what HTTP answers. The live channel reads the ledger alone, which a lot enters once it is scheduled.
"""

from dataclasses import dataclass

from auction.books.catalogue import DRAFT, LotRecord, no_lot


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whoever asks: a bidder with an id, a member of staff, or anybody."""

    bidder_id: str | None = None
    is_staff: bool = False

    def sees(self, record: LotRecord) -> bool:
        """Whether the lot is there for them."""
        return self.is_staff or record.status != DRAFT


PUBLIC = Viewer()
STAFF = Viewer(is_staff=True)


def require_visible(record: LotRecord, viewer: Viewer = PUBLIC) -> None:
    """Raises NotFound(lot-unknown) where the lot is not there for them."""
    if not viewer.sees(record):
        raise no_lot(record.lot_id)
