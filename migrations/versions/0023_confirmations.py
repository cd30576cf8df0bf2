"""Until when a card's owner is to confirm a hold or charge with their bank."""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.execute("ALTER TABLE payment_operations ADD COLUMN confirm_by_ms bigint")
    op.execute(
        "ALTER TABLE payment_operations ADD CONSTRAINT ck_payment_operations_confirm_by "
        "CHECK (confirm_by_ms IS NULL OR kind IN ('hold', 'charge'))"
    )
    op.execute(
        "CREATE INDEX ix_payment_operations_unconfirmed ON payment_operations (bidder_id) "
        "WHERE confirm_by_ms IS NOT NULL AND status IN ('intended', 'pending')"
    )


def downgrade() -> None:
    """Remove it: what waits for its owner waits for the provider alone."""
    op.execute("DROP INDEX ix_payment_operations_unconfirmed")
    op.execute("ALTER TABLE payment_operations DROP CONSTRAINT ck_payment_operations_confirm_by")
    op.execute("ALTER TABLE payment_operations DROP COLUMN confirm_by_ms")
