"""When a session was last seen, which its owner is shown."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; sessions from before were seen when they began."""
    op.execute("ALTER TABLE sessions ADD COLUMN last_seen_at_ms bigint")


def downgrade() -> None:
    """Remove it."""
    op.execute("ALTER TABLE sessions DROP COLUMN last_seen_at_ms")
