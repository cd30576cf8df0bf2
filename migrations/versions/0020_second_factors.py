"""Authenticators of staff, and the session and browser from which an act of two persons was requested."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.execute(
        """
        CREATE TABLE second_factors (
            subject text COLLATE "C" NOT NULL,
            sealed_secret text,
            pending_secret text,
            last_step bigint NOT NULL DEFAULT 0,
            recovery_hashes jsonb NOT NULL DEFAULT '[]'::jsonb,
            enrolled_at_ms bigint,
            CONSTRAINT pk_second_factors PRIMARY KEY (subject),
            CONSTRAINT ck_second_factors_enrolled CHECK ((sealed_secret IS NULL) = (enrolled_at_ms IS NULL))
        )
        """
    )
    op.execute('ALTER TABLE approvals ADD COLUMN asked_session text COLLATE "C"')
    op.execute('ALTER TABLE approvals ADD COLUMN asked_device text COLLATE "C"')


def downgrade() -> None:
    """Remove them: staff sign in with a password alone."""
    op.execute("ALTER TABLE approvals DROP COLUMN asked_device")
    op.execute("ALTER TABLE approvals DROP COLUMN asked_session")
    op.execute("DROP TABLE second_factors")
