"""Makes journal entries about the shares of purses: what a lot used moves from the purse's lot to its own.

So the accounts of each lot close, though one deposit serves the lots of a sale.
"""

from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry, balanced_entry


def share_taken(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int, is_cash: bool) -> JournalEntry:
    """A share was taken out of a purse for another lot: the purse's lot holds that much less.

    `deposit_id` is the share's; `is_cash`: charged or captured, and not only authorised.
    """
    source, target = _held(is_cash=is_cash)
    return balanced_entry(
        "share-taken", deposit_id, lot_id, bidder_id, debit=[(target, amount_fen)], credit=[(source, amount_fen)]
    )


def share_held(*, deposit_id: str, lot_id: str, bidder_id: str, amount_fen: int, is_cash: bool) -> JournalEntry:
    """The share that was taken out of a purse is held for the lot that it is for."""
    source, target = _held(is_cash=is_cash)
    return balanced_entry(
        "share-held", deposit_id, lot_id, bidder_id, debit=[(source, amount_fen)], credit=[(target, amount_fen)]
    )


def _held(*, is_cash: bool) -> tuple[JournalAccount, JournalAccount]:
    """The accounts of what is held: where it is, and to whom it belongs."""
    if is_cash:
        return JournalAccount.CASH, JournalAccount.DEPOSITS_HELD
    return JournalAccount.MEMO_AUTHORISED, JournalAccount.MEMO_AUTHORISED_CONTRA
