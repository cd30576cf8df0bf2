"""Places a bid: passes it to the ledger's combiner and signs the receipt of an accepted one. In the bid's way."""

from dataclasses import dataclass

from auction.domain.bidding import Bid, Receipt, Refused, Repeated
from auction.domain.errors import RefusalCode
from auction.domain.text import is_id
from auction.ledger.replies import AcceptedBid
from auction.services.context import AppContext


@dataclass(frozen=True, slots=True)
class PlacedBid:
    """An accepted bid with its signed receipt; `repeated`: it was accepted by an earlier call with the same key."""

    lot_id: str
    bidder_id: str
    receipt: Receipt
    repeated: bool
    signature: str


async def place_bid(
    context: AppContext, lot_id: str, *, bidder_id: str, amount_fen: int, key: str
) -> PlacedBid | Refused:
    """Have the ledger decide a bid of `amount_fen`. Raises LedgerAway (LedgerFull too), OutcomeUnknown, OverCapacity,
    TooManyBids.

    A lot that is over and that the ledger has dropped is answered from the archive. Raises BooksAway then.
    The caller must have checked the amount (1..10^13) and the key (8 to 64 visible ASCII characters).
    """
    if not is_id(lot_id):
        return Refused(RefusalCode.LOT_UNKNOWN, {})
    context.bid_rate.enter(bidder_id)
    try:
        context.ledger_memory.check_bids_allowed()
        return await _place(context, lot_id, Bid(bidder_id, amount_fen, key))
    finally:
        context.bid_rate.leave(bidder_id)


async def _place(context: AppContext, lot_id: str, bid: Bid) -> PlacedBid | Refused:
    answer = await context.combiner.place(lot_id, bid)
    if isinstance(answer, Refused):
        if answer.code is not RefusalCode.LOT_UNKNOWN:
            return answer
        archived = await context.ended_lots.decide(context.books, lot_id, bid, answer.now_ms)
        if not isinstance(archived, Repeated):
            return archived if isinstance(archived, Refused) else answer
        answer = AcceptedBid(archived.receipt, repeated=True)
    receipt = answer.receipt
    signature = context.receipts.sign(lot_id, receipt.seq, bid.bidder_id, receipt.amount_fen, receipt.at_ms)
    return PlacedBid(lot_id, bid.bidder_id, receipt, answer.repeated, signature)
