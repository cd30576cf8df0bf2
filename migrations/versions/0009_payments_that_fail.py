"""Items set aside with their error, payments that staff give up, and acts about one payment."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def allow_actions(*actions: str) -> None:
    """Replace the constraint on the acts that need two persons."""
    listed = ", ".join(f"'{action}'" for action in actions)
    op.execute("ALTER TABLE approvals DROP CONSTRAINT ck_approvals_action")
    op.execute(f"ALTER TABLE approvals ADD CONSTRAINT ck_approvals_action CHECK (action IN ({listed}))")


def upgrade() -> None:
    """Add them."""
    op.execute("ALTER TABLE payment_operations ADD COLUMN abandon_asked_at_ms bigint")
    op.execute('ALTER TABLE approvals ADD COLUMN subject text COLLATE "C"')
    allow_actions("void", "default", "writeoff", "refund-otherwise")
    op.execute(
        """
        CREATE TABLE faults (
            stage text COLLATE "C" NOT NULL,
            item_id text COLLATE "C" NOT NULL,
            lot_id text COLLATE "C" NOT NULL,
            error text NOT NULL,
            count integer NOT NULL,
            first_at_ms bigint NOT NULL,
            last_at_ms bigint NOT NULL,
            next_try_at_ms bigint NOT NULL,
            CONSTRAINT pk_faults PRIMARY KEY (stage, item_id)
        )
        """
    )
    op.execute("CREATE INDEX ix_faults_lot_id ON faults (lot_id)")


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE faults")
    op.execute("DELETE FROM approvals WHERE action = 'refund-otherwise'")
    allow_actions("void", "default", "writeoff")
    op.execute("ALTER TABLE approvals DROP COLUMN subject")
    op.execute("ALTER TABLE payment_operations DROP COLUMN abandon_asked_at_ms")
