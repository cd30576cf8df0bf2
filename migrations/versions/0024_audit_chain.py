"""The hash chain over the audit log; the worker that writes it begins with the rows that are there."""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.execute(
        """
        CREATE TABLE audit_chain (
            position bigint NOT NULL,
            action_id bigint NOT NULL,
            sha256 bytea NOT NULL,
            chained_at_ms bigint NOT NULL,
            CONSTRAINT pk_audit_chain PRIMARY KEY (position),
            CONSTRAINT uq_audit_chain_action_id UNIQUE (action_id),
            CONSTRAINT ck_audit_chain_position CHECK (position >= 1),
            CONSTRAINT ck_audit_chain_sha256 CHECK (octet_length(sha256) = 32)
        )
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_chain_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_chain
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )
    op.execute("CREATE INDEX ix_staff_actions_actor ON staff_actions (actor, action_id)")


def downgrade() -> None:
    """Remove it: what was published of it can be checked no more."""
    op.execute("DROP INDEX ix_staff_actions_actor")
    op.execute("DROP TABLE audit_chain")
