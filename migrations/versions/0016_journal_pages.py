"""Journal entries name the transaction that posted them, so that a page steps over none that is committed late."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; entries that are there get the transaction of this migration."""
    op.execute(
        "ALTER TABLE journal_entries ADD COLUMN posted_by bigint NOT NULL "
        "DEFAULT ((pg_current_xact_id())::text)::bigint"
    )
    op.execute("CREATE INDEX ix_journal_entries_posted ON journal_entries (posted_by, entry_id)")


def downgrade() -> None:
    """Remove it."""
    op.execute("ALTER TABLE journal_entries DROP COLUMN posted_by")
