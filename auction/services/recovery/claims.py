"""Claims of lost bids, and the decision about a lot that lost its record. Off the bid's way.

A receipt proves that a bid was accepted. Where a restoring left its seq out of the lot's record, the bid is lost, and
the bidder's claim is recorded for staff, who accept or decline it. The settlement of a restored lot is held until they
release it. Neither moves money nor changes the record: what follows from a claim is for people to do.
"""

from dataclasses import dataclass

from auction.books import archive, archive_queries, audit, bid_claims, catalogue, restored_lots
from auction.books.bid_claims import BidClaim
from auction.books.unit_of_work import Transaction
from auction.domain.errors import NotFound, ProblemCode, RequestRefused
from auction.domain.events import MaximumSet
from auction.domain.states import BidStanding, ClaimStatus
from auction.ledger.keys import sale_of
from auction.services.catalogue.visibility import require_visible
from auction.services.context import AppContext
from auction.services.lot_log import decode_archived
from auction.signing.receipts import ReceiptMalformed, StatedBid


@dataclass(frozen=True, slots=True)
class ReceivedBid:
    """A bid as its bidder's receipt states it."""

    lot_id: str
    seq: int
    bidder_id: str
    amount_fen: int
    at_ms: int
    receipt: str


@dataclass(frozen=True, slots=True)
class CheckedBid:
    """Where the bid is, and the claim where it is lost; `is_new` says that this call recorded it."""

    standing: BidStanding
    claim: BidClaim | None = None
    is_new: bool = False


async def check_bid(context: AppContext, bid: ReceivedBid) -> CheckedBid:
    """Look for the bid of a receipt, and record a claim where it is lost. The same receipt again changes nothing.

    Raises NotFound(lot-unknown), RequestRefused(receipt-invalid), BooksAway.
    """
    is_ours = _is_receipt_of(context, bid)
    async with context.books.transaction() as tx:
        require_visible(await catalogue.find_lot(tx, bid.lot_id))
        if not is_ours:
            raise RequestRefused(
                ProblemCode.RECEIPT_INVALID,
                "This receipt was not given for this bid here: lot, seq, amount, time and bidder must be those of the "
                "answer that the receipt came with.",
                {"field": "receipt"},
            )
        standing = await _standing(tx, bid)
        if standing is not BidStanding.LOST:
            return CheckedBid(standing)
        claim, is_new = await bid_claims.add(
            tx,
            lot_id=bid.lot_id,
            seq=bid.seq,
            bidder_id=bid.bidder_id,
            amount_fen=bid.amount_fen,
            at_ms=bid.at_ms,
            receipt=bid.receipt,
        )
    return CheckedBid(standing, claim, is_new)


def _is_receipt_of(context: AppContext, bid: ReceivedBid) -> bool:
    """Whether the house gave this receipt to this bidder for this bid."""
    try:
        stated = StatedBid.parse(bid.receipt)
    except ReceiptMalformed:
        return context.former_receipts.verify(
            bid.receipt,
            lot_id=bid.lot_id,
            seq=bid.seq,
            bidder_id=bid.bidder_id,
            amount_fen=bid.amount_fen,
            at_ms=bid.at_ms,
        )
    said = (stated.lot_id, stated.seq, stated.amount_fen, stated.at_ms, stated.bidder)
    presented = (bid.lot_id, bid.seq, bid.amount_fen, bid.at_ms, context.bidder_codes.code(bid.bidder_id))
    return said == presented and stated.is_signed(context.house_keys.public)


async def _standing(tx: Transaction, bid: ReceivedBid) -> BidStanding:
    found = await archive_queries.bid_at(tx, bid.lot_id, bid.seq)
    if found is not None and (found.bidder_id, found.amount_fen, found.at_ms) == (
        bid.bidder_id,
        bid.amount_fen,
        bid.at_ms,
    ):
        return BidStanding.STANDS if found.voided_by_seq is None else BidStanding.VOIDED
    if await _is_maximum_of(tx, bid):
        return BidStanding.STANDS
    head = (await archive.heads_of(tx, [bid.lot_id])).get(bid.lot_id)
    # beyond the archive it may still come; with another entry in its place, or left out, it will not
    is_passed = head is not None and bid.seq <= head.last_seq
    if is_passed or await restored_lots.is_in_gap(tx, bid.lot_id, bid.seq):
        return BidStanding.LOST
    return BidStanding.PENDING


async def _is_maximum_of(tx: Transaction, bid: ReceivedBid) -> bool:
    """Whether the receipt is for a maximum that its bidder set while they led, which is no bid."""
    row = await archive_queries.entry_from(tx, bid.lot_id, bid.seq)
    if row is None or row.first_seq > bid.seq or row.at_ms != bid.at_ms:
        return False
    event = decode_archived(row).events[bid.seq - row.first_seq]
    return isinstance(event, MaximumSet) and (event.bidder_id, event.amount_fen) == (bid.bidder_id, bid.amount_fen)


async def decide_claim(context: AppContext, claim_id: int, status: ClaimStatus, *, by: str, reason: str) -> BidClaim:
    """Accept or decline a claim; the same decision again changes nothing.

    Raises NotFound(claim-unknown), RequestRefused(claim-decided), BooksAway.
    """
    async with context.books.transaction() as tx:
        claim = await bid_claims.lock(tx, claim_id)
        if claim is None:
            raise NotFound(ProblemCode.CLAIM_UNKNOWN, f"There is no claim {claim_id}.")
        if claim.status is status:
            return claim
        if claim.status is not ClaimStatus.OPEN:
            raise RequestRefused(
                ProblemCode.CLAIM_DECIDED,
                f"Claim {claim_id} was {claim.status} by {claim.decided_by}.",
                {"claim_status": str(claim.status)},
            )
        await audit.record_action(
            tx,
            actor=by,
            action="accept-claim" if status is ClaimStatus.ACCEPTED else "decline-claim",
            sale_id=sale_of(claim.lot_id),
            lot_id=claim.lot_id,
            reason=reason,
            details={"claim_id": claim_id, "seq": claim.seq, "bidder": claim.bidder_id, "amount_fen": claim.amount_fen},
        )
        return await bid_claims.decide(tx, claim_id, status, by=by, reason=reason)


async def release_settlement(context: AppContext, lot_id: str, *, by: str, reason: str) -> None:
    """Decide that a restored lot is settled like any other, now or once it has ended.

    Raises NotFound(lot-unknown), RequestRefused(nothing-held, claims-undecided), BooksAway.
    """
    async with context.books.transaction() as tx:
        record = await catalogue.find_lot(tx, lot_id)
        if waiting := await bid_claims.count_open(tx, lot_id):
            raise RequestRefused(
                ProblemCode.CLAIMS_UNDECIDED,
                f"{waiting} claims of lost bids on lot {lot_id} wait for a decision: accept or decline each first.",
                {"lot_id": lot_id, "claims": waiting},
            )
        decided = await restored_lots.decide(tx, lot_id, by=by, reason=reason)
        if not decided:
            raise RequestRefused(
                ProblemCode.NOTHING_HELD, f"No loss of lot {lot_id} waits for a decision.", {"lot_id": lot_id}
            )
        await audit.record_action(
            tx,
            actor=by,
            action="release-settlement",
            sale_id=record.sale_id,
            lot_id=lot_id,
            reason=reason,
            details={"restored_seqs": [one.seq for one in decided]},
        )
