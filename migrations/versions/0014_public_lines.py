"""Chains over public lines: what each lot's chain runs over, and the secret that its commitments are salted from."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; lots that are archived already have no row, and finish under the chain that they began with."""
    op.execute("""
        CREATE TABLE lot_chains (
            lot_id text COLLATE "C" NOT NULL,
            version smallint NOT NULL,
            secret bytea NOT NULL,
            CONSTRAINT pk_lot_chains PRIMARY KEY (lot_id),
            CONSTRAINT ck_lot_chains_version CHECK (version = 2),
            CONSTRAINT ck_lot_chains_secret CHECK (length(secret) = 32)
        )
    """)


def downgrade() -> None:
    """Remove it: the heads of lots that were begun since cannot be checked any more."""
    op.execute("DROP TABLE lot_chains")
