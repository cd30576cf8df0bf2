"""The tables of the database, typed, one module a subject.

The migrations build the same tables by hand, and a test compares the two. What the archive writes has no foreign keys;
drafts and everything that people enter do have them.
"""

from auction.books.tables.archive import archive_cursors, bids, ledger_entries, ledger_identity, lot_chains, lot_results
from auction.books.tables.bank import bank_receipts, outgoing_transfers, receipt_matches, statement_mappings
from auction.books.tables.base import Id, metadata
from auction.books.tables.bidders import bidder_blocks, bidder_marks, bidders, paddles, registrations
from auction.books.tables.catalogue import lots, sales
from auction.books.tables.faults import faults
from auction.books.tables.journal import journal_entries, journal_lines
from auction.books.tables.payments import deposits, payment_operations
from auction.books.tables.provider_events import provider_events, reversals
from auction.books.tables.recovery import (
    acknowledged_marks,
    bid_claims,
    entries_set_aside,
    frozen_lots,
    restored_lots,
)
from auction.books.tables.saved_methods import provider_customers, saved_methods
from auction.books.tables.settlements import (
    awards,
    claim_payments,
    defaults,
    offers,
    runners_up,
    settlement_steps,
    settlements,
)
from auction.books.tables.staff import (
    accounts,
    approvals,
    audit_chain,
    second_factors,
    sessions,
    staff_actions,
    token_revocations,
)

__all__ = [
    "Id",
    "accounts",
    "acknowledged_marks",
    "approvals",
    "archive_cursors",
    "audit_chain",
    "awards",
    "bank_receipts",
    "bid_claims",
    "bidder_blocks",
    "bidder_marks",
    "bidders",
    "bids",
    "claim_payments",
    "defaults",
    "deposits",
    "entries_set_aside",
    "faults",
    "frozen_lots",
    "journal_entries",
    "journal_lines",
    "ledger_entries",
    "ledger_identity",
    "lot_chains",
    "lot_results",
    "lots",
    "metadata",
    "offers",
    "outgoing_transfers",
    "paddles",
    "payment_operations",
    "provider_customers",
    "provider_events",
    "receipt_matches",
    "registrations",
    "restored_lots",
    "reversals",
    "runners_up",
    "sales",
    "saved_methods",
    "second_factors",
    "sessions",
    "settlement_steps",
    "settlements",
    "staff_actions",
    "statement_mappings",
    "token_revocations",
]
