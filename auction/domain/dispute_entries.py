"""Double entry: what the provider takes back unasked, one function for each kind; see `auction.domain.journal`."""

from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry, balanced_entry


def dispute_opened(*, reversal_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The provider has taken a payment back; the house may get it again."""
    return balanced_entry(
        "dispute-opened",
        reversal_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.DISPUTE_RECEIVABLE, amount_fen)],
        credit=[(JournalAccount.CASH, amount_fen)],
    )


def dispute_won(*, reversal_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The provider has given back what it had taken for a dispute."""
    return balanced_entry(
        "dispute-won",
        reversal_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.CASH, amount_fen)],
        credit=[(JournalAccount.DISPUTE_RECEIVABLE, amount_fen)],
    )


def dispute_lost(
    *, reversal_id: str, lot_id: str, bidder_id: str, amount_fen: int, account: JournalAccount, seller_fen: int = 0
) -> JournalEntry:
    """A payment is lost for good: the seller owes `seller_fen` of it, and `account` bears the rest."""
    return balanced_entry(
        "dispute-lost",
        reversal_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.SELLER_RECEIVABLE, seller_fen), (account, amount_fen - seller_fen)],
        credit=[(JournalAccount.DISPUTE_RECEIVABLE, amount_fen)],
    )


def deposit_lost(*, deposit_id: str, lot_id: str, bidder_id: str, held_fen: int, disputed_fen: int) -> JournalEntry:
    """A deposit went back to its bidder by a dispute; the part that was not disputed is owed back."""
    return balanced_entry(
        "deposit-lost",
        deposit_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.DEPOSITS_HELD, held_fen)],
        credit=[
            (JournalAccount.DISPUTE_RECEIVABLE, disputed_fen),
            (JournalAccount.REFUND_PAYABLE, held_fen - disputed_fen),
        ],
    )


def dispute_recovered(*, reversal_id: str, lot_id: str, bidder_id: str, amount_fen: int) -> JournalEntry:
    """The sale is void: what the buyer took back by a dispute is not refunded again."""
    return balanced_entry(
        "dispute-recovered",
        reversal_id,
        lot_id,
        bidder_id,
        debit=[(JournalAccount.REFUND_PAYABLE, amount_fen)],
        credit=[(JournalAccount.DISPUTE_LOSS, amount_fen)],
    )


def claw_back_repaid(*, reversal_id: str, lot_id: str, amount_fen: int) -> JournalEntry:
    """The seller has paid back what they got for a sale whose payment was taken back."""
    return balanced_entry(
        "claw-back-repaid",
        reversal_id,
        lot_id,
        None,
        debit=[(JournalAccount.CASH, amount_fen)],
        credit=[(JournalAccount.SELLER_RECEIVABLE, amount_fen)],
    )
