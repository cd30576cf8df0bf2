"""Fees for lots that are fetched late."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

ACCOUNTS = (
    "cash", "deposits_held", "memo_authorised", "memo_authorised_contra", "refund_payable", "buyer_receivable",
    "seller_clearing", "commission_deferred", "commission_income", "seller_payable", "seller_receivable",
    "forfeit_suspense", "forfeiture_income", "shortfall_receivable", "claim_clearing", "reauction_cost", "bank_cash",
    "unmatched_receipts", "transfers_payable", "dispute_receivable", "dispute_loss",
)  # fmt: skip


def allow_accounts(*accounts: str) -> None:
    """Replace the constraint on accounts; lines of before are not looked at."""
    listed = ", ".join(f"'{account}'" for account in accounts)
    op.execute("ALTER TABLE journal_lines DROP CONSTRAINT ck_journal_lines_account")
    op.execute(
        f"ALTER TABLE journal_lines ADD CONSTRAINT ck_journal_lines_account CHECK (account IN ({listed})) NOT VALID"
    )


def upgrade() -> None:
    """Add their account, and the deadline of lots that are paid: 30 days from the payment."""
    allow_accounts(*ACCOUNTS, "storage_income")
    op.execute("ALTER TABLE journal_lines VALIDATE CONSTRAINT ck_journal_lines_account")
    op.execute(
        """
        UPDATE settlements SET deadline_at_ms = awards.paid_at_ms + 2592000000 FROM awards
        WHERE awards.lot_id = settlements.lot_id AND awards.status = 'paid' AND settlements.state = 'paid'
        """
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("UPDATE settlements SET deadline_at_ms = NULL WHERE state = 'paid'")
    allow_accounts(*ACCOUNTS)
