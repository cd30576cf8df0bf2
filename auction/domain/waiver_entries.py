"""Makes journal entries about rests of payments that are waived, as they are less than the provider takes at once."""

from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry, balanced_entry


def rest_waived(*, award_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The house bears what is left of an award: its winner has paid."""
    return balanced_entry(
        "rest-waived",
        award_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.REST_WAIVED, amount_fen)],
        credit=[(JournalAccount.BUYER_RECEIVABLE, amount_fen)],
    )


def waiver_reversed(*, award_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The sale was reversed: what was waived was never paid, and is not owed back."""
    return balanced_entry(
        "waiver-reversed",
        award_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.REFUND_PAYABLE, amount_fen)],
        credit=[(JournalAccount.REST_WAIVED, amount_fen)],
    )
