"""Reports what a loss of the ledger has stopped, what was restored with what loss, and what is claimed for it.

Off the bid's way. Behind `GET /ops/recovery`, `/readyz`, `/metrics` and `auction doctor`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from auction.books import accounts, acknowledged_marks, bid_claims, frozen_lots, restored_lots
from auction.books.bid_claims import BidClaim
from auction.books.frozen_lots import FrozenLot
from auction.books.restored_lots import RestoredLot
from auction.books.unit_of_work import Books
from auction.domain.errors import Unavailable
from auction.ledger.bid_ledger import BidLedger
from auction.ledger.server_state import ServerState

CLAIMS_SHOWN_MAX = 500
"""Open claims come first; the CSV has all."""


@dataclass(frozen=True, slots=True)
class FrozenLotReport:
    """A frozen lot, what was acknowledged of it beyond the archive, and what was kept out of the archive."""

    lot: FrozenLot
    acknowledged_seq: int | None
    """The highest seq that was acknowledged to anybody; None: none is known."""
    entries_set_aside: int


@dataclass(frozen=True, slots=True)
class RestoredLotReport:
    """A restored lot, and whether its settlement is held until staff release it."""

    lot: RestoredLot
    is_held: bool


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """Stopped shards (None: the ledger does not answer), frozen lots, every restored lot, the newest first, and claims.

    `claims_open` counts those that wait for a decision.
    """

    shards_stopped: tuple[int, ...] | None
    lots: tuple[FrozenLotReport, ...]
    restored: tuple[RestoredLotReport, ...]
    claims: tuple[BidClaim, ...]
    claims_open: int
    names: Mapping[str, str]
    """Id of a bidder or of staff -> their name."""


async def recovery_report(
    ledger: BidLedger, books: Books, *, claims_max: int | None = CLAIMS_SHOWN_MAX
) -> RecoveryReport:
    """What is stopped now, what was ever restored, and what is claimed (None: every claim). Raises BooksAway."""
    try:
        shards = await ServerState(ledger.redis, ledger.keys).stopped_shards(ledger.lineage)
    except Unavailable:
        shards = None
    async with books.reading() as tx:
        frozen = await frozen_lots.list_frozen(tx)
        lot_ids = [lot.lot_id for lot in frozen]
        marks = await acknowledged_marks.of_lots(tx, lot_ids)
        aside = await frozen_lots.count_set_aside(tx, lot_ids)
        restored = await restored_lots.list_restored(tx)
        held = await restored_lots.held_among(tx, {lot.lot_id for lot in restored})
        claims = await bid_claims.list_claims(tx, limit=claims_max)
        claims_open = await bid_claims.count_open(tx)
        deciders = [claim.decided_by for claim in claims] + [lot.decided_by for lot in restored]
        people = {person for person in (*deciders, *(claim.bidder_id for claim in claims)) if person is not None}
        names = await accounts.names_of(tx, people)
    return RecoveryReport(
        shards,
        tuple(
            FrozenLotReport(lot, marks[lot.lot_id].seq if lot.lot_id in marks else None, aside.get(lot.lot_id, 0))
            for lot in frozen
        ),
        tuple(RestoredLotReport(lot, lot.decided_at_ms is None and lot.lot_id in held) for lot in restored),
        tuple(claims),
        claims_open,
        names,
    )
