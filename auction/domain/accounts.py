"""The accounts of the journal. Source: domain rules, "Deposits" and "Settlement"."""

from enum import StrEnum


class JournalAccount(StrEnum):
    """The accounts of the journal."""

    CASH = "cash"
    """Money with the payment provider, less what sellers were paid."""
    DEPOSITS_HELD = "deposits_held"
    """Charged deposits: owed to the bidder until applied, released or forfeited."""
    MEMO_AUTHORISED = "memo_authorised"
    """Authorised deposits: the provider reserves them, no money has moved."""
    MEMO_AUTHORISED_CONTRA = "memo_authorised_contra"
    REFUND_PAYABLE = "refund_payable"
    BUYER_RECEIVABLE = "buyer_receivable"
    SELLER_CLEARING = "seller_clearing"
    """The price of awards whose lots have not been handed over."""
    COMMISSION_DEFERRED = "commission_deferred"
    """The buyer's fee, not earned before the handover."""
    COMMISSION_INCOME = "commission_income"
    SELLER_PAYABLE = "seller_payable"
    SELLER_RECEIVABLE = "seller_receivable"
    """What sellers were paid from a deposit that was given back later: they owe it to the house."""
    FORFEIT_SUSPENSE = "forfeit_suspense"
    """Forfeited deposits whose waterfall has not run."""
    FORFEITURE_INCOME = "forfeiture_income"
    SHORTFALL_RECEIVABLE = "shortfall_receivable"
    CLAIM_CLEARING = "claim_clearing"
    """The other side of a claim: no income before it is paid."""
    REAUCTION_COST = "reauction_cost"
    BANK_CASH = "bank_cash"
    """Money at the house's bank: transfers received, less those sent back."""
    UNMATCHED_RECEIPTS = "unmatched_receipts"
    """Bank receipts, or parts of them, that pay no award: they are matched later, or returned."""
    TRANSFERS_PAYABLE = "transfers_payable"
    """Bank receipts that are to be sent back, and whose transfers the bank has not confirmed."""
    DISPUTE_RECEIVABLE = "dispute_receivable"
    """What the provider took back for disputes that are not decided."""
    DISPUTE_LOSS = "dispute_loss"
    """What disputes, and refunds that nobody asked for, have cost the house."""
    STORAGE_INCOME = "storage_income"
    """Fees for lots that were fetched late."""
    REST_WAIVED = "rest_waived"
    """Rests of payments that are less than the payment provider takes at once: the house bears them."""


MEMO = frozenset({JournalAccount.MEMO_AUTHORISED, JournalAccount.MEMO_AUTHORISED_CONTRA})
"""Accounts for what a provider reserves; they balance on their own and never mix with money."""

PER_BIDDER = frozenset(
    {
        JournalAccount.DEPOSITS_HELD,
        JournalAccount.MEMO_AUTHORISED,
        JournalAccount.REFUND_PAYABLE,
        JournalAccount.BUYER_RECEIVABLE,
        JournalAccount.FORFEIT_SUSPENSE,
        JournalAccount.SHORTFALL_RECEIVABLE,
        JournalAccount.DISPUTE_RECEIVABLE,
    }
)
"""Accounts kept for each bidder: their lines name the bidder, and no other lines do."""
