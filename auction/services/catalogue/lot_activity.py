"""What happens on a lot in a storm, for staff: bids and prices over time, registrations, refusals, and who bids most.

Bids as archived, which is a moment behind the ledger. Off the bid's way. Who bids is read under the reader's name: each
look is written to the audit log.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from auction.books import audit, lot_activity
from auction.books.lot_activity import BidActivity, BidderActivity, RegistrationActivity
from auction.ledger.refusal_counts import refusals_of
from auction.services.catalogue.lot_views import lot_record
from auction.services.context import AppContext

TOP_BIDDERS = 10
RECENT_MS = 60_000


@dataclass(frozen=True, slots=True)
class LotActivity:
    """A lot's bids and registrations so far; `recent` of the registrations are those of the last minute."""

    bids: BidActivity
    registrations: RegistrationActivity
    refusals: Mapping[str, int]
    """Code -> bids that were refused with it, most frequent first."""


async def show_activity(context: AppContext, lot_id: str) -> LotActivity:
    """The activity on a lot. Raises NotFound(lot-unknown), LedgerAway, BooksAway."""
    await lot_record(context, lot_id)
    since_ms = context.clock_ms() - RECENT_MS
    refusals = await refusals_of(context.ledger, lot_id)
    async with context.books.reading() as tx:
        return LotActivity(
            await lot_activity.bid_activity(tx, lot_id),
            await lot_activity.registration_activity(tx, lot_id, since_ms=since_ms),
            refusals,
        )


async def show_top_bidders(context: AppContext, lot_id: str, *, actor: str) -> list[BidderActivity]:
    """The first bidders of a lot with their names; the look is audited. Raises NotFound(lot-unknown), BooksAway."""
    record = await lot_record(context, lot_id)
    async with context.books.transaction() as tx:
        found = await lot_activity.top_bidders(tx, lot_id, limit=TOP_BIDDERS)
        details = {"bidders": [one.bidder_id for one in found]}
        await audit.record_action(
            tx, actor=actor, action="view-bidders", sale_id=record.sale_id, lot_id=lot_id, details=details
        )
    return found
