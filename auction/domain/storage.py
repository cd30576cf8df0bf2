"""What a lot costs that is paid and not fetched: nothing until its deadline, then a fee for each day that has begun.

Amounts in fen, times in UTC ms. Source: the terms, section settlement.
"""

from auction.domain.accounts import JournalAccount
from auction.domain.journal import JournalEntry, balanced_entry

DAY_MS = 86_400_000
REMIND_MS = 7 * DAY_MS
"""How long before the deadline its buyer is reminded."""


def storage_fee_fen(fee_fen: int, *, fetch_by_ms: int, now_ms: int) -> int:
    """The fee so far, in fen; `fee_fen` is that of a day."""
    late_ms = max(0, now_ms - fetch_by_ms)
    return fee_fen * -(-late_ms // DAY_MS)


def storage_fee_paid(*, award_id: str, lot_id: str, amount_fen: int) -> JournalEntry:
    """The entry of a fee that the buyer paid when the lot was handed over."""
    return balanced_entry(
        "storage-fee-paid",
        award_id,
        lot_id,
        None,
        debit=[(JournalAccount.CASH, amount_fen)],
        credit=[(JournalAccount.STORAGE_INCOME, amount_fen)],
    )
