"""Gives one bidder's part in lots: their maximum, and in ended ones award, offer and deposit. Read only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from auction.books import bidders, settlements
from auction.books.catalogue import LotRecord
from auction.books.deposits import Deposit
from auction.books.unit_of_work import Transaction
from auction.domain.pricing import leader_maximum_fen
from auction.domain.states import DepositStatus, Disposition
from auction.ledger.replies import Snapshot
from auction.services.catalogue.visibility import Viewer


@dataclass(frozen=True, slots=True)
class BidderResult:
    """A bidder's part in an ended lot: statuses of the database, None where there is no such thing."""

    paddle: int
    award_status: str | None
    award_source: str | None
    """hammer, or offer."""
    offer_status: str | None
    deposit_status: str | None


async def results_of(tx: Transaction, bidder_id: str, lot_ids: Collection[str]) -> dict[str, BidderResult]:
    """Lot -> the bidder's newest award and offer and their deposit, for the lots that they are registered for."""
    registered = await bidders.registrations_for_lots(tx, bidder_id, lot_ids)
    if not registered:
        return {}
    awards = {award.lot_id: award for award in reversed(await settlements.awards_of_bidder(tx, bidder_id))}
    offers = {offer.lot_id: offer for offer in reversed(await settlements.offers_of_bidder(tx, bidder_id))}
    found = {}
    for one in registered:
        award, offer = awards.get(one.lot_id), offers.get(one.lot_id)
        found[one.lot_id] = BidderResult(
            paddle=one.paddle,
            award_status=None if award is None else award.status,
            award_source=None if award is None else award.source,
            offer_status=None if offer is None else offer.status,
            deposit_status=_deposit_status(one.deposits),
        )
    return found


def _deposit_status(deposits: Sequence[Deposit]) -> str | None:
    """Held or releasing where some deposit is, else the last deposit's status."""
    statuses = [
        DepositStatus.RELEASING
        if one.status == DepositStatus.HELD and one.disposition == Disposition.RELEASE
        else one.status
        for one in deposits
    ]
    for status in (DepositStatus.HELD, DepositStatus.RELEASING):
        if status in statuses:
            return status
    return statuses[-1] if statuses else None


def own_maximum_fen(record: LotRecord, snapshot: Snapshot | None, viewer: Viewer) -> int | None:
    """The asking bidder's maximum where they lead a lot with one, in fen."""
    if snapshot is None or not snapshot.leader_id or snapshot.leader_id != viewer.bidder_id:
        return None
    prices = {"price_fen": snapshot.price_fen, "ceiling_fen": snapshot.ceiling_fen}
    return leader_maximum_fen(record.terms["bidding"], **prices)
