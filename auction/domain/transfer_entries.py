"""Makes journal entries about bank transfers: received, waiting to be matched, and sent back.

Money at the bank is in `bank_cash`, apart from `cash`, which is with the payment provider. An entry that no lot
explains has the lot NO_LOT: a receipt that is not matched, and its return.
"""

from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry, balanced_entry

NO_LOT = ""
"""The lot of an entry that belongs to none."""


def transfer_received(*, receipt_id: int, award_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """A receipt at the bank, or a part of it, pays an award."""
    return balanced_entry(
        "transfer-received",
        f"{receipt_id}:{award_id}",
        lot_id,
        bidder_id,
        debit=[(JournalAccount.BANK_CASH, amount_fen)],
        credit=[(JournalAccount.BUYER_RECEIVABLE, amount_fen)],
    )


def receipt_suspended(*, receipt_id: int, amount_fen: int) -> JournalEntry:
    """A receipt, or the part of it that pays no award, waits to be matched or returned."""
    return balanced_entry(
        "receipt-suspended",
        str(receipt_id),
        NO_LOT,
        None,
        debit=[(JournalAccount.BANK_CASH, amount_fen)],
        credit=[(JournalAccount.UNMATCHED_RECEIPTS, amount_fen)],
    )


def receipt_cleared(*, receipt_id: int, award_id: str, amount_fen: int) -> JournalEntry:
    """What waited was matched: it is booked again as received for an award."""
    return balanced_entry(
        "receipt-cleared",
        f"{receipt_id}:{award_id}",
        NO_LOT,
        None,
        debit=[(JournalAccount.UNMATCHED_RECEIPTS, amount_fen)],
        credit=[(JournalAccount.BANK_CASH, amount_fen)],
    )


def transfer_return_owed(
    *, transfer_id: str, lot_id: str, bidder_id: str | None, amount_fen: int, source: JournalAccount
) -> JournalEntry:
    """A receipt, or a part of it, is to be sent back out of an account.

    `unmatched_receipts` where no award got it, `buyer_receivable` of an award that was due, `refund_payable` of a sale
    that was reversed.
    """
    return balanced_entry(
        "transfer-return-owed",
        transfer_id,
        lot_id,
        bidder_id,
        debit=[(source, amount_fen)],
        credit=[(JournalAccount.TRANSFERS_PAYABLE, amount_fen)],
    )


def transfer_returned(*, transfer_id: str, lot_id: str, amount_fen: int) -> JournalEntry:
    """The bank confirmed an outgoing transfer."""
    return balanced_entry(
        "transfer-returned",
        transfer_id,
        lot_id,
        None,
        debit=[(JournalAccount.TRANSFERS_PAYABLE, amount_fen)],
        credit=[(JournalAccount.BANK_CASH, amount_fen)],
    )
