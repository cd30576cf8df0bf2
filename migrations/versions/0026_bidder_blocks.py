"""Bidders whom staff have blocked, and the acts of two persons that block them."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

BEFORE = (
    "void",
    "default",
    "writeoff",
    "refund-otherwise",
    "collect",
    "bank-receipt",
    "send-transfer",
    "close-lot",
    "extend-lot",
    "void-bid",
    "void-lot",
    "set-identity",
)
NEW = ("block-bidder", "unblock-bidder")


def allow(*actions: str) -> None:
    """Replace the constraint on the actions."""
    listed = ", ".join(f"'{action}'" for action in actions)
    op.execute("ALTER TABLE approvals DROP CONSTRAINT ck_approvals_action")
    op.execute(f"ALTER TABLE approvals ADD CONSTRAINT ck_approvals_action CHECK (action IN ({listed}))")


def upgrade() -> None:
    """Allow the acts, and add the table."""
    allow(*BEFORE, *NEW)
    op.execute("""
        CREATE TABLE bidder_blocks (
            bidder_id text COLLATE "C" NOT NULL,
            reason text NOT NULL,
            blocked_by text COLLATE "C" NOT NULL,
            blocked_at_ms bigint NOT NULL,
            CONSTRAINT pk_bidder_blocks PRIMARY KEY (bidder_id),
            CONSTRAINT fk_bidder_blocks_bidders FOREIGN KEY (bidder_id) REFERENCES bidders (bidder_id)
        )
    """)


def downgrade() -> None:
    """Nobody is blocked any more; requests of the new kinds are removed."""
    op.execute("DELETE FROM approvals WHERE action IN ('block-bidder', 'unblock-bidder')")
    allow(*BEFORE)
    op.execute("DROP TABLE bidder_blocks")
