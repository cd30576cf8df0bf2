"""Claims that are paid in parts, and what of a loss nobody has paid."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def allow_actions(*actions: str) -> None:
    """Replace the constraint on the acts that need two persons."""
    listed = ", ".join(f"'{action}'" for action in actions)
    op.execute("ALTER TABLE approvals DROP CONSTRAINT ck_approvals_action")
    op.execute(f"ALTER TABLE approvals ADD CONSTRAINT ck_approvals_action CHECK (action IN ({listed}))")


def upgrade() -> None:
    """Add them."""
    op.execute("ALTER TABLE defaults ADD COLUMN unmet jsonb")
    op.execute("ALTER TABLE defaults ADD COLUMN collected_fen bigint NOT NULL DEFAULT 0")
    op.execute("ALTER TABLE defaults ADD COLUMN reduced_fen bigint NOT NULL DEFAULT 0")
    op.execute(
        "ALTER TABLE defaults ADD CONSTRAINT ck_defaults_claim "
        "CHECK (collected_fen >= 0 AND reduced_fen >= 0 AND collected_fen + reduced_fen <= claim_fen)"
    )
    op.execute(
        """
        CREATE TABLE claim_payments (
            default_id text COLLATE "C" NOT NULL,
            reference text COLLATE "C" NOT NULL,
            amount_fen bigint NOT NULL,
            gap_fen bigint NOT NULL,
            at_ms bigint NOT NULL,
            CONSTRAINT pk_claim_payments PRIMARY KEY (default_id, reference),
            CONSTRAINT fk_claim_payments_defaults FOREIGN KEY (default_id) REFERENCES defaults (default_id),
            CONSTRAINT ck_claim_payments_amount_fen CHECK (amount_fen BETWEEN 1 AND 10000000000000)
        )
        """
    )
    allow_actions("void", "default", "writeoff", "refund-otherwise", "collect")


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM approvals WHERE action = 'collect'")
    allow_actions("void", "default", "writeoff", "refund-otherwise")
    op.execute("DROP TABLE claim_payments")
    op.execute("ALTER TABLE defaults DROP COLUMN reduced_fen")
    op.execute("ALTER TABLE defaults DROP COLUMN collected_fen")
    op.execute("ALTER TABLE defaults DROP COLUMN unmet")
