"""Signs the receipts of accepted bids: those of a call as its answer comes, those of a retry from the call's entry.

In the bid's way, on the way back. Nothing signed is stored: what was signed follows from the entry that the call wrote,
which the ledger's stream has for a while and the archive from a second or so after.
"""

from auction.books import archive_queries
from auction.domain.bidding import Receipt
from auction.domain.errors import LedgerAway, LedgerFault
from auction.domain.events import BidPlaced, MaximumSet, is_made_key
from auction.ledger.entry import EntryDamaged, StreamEntry
from auction.ledger.replies import AcceptedBatch
from auction.services.context import AppContext
from auction.services.lot_log import decode_archived
from auction.signing.receipts import Batch


def sign_receipt(context: AppContext, batch: AcceptedBatch, seq: int) -> str:
    """The receipt of a bid of a call; the first one asked for signs all of them."""
    if not batch.receipts:
        bidder_code = context.bidder_codes.code
        facts = [
            (
                bid.seq,
                bid.paddle,
                bid.amount_fen,
                bid.price_fen,
                int(bid.leading),
                bid.ends_at_ms,
                sent.key,
                bidder_code(sent.bidder_id),
            )
            for bid, sent in batch.bids
        ]
        signed = Batch(batch.lot_id, batch.epoch, batch.at_ms, batch.chain, facts)
        receipts = signed.sign(context.house_keys.key_at(batch.at_ms))
        batch.receipts = {bid.seq: receipt for (bid, _), receipt in zip(batch.bids, receipts, strict=True)}
    return batch.receipts[seq]


async def sign_earlier_receipt(context: AppContext, lot_id: str, bid: Receipt) -> str:
    """The receipt of a bid that an earlier call accepted, as it was first given.

    Raises LedgerAway, BooksAway, LedgerFault (damage).
    """
    try:
        entry = await _entry_of(context, lot_id, bid)
    except EntryDamaged as error:
        raise LedgerFault(f"The record of lot {lot_id} cannot be read ({error}).") from error
    if entry is None or not entry.first_seq <= bid.seq <= entry.last_seq:
        raise LedgerAway(f"The bid was accepted with seq {bid.seq}; its receipt cannot be made yet. Try again.")
    return _sign_entry(context, entry)[bid.seq]


async def _entry_of(context: AppContext, lot_id: str, bid: Receipt) -> StreamEntry | None:
    entry = await context.stream.entry_with(lot_id, bid.seq, bid.at_ms)
    if entry is not None:
        return entry
    async with context.books.reading() as tx:
        row = await archive_queries.entry_from(tx, lot_id, bid.seq)
    return None if row is None else decode_archived(row)


def _sign_entry(context: AppContext, entry: StreamEntry) -> dict[int, str]:
    """The receipts of an entry's bids and maxima by their seqs; what a maximum bid by itself has none."""
    facts = [
        (
            seq,
            event.paddle,
            event.amount_fen,
            event.price_fen,
            event.leading,
            event.ends_at_ms,
            event.key,
            context.bidder_codes.code(event.bidder_id),
        )
        for seq, event in enumerate(entry.events, entry.first_seq)
        if isinstance(event, BidPlaced | MaximumSet) and not is_made_key(event.key)
    ]
    batch = Batch(entry.lot_id, entry.epoch, entry.at_ms, entry.chain, facts)
    receipts = batch.sign(context.house_keys.key_at(entry.at_ms))
    return {seq: receipt for (seq, *_), receipt in zip(facts, receipts, strict=True)}
