"""Sessions as rows, and accounts that are disabled or change their version."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.execute("ALTER TABLE accounts ADD COLUMN version bigint NOT NULL DEFAULT 1")
    op.execute("ALTER TABLE accounts ADD COLUMN disabled_at_ms bigint")
    op.execute(
        """
        CREATE TABLE sessions (
            session_id text COLLATE "C" NOT NULL,
            subject text COLLATE "C" NOT NULL,
            client text NOT NULL,
            address text NOT NULL,
            created_at_ms bigint NOT NULL,
            expires_at_s bigint NOT NULL,
            ended_at_ms bigint,
            CONSTRAINT pk_sessions PRIMARY KEY (session_id)
        )
        """
    )
    op.execute("CREATE INDEX ix_sessions_subject ON sessions (subject, created_at_ms)")


def downgrade() -> None:
    """Remove them: disabled accounts sign in again."""
    op.execute("DROP TABLE sessions")
    op.execute("ALTER TABLE accounts DROP COLUMN disabled_at_ms")
    op.execute("ALTER TABLE accounts DROP COLUMN version")
