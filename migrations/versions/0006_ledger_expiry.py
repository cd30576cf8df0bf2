"""Until when the ledger keeps what belongs to a lot that is over, and to the purses of a sale."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both times, and an index on the few ended lots that have none yet."""
    op.execute("ALTER TABLE lots ADD COLUMN ledger_keys_until_ms bigint")
    op.execute("ALTER TABLE sales ADD COLUMN purse_until_ms bigint")
    op.execute(
        "CREATE INDEX ix_lots_ended ON lots (lot_id) "
        "WHERE status IN ('closed', 'void') AND ledger_keys_until_ms IS NULL"
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP INDEX ix_lots_ended")
    op.execute("ALTER TABLE sales DROP COLUMN purse_until_ms")
    op.execute("ALTER TABLE lots DROP COLUMN ledger_keys_until_ms")
