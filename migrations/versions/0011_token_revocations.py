"""Tokens that are taken back before their end."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.execute(
        """
        CREATE TABLE token_revocations (
            revocation_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
            subject text COLLATE "C" NOT NULL,
            token_id text COLLATE "C",
            issued_until_s bigint,
            expires_at_s bigint NOT NULL,
            revoked_by text COLLATE "C" NOT NULL,
            at_ms bigint NOT NULL DEFAULT (EXTRACT(epoch FROM now()) * 1000)::bigint,
            CONSTRAINT pk_token_revocations PRIMARY KEY (revocation_id),
            CONSTRAINT ck_token_revocations_what CHECK ((token_id IS NULL) <> (issued_until_s IS NULL))
        )
        """
    )


def downgrade() -> None:
    """Remove them."""
    op.execute("DROP TABLE token_revocations")
