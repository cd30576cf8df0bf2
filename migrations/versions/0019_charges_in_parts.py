"""Charges in parts, and rests that are waived."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

ACCOUNTS = (
    "cash", "deposits_held", "memo_authorised", "memo_authorised_contra", "refund_payable", "buyer_receivable",
    "seller_clearing", "commission_deferred", "commission_income", "seller_payable", "seller_receivable",
    "forfeit_suspense", "forfeiture_income", "shortfall_receivable", "claim_clearing", "reauction_cost", "bank_cash",
    "unmatched_receipts", "transfers_payable", "dispute_receivable", "dispute_loss", "storage_income",
)  # fmt: skip


def allow_accounts(*accounts: str) -> None:
    """Replace the constraint on accounts; lines of before are not looked at."""
    listed = ", ".join(f"'{account}'" for account in accounts)
    op.execute("ALTER TABLE journal_lines DROP CONSTRAINT ck_journal_lines_account")
    op.execute(
        f"ALTER TABLE journal_lines ADD CONSTRAINT ck_journal_lines_account CHECK (account IN ({listed})) NOT VALID"
    )


def upgrade() -> None:
    """Add the sum of a charge's parts, what is waived of an award, and its account."""
    allow_accounts(*ACCOUNTS, "rest_waived")
    op.execute("ALTER TABLE journal_lines VALIDATE CONSTRAINT ck_journal_lines_account")
    op.execute(
        "ALTER TABLE awards ADD COLUMN waived_fen bigint NOT NULL DEFAULT 0, ADD CONSTRAINT ck_awards_waived_fen "
        "CHECK (waived_fen BETWEEN 0 AND price_fen + fee_fen - received_fen)"
    )
    op.execute(
        "ALTER TABLE payment_operations ADD COLUMN sum_fen bigint, "
        "ADD CONSTRAINT ck_payment_operations_sum_fen CHECK (sum_fen > amount_fen)"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("ALTER TABLE payment_operations DROP COLUMN sum_fen")
    op.execute("ALTER TABLE awards DROP COLUMN waived_fen")
    allow_accounts(*ACCOUNTS)
