"""Acts on running lots that need two persons, and requests that are withdrawn."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BEFORE = ("void", "default", "writeoff", "refund-otherwise", "collect", "bank-receipt", "send-transfer")
NEW = ("close-lot", "extend-lot", "void-bid", "void-lot", "set-identity")


def allow(*actions: str) -> None:
    """Replace the constraint on the actions."""
    listed = ", ".join(f"'{action}'" for action in actions)
    op.execute("ALTER TABLE approvals DROP CONSTRAINT ck_approvals_action")
    op.execute(f"ALTER TABLE approvals ADD CONSTRAINT ck_approvals_action CHECK (action IN ({listed}))")


def upgrade() -> None:
    """Allow them."""
    allow(*BEFORE, *NEW)
    op.execute('ALTER TABLE approvals ADD COLUMN agreed_key text COLLATE "C"')
    op.execute('ALTER TABLE approvals ADD COLUMN withdrawn_by text COLLATE "C"')
    op.execute("ALTER TABLE approvals ADD COLUMN withdrawn_at_ms bigint")


def downgrade() -> None:
    """Requests of the new kinds are removed, withdrawn ones count as waiting until they expire."""
    op.execute(
        "DELETE FROM approvals WHERE action IN ('close-lot', 'extend-lot', 'void-bid', 'void-lot', 'set-identity')"
    )
    allow(*BEFORE)
    op.execute("ALTER TABLE approvals DROP COLUMN agreed_key")
    op.execute("ALTER TABLE approvals DROP COLUMN withdrawn_at_ms")
    op.execute("ALTER TABLE approvals DROP COLUMN withdrawn_by")
